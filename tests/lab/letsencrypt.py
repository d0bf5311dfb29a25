# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands between clients and Pebble and makes the lab's CA as unkind as Let's Encrypt."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from .authority import Listener
from .model import LabError
from .plan import Plan
from .process import Server
from .programs import ROOT
from .unkind.letsencrypt import Limits


class LetsEncrypt(Server):
    """Remembers everything in memory, as Pebble does: both are started afresh together."""

    def __init__(self, plan: Plan, listener: Listener, lab_folder: Path) -> None:
        """``listener`` has the certificate of both."""
        super().__init__("letsencrypt", lab_folder)
        try:
            Limits.of(plan.options.limits)
        except ValueError as error:
            raise LabError(str(error)) from None
        self.plan = plan
        self._listener = listener

    @property
    def directory(self) -> str:
        """The URL of the directory."""
        return f"https://{self.plan.address('letsencrypt')}:{self.plan.acme_port}/dir"

    def configure(self) -> None:
        """Write what the process has to know; see unkind/__main__.py."""
        options = self.plan.options
        settings = {
            "listen": [self.plan.address("letsencrypt"), self.plan.acme_port],
            "upstream": [self.plan.address("pebble"), self.plan.acme_port],
            "root": str(self._listener.root),
            "certificate": str(self._listener.certificate),
            "key": str(self._listener.key),
            "limits": dict(options.limits),
            "nonce_reject": options.nonce_reject,
        }
        (self.folder / "settings.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")

    def command(self) -> Sequence[str]:
        """Run it with this Python."""
        return [sys.executable, "-B", "-m", "tests.lab.unkind", str(self.folder / "settings.json")]

    def environment(self) -> dict[str, str]:
        """The tests are found where they lie."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        with socket.create_connection((self.plan.address("letsencrypt"), self.plan.acme_port), timeout=1):
            return True
