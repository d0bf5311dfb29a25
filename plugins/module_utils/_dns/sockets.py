# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire itself: every address at once, in one thread.

One UDP socket per address with a window of questions in flight, and one TCP
connection per address with pipelined questions (RFC 7766 §6.2.1.1); docs/adr/0008
has the numbers that this is for.
"""

from __future__ import annotations

import selectors
from collections.abc import Sequence

from .._core.clock import Clock
from .channel import Batch, Channel
from .exchange import Endpoint, Outcome, Query, Reply, Silence, Transport
from .tcp import TcpChannel
from .udp import UdpChannel

TIMEOUT = 5.0


class SocketExchange:
    """An Exchange over the machine's network; ``timeout`` is in seconds."""

    def __init__(self, clock: Clock, timeout: float = TIMEOUT) -> None:
        self._clock = clock
        self._timeout = timeout

    def ask(self, queries: Sequence[Query], patience: float | None = None) -> list[Outcome]:
        """Send all queries and collect all outcomes; returns when each has one."""
        return SocketBatch(self._clock, queries, self._timeout, patience or self._timeout).run()


class SocketBatch(Batch):
    """The queries of one call, the channels that carry them and what came back."""

    def __init__(self, clock: Clock, queries: Sequence[Query], timeout: float, patience: float) -> None:
        self._clock = clock
        self.queries = queries
        self.timeout = timeout
        self.patience = patience
        self.selector = selectors.DefaultSelector()
        self._outcomes: list[Outcome | None] = [None] * len(queries)
        self._left = len(queries)
        self._started: dict[int, float] = {}
        self._channels: dict[tuple[Endpoint, Transport], Channel] = {}

    def run(self) -> list[Outcome]:
        """Drive all channels until every query has its outcome."""
        try:
            for index, query in enumerate(self.queries):
                self._channel(query.endpoint, query.transport).todo.append(index)
            for channel in list(self._channels.values()):
                channel.fill(self._clock.monotonic())
            while self._left:
                self._turn()
        finally:
            for channel in self._channels.values():
                channel.close()
            self.selector.close()
        return [outcome for outcome in self._outcomes if outcome is not None]

    def _turn(self) -> None:
        due = min(channel.due() for channel in self._channels.values())
        ready = self.selector.select(max(0.0, due - self._clock.monotonic()))
        now = self._clock.monotonic()
        for key, events in ready:
            key.data.handle(events, now)
        for channel in list(self._channels.values()):
            if channel.due() <= now:
                channel.expire(now)

    def _channel(self, endpoint: Endpoint, transport: Transport) -> Channel:
        channel = self._channels.get((endpoint, transport))
        if channel is None:
            channel = UdpChannel(self, endpoint) if transport == "udp" else TcpChannel(self, endpoint)
            self._channels[endpoint, transport] = channel
        return channel

    def sent(self, index: int, now: float) -> None:
        """Note when a query left for the first time."""
        self._started.setdefault(index, now)

    def done(self, index: int, wire: bytes, now: float) -> None:
        """Take an answer."""
        self._settle(index, Reply(wire, now - self._started.get(index, now)))

    def fail(self, index: int, silence: Silence) -> None:
        """Take the lack of an answer."""
        self._settle(index, silence)

    def over_tcp(self, index: int, now: float) -> None:
        """Ask a query again whose answer did not fit into UDP."""
        channel = self._channel(self.queries[index].endpoint, "tcp")
        channel.todo.append(index)
        channel.fill(now)

    def _settle(self, index: int, outcome: Outcome) -> None:
        if self._outcomes[index] is None:
            self._left -= 1
        self._outcomes[index] = outcome
