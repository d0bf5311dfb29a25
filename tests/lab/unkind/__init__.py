# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of real CAs that Pebble does not have: each a behaviour that remembers what went to and fro.

    proxy.behave(OrderReuse(), SlowFinalize(seconds=2))

Behaviours know the CA only from what passes through: an order whose validation has failed, for example, is pending to
them until a client has looked at it.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from ..ca_messages import NEW_NONCE, Pass, Reply, Request, path_of

Clock = Callable[[], float]
"""Seconds since 1970."""


class Behaviour(ABC):
    """One way of a CA; ``struck`` is how often it made a difference. Several threads call it at once."""

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.struck = 0

    @abstractmethod
    def answer(self, request: Request, forward: Pass) -> Reply:
        """The answer to a request: what the CA says to it, something else, or something of its own."""

    def end(self, forward: Pass) -> None:  # noqa: B027  # most have nothing to do
        """Pass on what was held back, as the CA is no longer to be like this."""


def stacked(behaviours: Sequence[Behaviour], forward: Pass) -> Pass:
    """A way to the CA through all these behaviours; the first one is next to the client."""
    for behaviour in reversed(tuple(behaviours)):
        forward = _through(behaviour, forward)
    return forward


def _through(behaviour: Behaviour, forward: Pass) -> Pass:
    return lambda request: behaviour.answer(request, forward)


def unsigned(method: str, path: str, host: str) -> Request:
    """A request of our own, from which the CA takes itself to be at this host; RFC 8555 §6.1 wants a User-Agent."""
    return Request(method, path, {"Host": host, "User-Agent": "certfleet lab"})


def fresh_nonce(forward: Pass, host: str) -> str:
    """A nonce that the CA has just made."""
    return forward(unsigned("HEAD", NEW_NONCE, host)).header("Replay-Nonce") or ""


def made_order(request: Request, reply: Reply) -> str:
    """The path of the order that this newOrder request has made or found, empty for everything else."""
    return path_of(reply.header("Location") or "") if request.kind == "newOrder" and reply.status == 201 else ""


__all__ = ["Behaviour", "Clock", "fresh_nonce", "made_order", "stacked", "unsigned"]
