# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full: at the start, in the middle, and with room for a few files only."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.kills import KillLoop, Row, Scene
from tests.chaos.nursery import Nursery
from tests.chaos.points import Accident
from tests.lab import Lab

STEPS = ("lock", "connect", "prepare keys", "open orders", "publish", "store", "withdraw", "record failures")
FRONTEND_STEPS = ("prepare frontend", "plan frontend", "switch frontend")
SIZE = 512 * 1024
PAGE = 4096
SMALL_DISK = 'mkdir -p "$0" && mount -t tmpfs -o size="$1" none "$0" && shift && exec "$@"'


@pytest.mark.parametrize("step", ["account", *STEPS, *FRONTEND_STEPS])
def test_a_disk_that_is_full_from_any_moment_on_loses_nothing(
    quick_lab: Lab, nursery: Nursery, tmp_path: Path, step: str
) -> None:
    """No file gets any content from that moment on; the run after that has room again."""
    row = KillLoop(quick_lab, nursery, tmp_path, kind="full").row(step, 2)
    assert row.problems == []
    assert (row.obtained, row.extra_orders, row.txt_left, row.kills) == (row.wanted, 0, 0, 2)


class SmallDisk:
    """Where modules see a small disk of their own, if the system allows that to its users."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "small"
        alone = ("unshare", "--user", "--map-root-user", "--mount")
        self._command = (*alone, "sh", "-c", SMALL_DISK, str(self.folder), str(SIZE))
        self.is_real = subprocess.run([*self._command, "true"], check=False, capture_output=True).returncode == 0
        self.nursery = Nursery(folder / "nursery", self._command if self.is_real else ())

    def seen(self, path: Path) -> Path:
        """A path of the modules', from outside."""
        return Path(f"/proc/{self.nursery.pid}/root") / path.relative_to("/") if self.is_real else path


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path_factory.mktemp("disk"))
    with disk.nursery:
        yield disk


@pytest.mark.parametrize("room", [0, 2, 5, 9, 12])
def test_a_disk_with_room_for_a_few_files_only_is_told_and_gone_on_with(
    quick_lab: Lab, disk: SmallDisk, room: int
) -> None:
    scene = Scene(quick_lab, disk.nursery, disk.folder, 100 + room)
    store = scene.store
    assert scene.register().status == 0
    if disk.is_real:
        fill(disk.seen(disk.folder) / "filling", room)
        ended, reason = scene.keep(), "No space left on device"
        (disk.seen(disk.folder) / "filling").unlink()
    else:
        ended, reason = scene.keep(Accident("full", None, 10 + 5 * room)), "File too large"
    assert reason in ended.output, ended.output
    assert str(store) in ended.output
    assert "Traceback" not in ended.output

    scene.store = disk.seen(store)
    before, row = scene.held(), Row("disk")
    scene.store = store
    assert scene.keep().status == 0
    scene.store = disk.seen(store)
    scene.judge(before, row)
    assert row.problems == []
    shutil.rmtree(scene.store)


def fill(path: Path, room: int) -> None:
    """Take all that is left of the disk but so many pages."""
    with open(path, "wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"\0" * PAGE)
        except OSError:
            stream.truncate(max(0, stream.tell() - room * PAGE))
