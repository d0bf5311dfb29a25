# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a playbook, as users do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import Lab
from tests.modules import environment


@dataclass(frozen=True)
class Played:
    """What came of a playbook: how many tasks changed something on each host, and all that was printed (at -vvvv)."""

    status: int
    changes: dict[str, int]
    output: str


def run_playbook(lab: Lab, playbook: str | Path, *arguments: str, variables: Mapping[str, Any] | None = None) -> Played:
    """Run a playbook of the collection by its name, or one in a file, on the lab's inventory; it may fail.

    It runs outside of the checkout, so that the collection is found by its name and not because it lies there.
    """
    command = ["ansible-playbook", "-vvvv", "-i", str(lab.inventory), str(playbook)]
    command += ["-e", json.dumps(dict(variables or {})), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=False, timeout=240, cwd=lab.folder
    )
    recap = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE)
    changes = {host: int(number) for host, number in recap}
    return Played(done.returncode, changes, done.stdout + done.stderr)
