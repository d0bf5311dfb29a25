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
from collections import deque
from collections.abc import Sequence

from .._core.clock import Clock
from .channel import Batch, Channel
from .exchange import Endpoint, Outcome, Query, Reply, Silence, Transport
from .tcp import TcpChannel
from .udp import UdpChannel

TIMEOUT = 5.0

MOST_CHANNELS = 200
"""How many sockets are open at once: processes usually may have 1024 files, and zones have servers without number."""


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
        self._waiting: deque[Channel] = deque()
        self._begun: list[Channel] = []

    def run(self) -> list[Outcome]:
        """Drive all channels until every query has its outcome."""
        try:
            for index, query in enumerate(self.queries):
                self._channel(query.endpoint, query.transport).add(index)
            while self._left:
                self._begin()
                self._turn()
        finally:
            for channel in self._channels.values():
                channel.close()
            self.selector.close()
        return [outcome for outcome in self._outcomes if outcome is not None]

    def _begin(self) -> None:
        """Let channels begin; those that are done make room for others."""
        if len(self._begun) + len(self._waiting) > MOST_CHANNELS:
            for channel in [each for each in self._begun if each.is_idle]:
                channel.close()
                self._begun.remove(channel)
        while self._waiting and len(self._begun) < MOST_CHANNELS:
            channel = self._waiting.popleft()
            self._begun.append(channel)
            channel.begin(self._clock.monotonic())

    def _turn(self) -> None:
        due = min((min(each.due(), each.end()) for each in self._begun if not each.is_idle), default=0.0)
        ready = self.selector.select(max(0.0, due - self._clock.monotonic()))
        now = self._clock.monotonic()
        for key, events in ready:
            key.data.handle(events, now)
        for channel in self._begun:
            if channel.due() <= now:
                channel.expire(now)
            if channel.end() <= now and not channel.is_idle:
                channel.give_up_late(now)

    def _channel(self, endpoint: Endpoint, transport: Transport) -> Channel:
        channel = self._channels.get((endpoint, transport))
        if channel is None:
            channel = UdpChannel(self, endpoint) if transport == "udp" else TcpChannel(self, endpoint)
            self._channels[endpoint, transport] = channel
            self._waiting.append(channel)
        return channel

    def sent(self, index: int, now: float) -> None:
        """Note when a query left for the first time."""
        self._started.setdefault(index, now)

    def done(self, index: int, wire: bytes, now: float) -> None:
        """Take an answer, unless it is too large."""
        seconds, largest = now - self._started.get(index, now), self.queries[index].largest
        if len(wire) > largest:
            reason = f"its answer has {len(wire)} bytes, and no more than {largest} are read"
            self._settle(index, Silence("unreachable", reason, seconds))
        else:
            self._settle(index, Reply(wire, seconds))

    def fail(self, index: int, silence: Silence) -> None:
        """Take the lack of an answer."""
        self._settle(index, silence)

    def over_tcp(self, index: int, now: float) -> None:
        """Ask a query again whose answer did not fit into UDP."""
        channel = self._channel(self.queries[index].endpoint, "tcp")
        channel.add(index)
        if channel in self._begun:
            channel.fill(now)
        elif channel not in self._waiting:
            self._waiting.append(channel)

    def _settle(self, index: int, outcome: Outcome) -> None:
        if self._outcomes[index] is None:
            self._left -= 1
        self._outcomes[index] = outcome
