# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to one address over UDP: a window in flight, repeated when nothing comes."""

from __future__ import annotations

import os
import selectors
import socket
from typing import NamedTuple

from .channel import NEVER, WINDOW, Batch, Channel
from .exchange import Endpoint, Silence
from .wire import is_answer

TRIES = 3
BUFFER = 1 << 20


class _Flight(NamedTuple):
    query: int
    tries: int
    first: float
    last: float


class UdpChannel(Channel):
    """A connected socket, so that only this server's datagrams and its ICMP errors arrive."""

    def __init__(self, batch: Batch, endpoint: Endpoint) -> None:
        super().__init__(batch, endpoint, batch.timeout)
        self._flights: dict[bytes, _Flight] = {}
        self._heard = -NEVER
        self._blocked = NEVER
        self._pause = batch.timeout / TRIES

    @property
    def is_idle(self) -> bool:
        """Whether all its queries have an outcome."""
        return not self.todo and not self._flights

    def fill(self, now: float) -> None:
        """Send what the window allows."""
        self._blocked = NEVER
        try:
            connection = self._socket or self._connect()
            while self.todo and len(self._flights) < WINDOW:
                index = self.todo[0]
                wire = self._batch.queries[index].wire
                if wire[:2] in self._flights:
                    return
                connection.send(wire)
                self.todo.popleft()
                self._batch.sent(index, now)
                self._flights[wire[:2]] = _Flight(index, 1, now, now)
        except BlockingIOError:
            self._blocked = now + 0.01
        except OSError as error:
            self.give_up(Silence("unreachable", error.strerror or str(error), 0.0))

    def _connect(self) -> socket.socket:
        connection = self._open(socket.SOCK_DGRAM)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        connection.connect(tuple(self._endpoint))
        self._batch.selector.register(connection, selectors.EVENT_READ, self)
        return connection

    def handle(self, events: int, now: float) -> None:
        """Read the datagrams that are there, but not for ever when more of them come all the time."""
        try:
            for _datagram in range(WINDOW):
                if self._socket:
                    self._take(self._socket.recv(65535), now)
            self.fill(now)
        except BlockingIOError:
            self.fill(now)
        except OSError as error:
            self.give_up(Silence("unreachable", error.strerror or os.strerror(error.errno or 0), 0.0))

    def _take(self, wire: bytes, now: float) -> None:
        flight = self._flights.get(wire[:2])
        if flight is None or not is_answer(self._batch.queries[flight.query].wire, wire):
            return
        del self._flights[wire[:2]]
        self._heard = now
        if wire[2] & 0x02:
            self._batch.over_tcp(flight.query, now)
        else:
            self._batch.done(flight.query, wire, now)

    def due(self) -> float:
        """When expire() has something to do."""
        oldest = next(iter(self._flights.values()), None)
        return min(self._blocked, oldest.last + self._pause if oldest else NEVER)

    def expire(self, now: float) -> None:
        """Repeat what is overdue; give up what was repeated, and all the rest when the server says nothing at all."""
        while self._flights:
            number, flight = next(iter(self._flights.items()))
            if flight.last + self._pause > now:
                break
            del self._flights[number]
            if flight.tries < TRIES:
                self._repeat(number, flight, now)
                continue
            silence = Silence("timeout", f"no answer within {self._batch.timeout:g} s", now - flight.first)
            self._batch.fail(flight.query, silence)
            if self._heard < flight.first:
                self.give_up(silence)
        self.fill(now)

    def _repeat(self, number: bytes, flight: _Flight, now: float) -> None:
        self._flights[number] = flight._replace(tries=flight.tries + 1, last=now)
        try:
            if self._socket:
                self._socket.send(self._batch.queries[flight.query].wire)
        except OSError:
            pass  # It counts as a try that went unanswered.

    def give_up(self, silence: Silence) -> None:
        """Let all queries that are left have this outcome."""
        for index in [*(flight.query for flight in self._flights.values()), *self.todo]:
            self._batch.fail(index, silence)
        self._flights.clear()
        self.todo.clear()
        self.close()
