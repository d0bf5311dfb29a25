# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one module through Ansible itself, as users do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import Lab

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = "certfleet.acme"


@dataclass(frozen=True)
class Outcome:
    """What a module returned, and everything that Ansible printed (at -vvv)."""

    result: dict[str, Any]
    output: str

    @property
    def failed(self) -> bool:
        """Whether the task failed."""
        return bool(self.result.get("failed"))

    @property
    def changed(self) -> bool:
        """Whether the task changed something."""
        return bool(self.result.get("changed"))

    def __getitem__(self, name: str) -> Any:
        return self.result[name]


def run_module(
    lab: Lab,
    module: str,
    arguments: Mapping[str, Any],
    *,
    check: bool = False,
    diff: bool = False,
    host: str = "validator",
    inventory: Path | None = None,
) -> Outcome:
    """Run a module of the collection on a host of the lab's inventory, or of another one."""
    command = ["ansible", "-i", str(inventory or lab.inventory), host, "-vvv", "-m", f"{COLLECTION}.{module}"]
    command += ["-a", json.dumps({key: value for key, value in arguments.items() if value is not None})]
    command += ["--check"] * check + ["--diff"] * diff
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=False, timeout=240, cwd=ROOT
    )
    output = done.stdout + done.stderr
    return Outcome(_read_result(done.stdout, host, output), output)


def environment() -> dict[str, str]:
    """What Ansible needs to find the collection, and to print what tests can read."""
    return {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections")}


def _read_result(stdout: str, host: str, output: str) -> dict[str, Any]:
    """The JSON object after `host | STATE =>`, as the minimal callback prints it."""
    for line in (f"{host} | {state} => " for state in ("SUCCESS", "CHANGED", "FAILED!")):
        _before, found, rest = stdout.partition(line)
        if found:
            result: dict[str, Any] = json.JSONDecoder().raw_decode(rest)[0]
            return {**result, "failed": result.get("failed", "FAILED" in line)}
    raise AssertionError(f"Ansible returned no result:\n{output}")
