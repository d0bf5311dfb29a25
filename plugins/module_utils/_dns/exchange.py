# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface to the wire: many questions out, their answers back, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from typing import TypeAlias

Transport = Literal["udp", "tcp"]
TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp")
DNS_PORT = 53
LARGEST_MESSAGE = 65535


class Endpoint(NamedTuple):
    """An IP address and a port where a server listens on UDP and TCP."""

    address: str
    port: int = DNS_PORT

    def __str__(self) -> str:
        if self.port == DNS_PORT:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Query(NamedTuple):
    """A whole DNS message in wire form and where it goes; the message's own ID is kept.

    ``largest`` is how many bytes an answer may have; a larger one counts as none.
    """

    endpoint: Endpoint
    transport: Transport
    wire: bytes
    largest: int = LARGEST_MESSAGE


class Reply(NamedTuple):
    """The answering message and how many seconds after sending it came."""

    wire: bytes
    seconds: float


class Silence(NamedTuple):
    """No answer: nothing came in time, or the address can't be reached at all, or gives what is no use."""

    kind: Literal["timeout", "unreachable"]
    reason: str
    seconds: float


Outcome: TypeAlias = "Reply | Silence"


class Exchange(Protocol):
    """Asks servers; implemented over sockets, and by fakes in tests."""

    def ask(self, queries: Sequence[Query], patience: float | None = None) -> list[Outcome]:
        """Send all queries, whatever their endpoints, and return their outcomes in the same order.

        An answer over UDP with the TC bit is fetched again over TCP (RFC 7766
        §5). ``patience`` is how many seconds an answer may take over TCP when
        that is more than the usual timeout.
        """
