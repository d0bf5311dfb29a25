# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that can be lost: forked from one that has everything imported, so that each starts at once.

`with Nursery(folder) as nursery:` starts the process that forks; `nursery.run(...)` runs a module of the collection,
as Ansible would, in a child of it, which an accident may befall (see points.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.programs import ROOT

from .points import Accident, Points

COLLECTIONS = ROOT / ".cache" / "collections"
MODULES = "ansible_collections.certfleet.acme.plugins.modules"
LONGEST = 60.0
"""Seconds after which a child is killed, which is a failure of the test."""


@dataclass(frozen=True)
class Job:
    """A module with its arguments, and what is to befall it; the clock is wrong by so many seconds."""

    module: str
    arguments: Mapping[str, Any] = field(repr=False)
    accident: Accident | None = None
    clock: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status (-9 after SIGKILL), what it returned, and how many points it passed by step."""

    status: int
    output: str
    points: Mapping[str, int]
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.status == -signal.SIGKILL

    @property
    def met_a_defect(self) -> bool:
        """Whether something happened that nobody expected, be it told by Python or by the collection."""
        return "Traceback" in self.output or "defect of certfleet.acme" in self.output

    @property
    def result(self) -> dict[str, Any]:
        """What the module returned; AssertionError when it did not get that far."""
        for line in self.output.splitlines():
            with contextlib.suppress(ValueError):
                value: dict[str, Any] = json.loads(line)
                return value
        raise AssertionError(f"the module ended with {self.status}:\n{self.output[-4000:]}")


class Nursery:
    """The process that forks, with a folder for what children leave behind; ``before`` is a command to run it by."""

    def __init__(self, folder: Path, before: Sequence[str] = ()) -> None:
        self._folder = folder
        self._before = before
        self._process: subprocess.Popen[str] | None = None
        self._jobs = 0
        self.running: set[int] = set()

    def __enter__(self) -> Nursery:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [*self._before, sys.executable, "-m", "tests.chaos.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{COLLECTIONS}", "PYTHONUNBUFFERED": "1"},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._child()
        with contextlib.suppress(OSError):
            self._ask({"do": "end"})
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def pid(self) -> int:
        """The process that forks."""
        return self._child().pid

    def run(self, job: Job) -> Ended:
        """Run a job to its end, whatever that is."""
        pid = self.start(job)
        ended = self.wait(pid)
        assert ended is not None, "the child stopped"
        return ended

    def start(self, job: Job) -> int:
        """Begin a job; its process id. wait() has to be called next, since nobody reads what it prints before."""
        self._jobs += 1
        points = self._folder / f"points-{self._jobs}.json"
        self._points, self._started = points, time.monotonic()
        pid: int = self._ask({"do": "start", "job": asdict(job), "points": str(points)})["pid"]
        self.running.add(pid)
        return pid

    def wait(self, pid: int) -> Ended | None:
        """Until the child has ended, or stopped (SIGSTOP), which gives None."""
        answer = self._ask({"do": "wait", "pid": pid})
        if answer["stopped"]:
            return None
        self.running.remove(pid)
        points = json.loads(self._points.read_text()) if self._points.exists() else {}
        return Ended(answer["status"], answer["output"], points, time.monotonic() - self._started)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._child()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline() if request["do"] != "end" else "{}"
        if not line:
            raise AssertionError("the process that forks has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _child(self) -> subprocess.Popen[str]:
        assert self._process is not None, "a nursery is used within `with`"
        return self._process


# The other side


def main() -> None:
    """Fork for each job that comes in, and tell how its process ended."""
    _import_everything()
    pipes: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "end":
            break
        if request["do"] == "start":
            pid, pipe = _fork(request["job"], request["points"])
            pipes[pid], texts[pid] = pipe, b""
            answer: dict[str, Any] = {"pid": pid}
        else:
            pid = request["pid"]
            status, more = _wait(pid, pipes[pid])
            texts[pid] += more
            answer = {"stopped": status is None}
            if status is not None:
                os.close(pipes.pop(pid))
                answer |= {"status": status, "output": texts.pop(pid).decode(errors="replace")}
        print(json.dumps(answer), flush=True)
    for pid in pipes:
        os.kill(pid, signal.SIGKILL)


def _import_everything() -> None:
    """What the modules import when they run, too."""
    import importlib

    import ansible.module_utils.basic  # noqa: F401

    for path in sorted((ROOT / "plugins" / "modules").glob("*.py")):
        importlib.import_module(f"{MODULES}.{path.stem}")
    prefix = "ansible_collections.certfleet.acme.plugins.module_utils"
    for path in sorted((ROOT / "plugins" / "module_utils").rglob("*.py")):
        parts = path.relative_to(ROOT / "plugins" / "module_utils").with_suffix("").parts
        importlib.import_module(".".join((prefix, *parts)))


def _fork(job: Mapping[str, Any], points: str) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        os.set_blocking(reading, False)
        return pid, reading
    status = 1
    try:
        os.close(reading)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        _live(job, Path(points))
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001  it is told, and the process ends
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _live(job: Mapping[str, Any], counted: Path) -> None:
    """The child: the module's own main(), with its arguments where Ansible would have put them."""
    import importlib

    os.environ.update(job["environment"])
    time.tzset()
    if job["clock"]:
        _shift_clock(job["clock"])
    arguments = counted.with_name(f"arguments-{os.getpid()}.json")
    arguments.touch(mode=0o600)
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": job["arguments"]}), encoding="utf-8")
    sys.argv = [job["module"], str(arguments)]
    module = importlib.import_module(f"{MODULES}.{job['module']}")
    points = Points(Accident(**job["accident"]) if job["accident"] else None)
    points.watch()
    try:
        module.main()
    finally:
        points.rest()
        arguments.unlink()
        counted.write_text(json.dumps(points.counts), encoding="utf-8")


def _shift_clock(seconds: float) -> None:
    """Have the time of day be another one for the engine; the rest of the process goes on with the machine's."""
    from datetime import datetime, timedelta, timezone

    from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock

    def now(self: SystemClock) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=seconds)

    SystemClock.now = now  # type: ignore[method-assign]


def _wait(pid: int, pipe: int) -> tuple[int | None, bytes]:
    """The exit status and what it printed; the status is None when it has stopped."""
    text = bytearray()
    deadline = time.monotonic() + LONGEST
    while True:
        found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        select.select([pipe], [], [], 0.0 if found else 0.01)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(pipe, 65536):
                text += chunk
        if found:
            return (None if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)), bytes(text)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return 124, bytes(text) + b"\nthe child has not ended"


if __name__ == "__main__":
    main()
