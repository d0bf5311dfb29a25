# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done on the host, and doing it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import Protocol

from .._core.errors import Error

TAG = "certfleet-firewall"
"""The comment by which our rules are told from all others."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Commands(Protocol):
    """Runs commands on the host."""

    def has(self, name: str) -> bool:
        """Whether the command is there."""

    def run(self, argv: tuple[str, ...], stdin: str = "") -> tuple[int, str]:
        """Run it; exit code and output, which for a failure are its messages."""


class HostCommands:
    """The commands of this very host."""

    def has(self, name: str) -> bool:
        return shutil.which(name, path=SYSTEM_PATH) is not None

    def run(self, argv: tuple[str, ...], stdin: str = "") -> tuple[int, str]:
        program = shutil.which(argv[0], path=SYSTEM_PATH)
        if program is None:
            return 127, "not found"
        done = subprocess.run(
            [program, *argv[1:]],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "LC_ALL": "C", "PATH": SYSTEM_PATH},
        )
        return done.returncode, done.stdout if done.returncode == 0 else (done.stderr or done.stdout).strip()


def output_of(commands: Commands, *argv: str, stdin: str = "") -> str:
    """The output of a command that has to succeed."""
    code, text = commands.run(argv, stdin)
    if code != 0:
        raise Error(f"{shlex.join(argv)} failed on this host: {text}")
    return text


@dataclass(frozen=True)
class Step:
    """One command to run."""

    argv: tuple[str, ...]
    stdin: str = ""


@dataclass(frozen=True)
class Plan:
    """Our rules as they are and as they should be, a line each, and the steps from one to the other."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        return Plan(self.before + other.before, self.after + other.after, self.steps + other.steps)

    def carry_out(self, commands: Commands) -> None:
        """Run the steps in their order."""
        for step in self.steps:
            output_of(commands, *step.argv, stdin=step.stdin)
