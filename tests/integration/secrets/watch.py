# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking over a play's shoulder: at its processes, and at its temporary files while they are there."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

INTERVAL = 0.02
LONGEST = 300.0
LONGEST_CLEARING = 30.0
FORGETFUL = 50
"""After so many rounds, numbers of processes that were others' are looked at again: one may be given anew."""


@dataclass(frozen=True)
class Glimpse:
    """A temporary file as it was once; `private` when nobody else could read it."""

    path: Path
    content: bytes
    private: bool


class Watch:
    """While it is open: samples of the processes that have `mark` in their environment, and of folders.

    `commands` are the arguments and `environments` the environments as the kernel shows them.
    """

    def __init__(self, mark: str, folders: Sequence[Path]) -> None:
        self.commands: set[bytes] = set()
        self.environments: set[bytes] = set()
        self.glimpses: list[Glimpse] = []
        self.rounds = 0
        self._mark = mark.encode()
        self._folders = folders
        self._known: set[tuple[str, int, int, int]] = set()
        self._others: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def wait_for_processes(self) -> None:
        """Until none is left: Ansible's helper for tasks in the background clears up seconds after their play has ended."""
        deadline = time.monotonic() + LONGEST_CLEARING
        while any(map(self._is_watched, filter(str.isdigit, os.listdir("/proc")))) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _is_watched(self, number: str) -> bool:
        try:
            return self._mark in Path(f"/proc/{number}/environ").read_bytes()
        except OSError:
            return False

    def _look_again_and_again(self) -> None:
        deadline = time.monotonic() + LONGEST
        while not self._ended.wait(INTERVAL) and time.monotonic() < deadline:
            self.rounds += 1
            if self.rounds % FORGETFUL == 0:
                self._others.clear()
            for name in filter(str.isdigit, os.listdir("/proc")):
                self._look_at_process(name)
            for folder in self._folders:
                for root, _folders, names in os.walk(folder):
                    for name in names:
                        self._look_at_file(Path(root) / name)

    def _look_at_process(self, number: str) -> None:
        if number in self._others:
            return
        try:
            environment = Path(f"/proc/{number}/environ").read_bytes()
            if self._mark in environment:
                self.environments.add(environment)
                self.commands.add(Path(f"/proc/{number}/cmdline").read_bytes())
            elif environment:
                self._others.add(number)
        except PermissionError:
            self._others.add(number)
        except OSError:
            pass  # it has ended

    def _look_at_file(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            status = path.lstat()
            fact = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
            if stat.S_ISREG(status.st_mode) and fact not in self._known:
                self._known.add(fact)
                self.glimpses.append(Glimpse(path, path.read_bytes(), _is_private(path, self._folders)))


def _is_private(path: Path, folders: Sequence[Path]) -> bool:
    """Whether only the owner can read a file: by its own mode, or by that of a folder below those watched."""
    for place in (path, *path.parents):
        if place in folders:
            return False
        if not place.stat().st_mode & 0o077:
            return True
    return False
