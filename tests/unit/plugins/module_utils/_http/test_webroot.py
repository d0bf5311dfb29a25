# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of answers to http-01 challenges."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._http.challenge import ChallengeFile
from ansible_collections.certfleet.acme.plugins.module_utils._http.webroot import LONGEST, place, take_away

FILE = ChallengeFile("a.example", "token_1", "token_1.thumbprint")


def age(path: Path, seconds: float) -> None:
    instant = time.time() - seconds
    os.utime(path, (instant, instant))


def test_what_nobody_may_read_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    # as good as a file of somebody else, also for root
    (tmp_path / "old_token").symlink_to(foreign / "gone")
    (tmp_path / "other_token").write_text("x")
    age(tmp_path / "other_token", LONGEST + 60)
    real = Files.read

    def read(files: Files, name: str) -> bytes | None:
        if name == "other_token":
            raise StoreError("Can't read it: Permission denied")
        return real(files, name)

    monkeypatch.setattr(Files, "read", read)
    place(str(tmp_path), [FILE])
    assert take_away(str(tmp_path), [FILE]) == [FILE]
    assert (tmp_path / "other_token").exists()


def test_what_killed_runs_have_left_goes_and_nothing_else(tmp_path: Path) -> None:
    contents = {
        "old_token": "old_token.thumbprint",
        "young_token": "young_token.thumbprint",
        "other": "somebody's",
        "of_another": "token.thumbprint",
        "index.html": "index.html.x",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        age(tmp_path / name, LONGEST + 60)
    age(tmp_path / "young_token", LONGEST - 60)
    (tmp_path / "folder").mkdir()
    place(str(tmp_path), [FILE])
    assert (tmp_path / "old_token").exists()
    assert take_away(str(tmp_path), [FILE], check=True) == [FILE]
    assert (tmp_path / "old_token").exists()
    assert take_away(str(tmp_path), [FILE]) == [FILE]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"young_token", "other", "of_another", "index.html", "folder"}
