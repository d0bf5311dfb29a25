# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping two runs on one folder apart."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from types import TracebackType

from .clock import Clock, SystemClock
from .errors import StoreError
from .files import Files
from .polling import rounds

LOCK = ".lock"


class Lock:
    """A lock of the kernel's on a folder, which dies with the process that holds it.

    ``wait`` is how many seconds to wait for another run to end; StoreError after that.
    """

    def __init__(self, files: Files, wait: float = 0.0, clock: Clock | None = None) -> None:
        self._files = files
        self._wait = wait
        self._clock = clock or SystemClock()
        self._handle = -1

    def __enter__(self) -> Lock:
        """Take the lock."""
        self._files.make_folder("")
        path = self._files.path(LOCK)
        try:
            # not inherited by child processes, so that none of them keeps it
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"Can't lock {path}: {error.strerror}") from error
        for _number in rounds(self._clock, self._clock.monotonic() + self._wait):
            if self._take():
                self._sign()
                return self
        owner = os.read(self._handle, 20).decode(errors="replace").strip()
        os.close(self._handle)
        raise StoreError(f"Another run works on {self._files.root} (process {owner or 'unknown'})")

    def _take(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:  # file systems over the network may have no locks
            os.close(self._handle)
            raise StoreError(f"Can't lock {self._files.path(LOCK)}: {error.strerror}") from error
        return True

    def _sign(self) -> None:
        # the number is only for the message of who finds the lock taken: on a full disk there is none
        with suppress(OSError):
            os.ftruncate(self._handle, 0)
            os.write(self._handle, f"{os.getpid()}\n".encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the lock go."""
        os.close(self._handle)
