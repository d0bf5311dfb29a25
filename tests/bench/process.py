# SPDX-License-Identifier: GPL-3.0-or-later
"""One child process, with the time it took and the memory it needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.programs import ROOT

COLLECTIONS = ROOT / ".cache" / "collections"
MODULES = "ansible_collections.certfleet.acme.plugins.modules"
TIMEOUT = 240.0


class BenchError(Exception):
    """Something that was to be measured did not do its work."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended well: what it printed, `seconds` from start to end, and its peak memory."""

    output: str
    seconds: float
    peak_mb: float


def run_module(name: str, arguments: Mapping[str, Any], folder: Path) -> tuple[dict[str, Any], Finished]:
    """Run a module of the collection as Ansible does, in a process of its own; its result and what it cost.

    Start of Python, imports, reading the arguments and writing the result are all in it.
    """
    path = folder / "arguments.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), encoding="utf-8")
    finished = run([sys.executable, "-m", f"{MODULES}.{name}", str(path)], {"PYTHONPATH": str(COLLECTIONS)}, folder)
    result: dict[str, Any] = json.loads(finished.output)
    if result.get("failed"):
        raise BenchError(f"module {name}: {result['msg']}")
    return result, finished


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Finished:
    """Run a command to its end; BenchError with its last words when it fails or takes too long.

    What it prints goes to files in `folder`, so that nothing but the command itself takes processor time.
    """
    output, errors = folder / "output", folder / "errors"
    with open(output, "wb") as stdout, open(errors, "wb") as stderr:
        started = time.monotonic()
        child = subprocess.Popen(
            command, env=os.environ | dict(environment), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
        status, peak = _wait(child, started + TIMEOUT)
        seconds = time.monotonic() - started
    printed = output.read_text(encoding="utf-8", errors="replace")
    if status != 0 and not printed.lstrip().startswith("{"):
        words = (printed + errors.read_text(encoding="utf-8", errors="replace"))[-2000:]
        raise BenchError(f"{command[0]} ended with {status}:\n{words}")
    return Finished(printed, seconds, peak)


def _wait(child: subprocess.Popen[bytes], deadline: float) -> tuple[int, float]:
    """The exit status, and the peak memory in MB as the kernel counted it for this one process."""
    try:
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                child.returncode = os.waitstatus_to_exitcode(status)
                return child.returncode, usage.ru_maxrss / 1024
            if time.monotonic() > deadline:
                raise BenchError(f"{child.args!r} has not ended after {TIMEOUT:.0f} s")
            time.sleep(0.005)
    except BaseException:
        child.kill()
        child.wait()
        raise
