# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders that are given out twice, that take their time, and that come to nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ..ca_messages import Pass, Reply, Request, path_of, problem
from . import Behaviour, Clock, made_order

OPEN = ("pending", "ready")


@dataclass
class _Order:
    """What a client has been told of an order so far."""

    location: str
    document: dict[str, Any]

    @property
    def authorizations(self) -> list[str]:
        return [path_of(url) for url in self.document["authorizations"]]


class OrderReuse(Behaviour):
    """newOrder for the same account, names and profile answers the order that is pending or ready, as Boulder and acmeeh do.

    ``replaces`` is not looked at. An order counts as ready when the client has seen all its authorizations valid.
    """

    def __init__(self, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._orders: dict[str, _Order] = {}
        self._latest: dict[object, str] = {}
        self._statuses: dict[str, str] = {}

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Answer the order that there is, or remember what is told of orders and authorizations."""
        if request.kind == "newOrder":
            with self._lock:
                return self._new_order(request, forward)
        reply = forward(request)
        with self._lock:
            self._look(request, reply)
        return reply

    def _new_order(self, request: Request, forward: Pass) -> Reply:
        key = _key_of(request)
        order = self._orders.get(self._latest.get(key, ""))
        if order and (status := self._status(order)) in OPEN:
            self.struck += 1
            headers = [
                ("Content-Type", "application/json"),
                ("Location", order.location),
                ("Replay-Nonce", request.nonce),
            ]
            return Reply(201, headers).saying({**order.document, "status": status})
        reply = forward(request)
        if reply.status == 201:
            document = reply.document
            self._latest[key] = finalize = path_of(document["finalize"])
            self._orders[finalize] = _Order(reply.header("Location") or "", document)
        return reply

    def _look(self, request: Request, reply: Reply) -> None:
        if reply.status != 200 or request.kind not in ("order", "finalize", "authorization"):
            return
        document = reply.document
        if request.kind == "authorization":
            self._statuses[request.path] = document["status"]
        elif order := self._orders.get(path_of(document["finalize"])):
            order.document = document

    def _status(self, order: _Order) -> str:
        status = str(order.document["status"])
        if status != "pending":
            return status
        seen = {self._statuses.get(path, "pending") for path in order.authorizations}
        if seen == {"valid"}:
            return "ready"
        return "pending" if seen <= {"pending", "valid"} else "invalid"


def _key_of(request: Request) -> object:
    names = frozenset((each["type"], each["value"]) for each in request.payload.get("identifiers", ()))
    return request.host, request.account, names, request.payload.get("profile")


class SlowFinalize(Behaviour):
    """finalize answers `processing` with Retry-After, and the certificate is there some seconds and looks later.

    A look is a request for the order.
    """

    def __init__(self, seconds: float = 0.0, looks: int = 0, retry_after: str = "1", clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._seconds, self._looks, self._retry_after = seconds, looks, retry_after
        self._begun: dict[str, tuple[float, int]] = {}

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Hide the certificate for a while."""
        reply = forward(request)
        if reply.status != 200 or request.kind not in ("finalize", "order"):
            return reply
        order = reply.document
        if order["status"] not in ("processing", "valid") or not self._is_working(request, path_of(order["finalize"])):
            return reply
        self.struck += 1
        shown = {name: value for name, value in order.items() if name != "certificate"} | {"status": "processing"}
        return reply.saying(shown).with_header("Retry-After", self._retry_after)

    def _is_working(self, request: Request, path: str) -> bool:
        with self._lock:
            if request.kind == "finalize":
                self._begun[path] = self._clock() + self._seconds, self._looks
                return True
            until, looks = self._begun.get(path, (0.0, 0))
            self._begun[path] = until, looks - 1
            return looks > 0 or self._clock() < until


class FailedFinalize(Behaviour):
    """finalize answers 500, and the order is `invalid` afterwards; that happens to the first orders that are finalized.

    newOrder brings such an order back to life, should the CA behind it answer the same one again.
    """

    def __init__(self, orders: int = 1, detail: str = "Error finalizing order", clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._left, self._detail = orders, detail
        self._dead: set[str] = set()

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Have finalize fail, or tell of what has failed."""
        if request.kind == "finalize" and self._fails(request.path):
            return problem(500, "serverInternal", self._detail, nonce=request.nonce)
        reply = forward(request)
        if made_order(request, reply):
            self._dead.discard(path_of(reply.document["finalize"]))
        elif request.kind == "order" and reply.status == 200 and path_of(reply.document["finalize"]) in self._dead:
            return reply.saying({**reply.document, "status": "invalid"})
        return reply

    def _fails(self, path: str) -> bool:
        with self._lock:
            if path not in self._dead and self._left <= 0:
                return False
            if path not in self._dead:
                self._left -= 1
                self._dead.add(path)
            self.struck += 1
            return True
