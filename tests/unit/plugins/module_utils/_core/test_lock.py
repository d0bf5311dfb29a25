# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping two runs on one folder apart, with a real second process."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._core.lock import Lock

from .fakes import FakeClock

HOLD = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(handle, fcntl.LOCK_EX)
os.write(handle, b"%d\\n" % os.getpid())
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


@pytest.fixture
def other(files: Files) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock until its input ends."""
    files.make_folder("")
    command = [sys.executable, "-c", HOLD, files.path(".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_another_process_is_named_and_not_waited_for(files: Files, other: subprocess.Popen[bytes]) -> None:
    with pytest.raises(StoreError) as refused, Lock(files):
        pass
    assert refused.value.message == f"Another run works on {files.root} (process {other.pid})"


def test_the_lock_dies_with_its_process(files: Files, other: subprocess.Popen[bytes]) -> None:
    other.kill()
    other.wait()
    with Lock(files):
        pass


def test_waiting_ends_when_the_other_ends(files: Files, other: subprocess.Popen[bytes]) -> None:
    class Clock(FakeClock):
        """The other process ends while we wait."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.seconds > 3:
                other.kill()
                other.wait()

    clock = Clock()
    with Lock(files, wait=60, clock=clock):
        assert 3 < clock.seconds < 60


def test_waiting_has_an_end(files: Files, other: subprocess.Popen[bytes]) -> None:
    clock = FakeClock()
    with pytest.raises(StoreError), Lock(files, wait=60, clock=clock):
        pass
    assert clock.seconds == pytest.approx(60)


def test_the_lock_is_free_again_after_an_error(files: Files) -> None:
    with pytest.raises(ZeroDivisionError), Lock(files):
        raise ZeroDivisionError
    with Lock(files):
        pass


def test_a_folder_that_can_not_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="Can't make"), Lock(Files(str(tmp_path / "file" / "store"))):
        pass


def test_a_file_system_that_has_no_locks_is_one_sentence(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(handle: int, _operation: int) -> None:
        handles.append(handle)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    handles: list[int] = []
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError) as refused, Lock(files, wait=60, clock=FakeClock()):
        pass
    assert refused.value.message == f"Can't lock {files.path('.lock')}: {os.strerror(errno.ENOLCK)}"
    assert len(handles) == 1, "it is not waited for"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handles[0])
