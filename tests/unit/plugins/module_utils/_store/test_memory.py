# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of an account from run to run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.memory import AccountMemory


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


@pytest.fixture
def memory(files: Files) -> AccountMemory:
    return AccountMemory(files, "ca.test", "default")


def test_what_was_remembered_comes_back_by_subject(memory: AccountMemory) -> None:
    memory.remember("pauses", {"newOrder": "then"})
    assert memory.recall("pauses") == {"newOrder": "then"}
    assert memory.recall("identifiers") == {}


def test_nothing_to_remember_leaves_no_file(memory: AccountMemory, files: Files) -> None:
    memory.remember("pauses", {"newOrder": "then"})
    memory.remember("pauses", {})
    assert files.names("memory/ca.test/default") == []


def test_a_broken_file_gives_nothing_and_is_set_aside_by_the_next_writing(memory: AccountMemory, files: Files) -> None:
    files.write("memory/ca.test/default/orders.json", b"\x00\xff")
    assert memory.recall("orders") == {}
    memory.remember("orders", {"made": []})
    assert memory.recall("orders") == {"made": []}
    assert files.read("memory/ca.test/default/orders.json.broken") == b"\x00\xff"


def test_what_was_cut_off_while_it_was_written_is_swept_away(memory: AccountMemory, files: Files) -> None:
    memory.remember("orders", {"made": []})
    files.write("memory/ca.test/default/.new-abc", b"half")
    memory.sweep()
    assert files.read("memory/ca.test/default/.new-abc") is None
    assert memory.recall("orders") == {"made": []}
