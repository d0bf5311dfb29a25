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
    """A process of the lab with all it has started: it leads a process group of its own.

    The start time (in clock ticks since boot) tells it from a later process with its number.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Record:
        """Record a process that has just been started as the leader of a group."""
        stat = read_stat(pid)
        return cls(pid, stat.started if stat else 0)

    def is_alive(self) -> bool:
        """Whether this very process, or one that it has started, still runs."""
        leader = read_stat(self.pid)
        if leader is None:
            # The kernel gives the number to nobody else as long as the group has a member.
            return self._has_members()
        return leader.started == self.started and (leader.is_running or self._has_members())

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process, or to its whole group, if it still runs."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                if group:
                    os.killpg(self.pid, number)
                else:
                    os.kill(self.pid, number)

    def save(self, path: Path) -> None:
        """Write the record, whole or not at all."""
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"pid": self.pid, "started": self.started}), encoding="ascii")
        draft.rename(path)

    def _has_members(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        stats = (read_stat(int(name)) for name in os.listdir("/proc") if name.isdigit())
        return any(stat.group == self.pid and stat.is_running for stat in stats if stat)


@dataclass(frozen=True)
class Stat:
    """What /proc says about a process."""

    group: int
    started: int
    ticks: int
    """Processor time, the kernel's for it included."""
    is_running: bool


def load(path: Path) -> Record | None:
    """Read a record; None when there is none."""
    try:
        return Record(**json.loads(path.read_text(encoding="ascii")))
    except FileNotFoundError:
        return None


def read_stat(pid: int) -> Stat | None:
    """Look a process up; None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        # The first thread may be gone while others still hold the sockets.
        is_running = fields[0] not in "ZX" or len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return None
    return Stat(int(fields[2]), int(fields[19]), int(fields[11]) + int(fields[12]), is_running)


def stop_all(folder: Path) -> None:
    """End every recorded process of a lab: politely first, then for good."""
    records = [record for path in sorted(folder.glob("*.json")) if (record := load(path))]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for record in records:
            record.send(number, group=number is signal.SIGKILL)
        deadline = time.monotonic() + GRACE
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
