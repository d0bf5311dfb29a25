# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packets that an opening is about, and which of them a rule's conditions fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .opening import Opening

PROTOCOL_NUMBERS = {"6": "tcp", "17": "udp"}
"""Rulesets show numbers where the host has no /etc/protocols."""

UNPRIVILEGED, HIGHEST_PORT = 1024, 65535
"""The ports that clients speak from."""


class Fit(IntEnum):
    """Which of the packets of an opening fulfil a condition; of several conditions together, the least counts."""

    NONE = 0
    SELECTED = 1
    """Some, by who sent them, how many they are or what was remarked about them: bans and rate limits."""
    SOME = 2
    """Some, by where they come in or out or by their family, whoever sent them."""
    ALL = 3


def all_or_none(fits: bool) -> Fit:
    """The fit of a condition that is known to hold, or known not to."""
    return Fit.ALL if fits else Fit.NONE


def other_than(fit: Fit) -> Fit:
    """The fit of the opposite condition."""
    return {Fit.ALL: Fit.NONE, Fit.NONE: Fit.ALL}.get(fit, fit)


@dataclass(frozen=True)
class Packet:
    """The packets of an opening at one hook: those that ask, or those that answer.

    ``side`` is the port that is known of them, ``dport`` or ``sport``; ``state`` is what connection tracking says of
    the first one, ``new`` or ``established``.
    """

    protocol: str
    side: str
    port: int
    state: str

    @classmethod
    def of(cls, opening: Opening, hook: str) -> Packet:
        """What has to pass at the hook ``input`` or ``output`` for the opening to work."""
        asks = (opening.direction == "in") == (hook == "input")
        side, state = ("dport", "new") if asks else ("sport", "established")
        return cls(opening.protocol, side, opening.port, state)

    @property
    def answers(self) -> bool:
        return self.state == "established"

    def fits_protocol(self, protocol: str) -> bool:
        """Whether it is of this protocol, given by name or number."""
        return PROTOCOL_NUMBERS.get(protocol, protocol) == self.protocol

    def fits_interface(self, name: str) -> Fit:
        """Packets between hosts: none on the loopback interface, and nobody knows which others there are."""
        return Fit.NONE if name == "lo" else Fit.SOME

    def fits_port(self, side: str, ranges: list[tuple[int, int]]) -> Fit:
        """How the port fits any of these ranges; of the port on the other side, that no service of the system has it."""
        if side == self.side:
            return all_or_none(any(low <= self.port <= high for low, high in ranges))
        if any(low <= UNPRIVILEGED and high == HIGHEST_PORT for low, high in ranges):
            return Fit.ALL
        return Fit.SOME if any(high >= UNPRIVILEGED for _low, high in ranges) else Fit.NONE
