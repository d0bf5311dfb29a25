# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that root runs on a folder of another user, through Ansible itself."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.modules import COLLECTION, environment

BOB, EVE = 4011, 4012

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give itself up")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may enter, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="certfleet-owner-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder(place: Path) -> Path:
    """A user's folder, such as a store."""
    path = place / "folder"
    path.mkdir(mode=0o700)
    os.chown(path, BOB, BOB)
    return path


def call(place: Path, module: str, folder: str = "", **options: Any) -> dict[str, Any]:
    """Run the module with the play's own Python; temporary files go below ``place``."""
    scratch = place / (folder or "scratch")
    scratch.mkdir(mode=0o700 if folder else 0o1777, exist_ok=True)
    scratch.chmod(0o700 if folder else 0o1777)
    command = ["ansible", "-i", "localhost,", "localhost", "-c", "local", "-e"]
    command += ["ansible_python_interpreter={{ ansible_playbook_python }}", "-m", f"{COLLECTION}.{module}"]
    done = subprocess.run(
        [*command, "-a", json.dumps(options)],
        capture_output=True,
        text=True,
        check=False,
        env={**environment(), "TMPDIR": str(scratch)},
    )
    assert list(scratch.iterdir()) == [], "nothing that was made for the task is left"
    assert " => " in done.stdout, done.stdout + done.stderr
    head, _arrow, told = done.stdout.partition(" => ")
    result: dict[str, Any] = json.loads(told)
    return {**result, "failed": head.endswith("FAILED!")}


def owners(folder: Path) -> set[int]:
    """Whom the folder and all that is in it belong to."""
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("private", [pytest.param("private", id="temporary files of root's own"), ""])
def test_what_root_makes_in_a_users_folder_is_the_users(place: Path, folder: Path, private: str) -> None:
    made = call(place, "certificate_install", private, state="prepared", path=str(folder))
    assert made["changed"], made
    assert (folder / "recipient" / "privkey.pem").is_file()
    assert owners(folder) == {BOB}
    assert not call(place, "certificate_install", private, state="prepared", path=str(folder))["changed"]


def test_root_stays_root_in_its_own_folder(place: Path) -> None:
    made = call(place, "certificate_install", state="prepared", path=str(place / "new"))
    assert made["changed"], made
    assert owners(place / "new") == {0}


def test_the_store_is_read_and_locked_as_its_owner(place: Path, folder: Path) -> None:
    assert call(place, "store_info", store=str(folder)).get("certificates") == []
    authority = {"directory": "https://[::1]:1/directory", "store": str(folder)}
    refused = call(place, "account", **authority, terms_agreed=True)
    assert refused["failed"]
    assert owners(folder) == {BOB}
    assert (folder / ".lock").exists()


def test_a_link_that_the_user_has_put_there_leads_nowhere_the_user_could_not_go(place: Path, folder: Path) -> None:
    (folder / "recipient").symlink_to(place / "of-root")
    (place / "of-root").mkdir()
    refused = call(place, "certificate_install", state="prepared", path=str(folder))
    assert refused["failed"]
    assert "Permission denied (as user number 4011, whom the store or path belongs to)" in refused["msg"]
    assert list((place / "of-root").iterdir()) == []


def test_a_link_in_place_of_the_folder_is_not_followed_unless_it_is_roots(place: Path, folder: Path) -> None:
    link = place / "link"
    link.symlink_to("folder")
    assert call(place, "certificate_install", state="prepared", path=str(link))["changed"]
    os.chown(link, EVE, EVE, follow_symlinks=False)
    refused = call(place, "certificate_install", state="prepared", path=str(link))
    assert f"{link}, a link of user number 4012" in refused["msg"]


def test_a_file_that_only_root_may_read_is_told(place: Path, folder: Path) -> None:
    listed = place / "certificates.json"
    listed.write_text("[]")
    listed.chmod(0o600)
    options: dict[str, Any] = {"directory": "https://[::1]:1/directory", "store": str(folder), "responders": []}
    refused = call(place, "certificates", certificates_file=str(listed), **options)
    assert refused["failed"]
    assert f"{listed}" in refused["msg"]
    assert "Permission denied (as user number 4011" in refused["msg"]
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600


def test_an_owner_or_group_that_the_user_can_not_give_is_told_before_anything_is_written(
    place: Path, folder: Path
) -> None:
    for option, words in (("owner", "only root can"), ("group", "is no group of user number 4011")):
        refused = call(place, "certificate_install", path=str(folder), **{option: str(EVE)})
        assert refused["failed"]
        assert words in refused["msg"]
    assert list(folder.iterdir()) == []
