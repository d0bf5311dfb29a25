# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nonces at hand, which go round among the threads (RFC 8555 §6.5).

Each answer brings the nonce for one more request, so only as many have to be
asked for as requests are under way. CAs limit how often that may be done:
threads that have none wait for the answers of others for a moment, and one of
them asks for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .._core.clock import Clock
from .._core.errors import Error

INTERVAL = 0.1  # seconds between two questions while there may be answers to come; Let's Encrypt allows 20 a second


@dataclass
class _Question:
    """One request for a new nonce, and what it failed with."""

    error: Error | None = None


class Nonces:
    """Nonces that no request has used yet, shared by all threads; the newest one goes first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._fresh: list[str] = []
        self._under_way = 0
        self._question: _Question | None = None
        self._next = clock.monotonic()
        self._changed = threading.Condition()

    def add(self, nonce: str) -> None:
        """Take in what an answer brought."""
        with self._changed:
            self._fresh.append(nonce)
            self._changed.notify()

    def take(self, fetch: Callable[[], str]) -> str:
        """A nonce for one request; :meth:`give_back` has to follow when that is over.

        ``fetch`` asks the CA for one. It is called by one thread at a time. What it raises goes to all that
        wait, unless the answer to a request under way may still bring a nonce.
        """
        with self._changed:
            question: _Question | None = None
            while not self._fresh:
                if question and question.error and not self._under_way:
                    raise question.error
                if self._question is None and self._may_ask():
                    question = self._ask(fetch)
                else:
                    question = self._question
                    self._changed.wait(INTERVAL)
            self._under_way += 1
            return self._fresh.pop()

    def give_back(self, unused: str | None = None) -> None:
        """A request that took a nonce is over; ``unused`` is the nonce when the CA has never seen it."""
        with self._changed:
            self._under_way -= 1
            if unused is not None:
                self._fresh.insert(0, unused)
            self._changed.notify()

    def _may_ask(self) -> bool:
        """Whether no answer can bring a nonce, or none has for a while."""
        return not self._under_way or self._clock.monotonic() >= self._next

    def _ask(self, fetch: Callable[[], str]) -> _Question:
        """Ask for a nonce, without the lock meanwhile; with the lock again it is there, or why it is not."""
        self._question = question = _Question()
        self._next = self._clock.monotonic() + INTERVAL
        self._changed.release()
        nonce = None
        try:
            nonce = fetch()
        except Error as error:
            question.error = error
        finally:
            self._changed.acquire()
            self._question = None
            self._changed.notify_all()
        if nonce is not None:
            self._fresh.append(nonce)
        return question
