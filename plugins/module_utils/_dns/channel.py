# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What questions to one address have in common, whichever way they go."""

from __future__ import annotations

import selectors
import socket
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from .exchange import Endpoint, Query, Silence

WINDOW = 64
"""How many questions to one address are under way at once."""

NEVER = float("inf")

SLOWEST = 4
"""How many questions have to be answered, on average, within the time that a single answer may take."""

LONGEST = 60
"""How many times the time for a single answer all questions to one address may take at most."""


class Batch(Protocol):
    """The questions of one call, known to channels by their place in ``queries``, and who takes their outcomes.

    ``timeout`` is in seconds, and ``patience`` how many an answer may take over TCP.
    """

    queries: Sequence[Query]
    timeout: float
    patience: float
    selector: selectors.BaseSelector

    def sent(self, index: int, now: float) -> None:
        """Note when a query left for the first time."""

    def done(self, index: int, wire: bytes, now: float) -> None:
        """Take an answer."""

    def fail(self, index: int, silence: Silence) -> None:
        """Take the lack of an answer."""

    def over_tcp(self, index: int, now: float) -> None:
        """Ask a query again whose answer did not fit into UDP."""


class Channel(ABC):
    """The way to one address: ``todo`` are the queries that have not left yet. Times are the clock's monotonic().

    ``patience`` is how many seconds an answer may take. A server that answers each question just in time is given
    up before it holds up all the others: see SLOWEST and LONGEST.
    """

    def __init__(self, batch: Batch, endpoint: Endpoint, patience: float) -> None:
        self.todo: deque[int] = deque()
        self._batch = batch
        self._patience = patience
        self._amount = 0
        self._began = NEVER
        self._endpoint = endpoint
        self._socket: socket.socket | None = None

    def add(self, index: int) -> None:
        """Take one more query, which leaves with the next call of fill()."""
        self.todo.append(index)
        self._amount += 1

    def begin(self, now: float) -> None:
        """Send the first queries."""
        self._began = min(self._began, now)
        self.fill(now)

    @property
    def _limit(self) -> float:
        """How many seconds all queries together may take."""
        return self._patience * min(LONGEST, 1 + self._amount / SLOWEST)

    def end(self) -> float:
        """When the time for all queries together is over."""
        return self._began + self._limit

    def give_up_late(self, now: float) -> None:
        """Give up, as the time for all queries together is over."""
        self.give_up(Silence("timeout", f"only some answers within {self._limit:g} s", now - self._began))

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether all its queries have an outcome."""

    @abstractmethod
    def give_up(self, silence: Silence) -> None:
        """Let all queries that are left have this outcome."""

    @abstractmethod
    def fill(self, now: float) -> None:
        """Send what the window allows."""

    @abstractmethod
    def handle(self, events: int, now: float) -> None:
        """Do what the socket is ready for."""

    @abstractmethod
    def due(self) -> float:
        """When expire() has something to do."""

    @abstractmethod
    def expire(self, now: float) -> None:
        """Repeat or give up what has waited for too long."""

    def _open(self, kind: socket.SocketKind) -> socket.socket:
        """A new socket of the address's family that never waits; OSError when the machine has no such family."""
        family = socket.AF_INET6 if ":" in self._endpoint.address else socket.AF_INET
        self._socket = socket.socket(family, kind)
        self._socket.setblocking(False)
        return self._socket

    def close(self) -> None:
        """Let the socket go."""
        if self._socket:
            if self._socket in self._batch.selector.get_map():
                self._batch.selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
