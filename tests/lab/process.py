# SPDX-License-Identifier: GPL-3.0-or-later
"""One server of the lab: configured, started, probed and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from . import keeper
from .model import LabError
from .programs import server_environment

START_TIMEOUT = 20.0
_PROBE_PAUSE = 0.02
_LOG_TAIL = 4000


class Server(ABC):
    """A server with a folder of its own; `name` is unique in the lab."""

    def __init__(self, name: str, lab_folder: Path) -> None:
        self.name = name
        self.folder = lab_folder / name
        self.log = lab_folder / "logs" / f"{name}.log"
        self._record = lab_folder / "processes" / f"{name}.json"
        self._child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def configure(self) -> None:
        """Write the configuration; data that the server has changed since stays as it is."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask the server once whether it does its work."""

    def environment(self) -> dict[str, str]:
        """The whole environment of the process."""
        return server_environment()

    @property
    def is_running(self) -> bool:
        """Whether the process is there, whoever started it."""
        record = keeper.load(self._record)
        return record is not None and record.is_alive()

    @property
    def processor_seconds(self) -> float:
        """Processor time that the process has had, 0 when it is not there."""
        record = keeper.load(self._record)
        stat = keeper.read_stat(record.pid) if record else None
        return stat.ticks / os.sysconf("SC_CLK_TCK") if stat else 0.0

    def launch(self) -> None:
        """Start the process; wait_ready() says when it does its work."""
        if self.is_running:
            return
        self.folder.mkdir(exist_ok=True)
        self.configure()
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self.environment(),
                start_new_session=True,
            )
        keeper.Record.of(self._child.pid).save(self._record)

    def wait_ready(self) -> None:
        """Probe until the server does its work; raises LabError with its log when it ends or takes too long."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if not self.is_running:
                raise LabError(f"{self.name} has ended:\n{self.log_tail()}")
            with contextlib.suppress(OSError):
                if self.is_ready():
                    return
            time.sleep(_PROBE_PAUSE)
        raise LabError(f"{self.name} is not ready after {START_TIMEOUT:.0f} s:\n{self.log_tail()}")

    def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL when that is not enough."""
        record = keeper.load(self._record)
        if record is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                record.send(number, group=number is signal.SIGKILL)
                if self._has_ended(record):
                    break
        self._record.unlink(missing_ok=True)
        self._child = None

    def _has_ended(self, record: keeper.Record) -> bool:
        deadline = time.monotonic() + keeper.GRACE
        while time.monotonic() < deadline:
            if self._child is not None:
                self._child.poll()  # reaps it, if it is ours
            if not record.is_alive():
                return True
            time.sleep(_PROBE_PAUSE)
        return False

    def log_tail(self) -> str:
        """The end of the server's log."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
        except FileNotFoundError:
            return "(no log)"
