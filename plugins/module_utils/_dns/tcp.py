# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to one address over one TCP connection, many in flight (RFC 7766)."""

from __future__ import annotations

import os
import selectors
import socket

from .channel import NEVER, WINDOW, Batch, Channel
from .exchange import Endpoint, Silence
from .wire import is_answer

FRUITLESS = 2
CHUNK = 1 << 16


class TcpChannel(Channel):
    """A connection that is made again when the server closes it early, as long as that gets on."""

    def __init__(self, batch: Batch, endpoint: Endpoint) -> None:
        super().__init__(batch, endpoint, batch.patience)
        self._connected = False
        self._flights: dict[bytes, int] = {}
        self._out = bytearray()
        self._in = bytearray()
        self._events = 0
        self._active = 0.0
        self._fruitless = 0

    @property
    def is_idle(self) -> bool:
        """Whether all its queries have an outcome."""
        return not self.todo and not self._flights

    def fill(self, now: float) -> None:
        """Send what the window allows, over a new connection if there is none."""
        if not self._socket:
            if self.todo:
                self._connect(now)
            return
        if not self._connected:
            return
        if not self._flights:
            self._active = now
        while self.todo and len(self._flights) < WINDOW:
            wire = self._batch.queries[self.todo[0]].wire
            if wire[:2] in self._flights:
                break
            index = self.todo.popleft()
            self._batch.sent(index, now)
            self._flights[wire[:2]] = index
            self._out += len(wire).to_bytes(2, "big") + wire
        self._flush(now)

    def _connect(self, now: float) -> None:
        self._active = now
        try:
            connection = self._open(socket.SOCK_STREAM)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(tuple(self._endpoint))
        except BlockingIOError:
            pass
        except OSError as error:
            self.give_up(Silence("unreachable", error.strerror or str(error), 0.0))
            return
        self._events = selectors.EVENT_WRITE
        self._batch.selector.register(connection, self._events, self)

    def handle(self, events: int, now: float) -> None:
        """Go on with connecting, reading and writing."""
        if not self._socket:
            return
        if not self._connected:
            self._finish_connecting(self._socket, now)
            return
        if events & selectors.EVENT_READ:
            self._read(self._socket, now)
        if self._socket and events & selectors.EVENT_WRITE:
            self._flush(now)

    def _finish_connecting(self, connection: socket.socket, now: float) -> None:
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.give_up(Silence("unreachable", os.strerror(code), now - self._active))
            return
        self._connected = True
        self._active = now
        self.fill(now)

    def _flush(self, now: float) -> None:
        if self._out and self._socket:
            try:
                del self._out[: self._socket.send(self._out)]
            except BlockingIOError:
                pass
            except OSError as error:
                self._closed(error.strerror or str(error), now)
                return
        self._listen()

    def _listen(self) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        if self._socket and events != self._events:
            self._events = events
            self._batch.selector.modify(self._socket, events, self)

    def _read(self, connection: socket.socket, now: float) -> None:
        try:
            data = connection.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._closed(error.strerror or str(error), now)
            return
        if not data:
            self._closed("the connection was closed", now)
            return
        self._in += data
        self._take_messages(now)
        self.fill(now)

    def _take_messages(self, now: float) -> None:
        start = 0
        while len(self._in) >= start + 2:
            end = start + 2 + int.from_bytes(self._in[start : start + 2], "big")
            if len(self._in) < end:
                break
            self._take(bytes(self._in[start + 2 : end]), now)
            start = end
        del self._in[:start]

    def _take(self, wire: bytes, now: float) -> None:
        index = self._flights.get(wire[:2])
        if index is None or not is_answer(self._batch.queries[index].wire, wire):
            return
        del self._flights[wire[:2]]
        self._active = now
        self._fruitless = 0
        self._batch.done(index, wire, now)

    def _closed(self, reason: str, now: float) -> None:
        """The server closed the connection: ask the rest over a new one, unless that never gets an answer."""
        self._fruitless += 1
        self.todo.extendleft(reversed(self._flights.values()))
        self._reset()
        if self._fruitless >= FRUITLESS:
            self.give_up(Silence("unreachable", reason, 0.0))
        else:
            self.fill(now)

    def due(self) -> float:
        """When expire() has something to do: nothing was heard for as long as an answer may take."""
        if not self._socket:
            return NEVER
        if not self._connected:
            return self._active + self._batch.timeout
        return self._active + self._batch.patience if self._flights else NEVER

    def expire(self, now: float) -> None:
        """Give up: a server that stopped answering in the middle won't answer the rest."""
        limit = self._batch.patience if self._connected else self._batch.timeout
        what = "answer" if self._connected else "connection"
        self.give_up(Silence("timeout", f"no {what} within {limit:g} s", now - self._active))

    def give_up(self, silence: Silence) -> None:
        """Let all queries that are left have this outcome."""
        for index in [*self._flights.values(), *self.todo]:
            self._batch.fail(index, silence)
        self.todo.clear()
        self._reset()

    def _reset(self) -> None:
        self._flights.clear()
        self.close()

    def close(self) -> None:
        """Let the connection go, and what is left of it."""
        self._out.clear()
        self._in.clear()
        self._connected = False
        super().close()
