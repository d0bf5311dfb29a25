# SPDX-License-Identifier: GPL-3.0-or-later
"""What the four authoritative servers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .model import TsigKey
from .plan import Plan
from .process import Server
from .query import soa_serial
from .zones import zone_text


class ResponderServer(Server):
    """An authoritative server of all zones of the plan, listening on its own addresses."""

    def __init__(self, name: str, plan: Plan, lab_folder: Path) -> None:
        super().__init__(name, lab_folder)
        self.plan = plan
        self.keys: Sequence[TsigKey] = plan.keys
        """Keys whose updates it takes; a test may give it others."""
        self.owners: Sequence[str] = ()
        """The names that updates may change where a test has limited them (Knot and BIND only)."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that the server listens on."""
        return self.plan.addresses(self.name)

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones it serves."""
        return self.plan.options.zones

    def is_ready(self) -> bool:
        """Whether it answers for every zone on every address, with authority."""
        # TCP first: a server that does not listen yet refuses at once, while UDP would wait for an answer.
        return all(
            soa_serial(address, self.plan.dns_port, zone, tcp=tcp) is not None
            for tcp in (True, False)
            for address in self.addresses
            for zone in self.zones
        )

    def write_zone_files(self, folder: Path) -> None:
        """Write the zones as they are at the beginning, unless they are already there."""
        folder.mkdir(exist_ok=True)
        for zone in self.zones:
            path = folder / f"{zone}.zone"
            if not path.exists():
                path.write_text(zone_text(zone, self.plan), encoding="ascii")
