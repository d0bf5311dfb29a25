# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With what the challenges of a run are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..._dns.fleet import Fleet
from .alpn import AlpnAnswers, Listener
from .dns import DnsAnswers, check_zones
from .run import Run
from .steps import CsrOrProblem
from .web import Web, WebAnswers


@dataclass(frozen=True)
class Means:
    """With what challenges are answered; the responders have ``wait`` seconds. ``csrs`` came from frontends."""

    fleet: Fleet
    wait: float
    web: Web
    listener: Listener = field(default_factory=Listener)
    csrs: Mapping[str, CsrOrProblem] = field(default_factory=dict)

    @property
    def taken_up(self) -> frozenset[str]:
        """The certificates that others have done their part for, and that alone are gone on with."""
        return self.web.placed | frozenset(self.web.unplaced) | frozenset(self.csrs)

    def check(self, run: Run) -> None:
        """Let drop out before an order is made what could not be answered."""
        check_zones(run, self.fleet)

    def solvers(self, run: Run) -> tuple[DnsAnswers, WebAnswers, AlpnAnswers]:
        """One for each kind of challenge."""
        return DnsAnswers(run, self.fleet, self.wait), WebAnswers(run, self.web), AlpnAnswers(run, self.listener)
