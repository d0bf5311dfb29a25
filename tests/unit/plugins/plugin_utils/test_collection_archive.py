# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of a collection depends on its files and on nothing else."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.plugin_utils.collection_archive import collection_archive


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A collection as it lies in a checkout."""
    for name in ("plugins/modules/one.py", "roles/x/tasks/main.yml", "README.md", "tests/secret", "plugins/.git"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "plugins" / "__pycache__").mkdir()
    (tmp_path / "plugins" / "__pycache__" / "one.pyc").write_text("compiled")
    return tmp_path


def test_it_holds_what_is_needed_to_use_the_collection(collection: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(collection_archive(collection))) as archive:
        assert set(archive.getnames()) == {
            "README.md",
            "plugins/modules/one.py",
            "plugins/.git",
            "roles/x/tasks/main.yml",
        }
        assert {(each.uid, each.mtime, each.mode) for each in archive} == {(0, 0, 0o644)}


def test_it_is_the_same_until_a_file_changes(collection: Path) -> None:
    first = collection_archive(collection)
    os.utime(collection / "README.md", (1, 1))
    (collection / "tests" / "secret").write_text("other")
    assert collection_archive(collection) == first
    (collection / "README.md").write_text("other")
    assert collection_archive(collection) != first


def test_a_folder_without_a_collection_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no collection"):
        collection_archive(tmp_path)
