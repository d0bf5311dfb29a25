# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes a lab has started, and how they end.

Run as a program it is the lab's keeper: it waits until the process that started the lab is gone,
however that ended, and then stops what is left. Standard library only, so that it stays small.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class Record:
    """A process of the lab; the start time (in clock ticks since boot) tells it from a later one with its number."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Record:
        """Record a process that has just been started."""
        return cls(pid, start_time(pid) or 0)

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return self.started != 0 and start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process still runs."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def save(self, path: Path) -> None:
        """Write the record, whole or not at all."""
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"pid": self.pid, "started": self.started}), encoding="ascii")
        draft.rename(path)


def load(path: Path) -> Record | None:
    """Read a record; None when there is none."""
    try:
        return Record(**json.loads(path.read_text(encoding="ascii")))
    except FileNotFoundError:
        return None


def start_time(pid: int) -> int | None:
    """When a process was started; None when it is gone or only waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def stop_all(folder: Path) -> None:
    """End every recorded process of a lab: politely first, then for good."""
    records = [record for path in sorted(folder.glob("*.json")) if (record := load(path))]
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        for record in records:
            record.send(number)
        deadline = time.monotonic() + patience
        while any(record.is_alive() for record in records) and time.monotonic() < deadline:
            time.sleep(0.02)


def keep(folder: Path, *, remove: list[Path]) -> None:
    """Wait for the end of standard input, then stop the processes and remove the folders."""
    while os.read(0, 4096):
        pass
    stop_all(folder)
    for path in remove:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    # Ctrl-C goes to the whole terminal; the keeper must outlive whom it keeps.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep(Path(sys.argv[1]), remove=[Path(argument) for argument in sys.argv[2:]])
