# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be said of one address of a responder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .exchange import Endpoint, Transport
from .record import TxtRecord


@dataclass(frozen=True)
class Verdict:
    """What one address of a responder says about the values wanted in one zone, over one transport.

    With ``absent`` the values are wanted gone: ``found`` counts those that are,
    and ``lacking`` are those still there.
    ``seconds`` is how long after the beginning the last value was seen, or how
    long it was waited for. ``problem`` is what came instead of an authoritative
    answer when it was last asked for a value that it lacks. ``silent`` are those
    of ``lacking`` that it never gave any answer about. ``largest_response`` is in
    bytes; ``largest_text`` is what the TXT records of an answer came to at most,
    and ``largest_name`` their owner. ``listed`` is false for a server that only NS records name.
    """

    responder: str
    address: str
    port: int
    transport: Transport
    zone: str
    wanted: int
    found: int
    lacking: tuple[TxtRecord, ...]
    seconds: float
    problem: str | None
    largest_response: int
    absent: bool = False
    silent: frozenset[TxtRecord] = frozenset()
    largest_text: int = 0
    largest_name: str = ""
    listed: bool = True

    @property
    def complete(self) -> bool:
        """Whether it gives all values."""
        return self.found == self.wanted

    @property
    def where(self) -> str:
        """The address, with the port when it is not 53; a host name that has no address."""
        return str(Endpoint(self.address, self.port)) if self.port else self.address

    def sentence(self) -> str:
        """``sin 198.51.100.53/udp: 1 of 2 values after 30 s``, and the problem if there is one."""
        where = f"{self.responder} {self.where}/{self.transport}"
        counted = (
            f"{self.found} of {self.wanted} value{'' if self.wanted == 1 else 's'}{' gone' if self.absent else ''}"
        )
        return f"{where}: {counted} after {_seconds(self.seconds)} s" + (f" ({self.problem})" if self.problem else "")

    def as_dict(self) -> dict[str, Any]:
        """The verdict as a module returns it."""
        return {
            "responder": self.responder,
            "address": self.address,
            "port": self.port,
            "transport": self.transport,
            "zone": self.zone,
            "wanted": self.wanted,
            "found": self.found,
            "lacking": [{"name": record.name, "value": record.value} for record in self.lacking],
            "seconds": round(self.seconds, 3),
            "problem": self.problem,
            "silent": bool(self.lacking) and self.silent.issuperset(self.lacking),
            "largest_response": self.largest_response,
        }


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}".removesuffix(".0")
