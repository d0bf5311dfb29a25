# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate as a server of the lab."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from .plan import FOLLOWED, Plan
from .process import Server


class TransferGate(Server):
    """Lets the secondary's zone transfers through, or holds them back."""

    def __init__(self, plan: Plan, lab_folder: Path) -> None:
        super().__init__("gate", lab_folder)
        self.plan = plan
        self.flag = self.folder / "closed"

    def configure(self) -> None:
        """Nothing to write: everything is on the command line."""

    def command(self) -> Sequence[str]:
        """Run the forwarder with this Python, without what the user's environment adds to it."""
        target = (self.plan.address(FOLLOWED), str(self.plan.dns_port))
        listen = (self.plan.address("gate"), str(self.plan.gate_port))
        script = Path(__file__).with_name("gate.py")
        return [sys.executable, "-I", "-S", "-B", str(script), *listen, *target, str(self.flag)]

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        with socket.create_connection((self.plan.address("gate"), self.plan.gate_port), timeout=1):
            return True

    def close(self) -> None:
        """Hold transfers back."""
        self.flag.touch()

    def open(self) -> None:
        """Let transfers through again."""
        self.flag.unlink(missing_ok=True)
