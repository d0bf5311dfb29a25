# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorizations that no client can get an order ready with."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from typing import Any, Literal

from ..ca_messages import Pass, Reply, Request, path_of
from . import Behaviour, Clock, made_order

Change = Callable[[dict[str, Any]], dict[str, Any]]


class StaysPending(Behaviour):
    """Orders for some names stay `pending` although their validation has failed.

    - ``told_in`` is ``challenge``, as smallstep does it: authorization and challenge stay pending, too, and the challenge
      has the error, in the answer to its POST as well. The next POST tries again.
    - ``authorization``, as acme2certifier does it: the authorization is invalid, and no text says why.

    ``names`` is looked at for each challenge: what is taken out of it can be validated from then on, unless its
    authorization is invalid already.
    """

    def __init__(
        self,
        names: Collection[str],
        told_in: Literal["challenge", "authorization"] = "challenge",
        detail: str = "the value was not found",
        clock: Clock = time.time,
    ) -> None:
        super().__init__(clock)
        self._names, self._told_in = names, told_in
        self._error = {"type": "urn:ietf:params:acme:error:incorrectResponse", "detail": detail, "status": 400}
        self._challenges: dict[str, tuple[str, dict[str, Any]]] = {}
        self._failed: set[str] = set()

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Keep what would fail away from the CA, and tell of what has failed."""
        name, challenge = self._challenges.get(request.path, ("", {}))
        if challenge and request.protected.get("alg") and name in self._names:
            return self._fail(request, challenge)
        self._failed.discard(request.path)
        reply = forward(request)
        if request.kind == "authorization" and reply.status == 200:
            return self._tell(reply)
        return reply

    def _fail(self, request: Request, challenge: dict[str, Any]) -> Reply:
        self._failed.add(request.path)
        self.struck += 1
        headers = [("Content-Type", "application/json"), ("Replay-Nonce", request.nonce)]
        return Reply(200, headers).saying(self._failing(challenge))

    def _tell(self, reply: Reply) -> Reply:
        authorization = reply.document
        name = authorization["identifier"]["value"]
        challenges = authorization.get("challenges", [])
        self._challenges |= {path_of(each["url"]): (name, each) for each in challenges}
        failed = [path_of(each["url"]) in self._failed for each in challenges]
        if not any(failed):
            return reply
        shown = [self._failing(each) if is_bad else each for each, is_bad in zip(challenges, failed, strict=True)]
        status = "invalid" if self._told_in == "authorization" else authorization["status"]
        return reply.saying({**authorization, "status": status, "challenges": shown})

    def _failing(self, challenge: dict[str, Any]) -> dict[str, Any]:
        if self._told_in == "challenge":
            return {**challenge, "status": "pending", "error": self._error}
        return {**challenge, "status": "invalid"}


class DeadAuthorizations(Behaviour):
    """The authorizations of the first orders look as a change says, for good; see the changes below.

    The order itself is not touched. It is the number of newOrder requests that counts: an order that the CA answers once
    more has living authorizations.
    """

    def __init__(self, change: Change, orders: int = 1, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._change, self._left = change, orders
        self._dead: set[str] = set()

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Change authorizations, and notice which of them belong to those orders."""
        reply = forward(request)
        if made_order(request, reply):
            self._mark({path_of(url) for url in reply.document["authorizations"]})
        if request.kind == "authorization" and reply.status == 200 and request.path in self._dead:
            self.struck += 1
            return reply.saying(self._change(reply.document))
        return reply

    def _mark(self, authorizations: set[str]) -> None:
        with self._lock:
            self._dead = self._dead | authorizations if self._left > 0 else self._dead - authorizations
            self._left -= 1


def of_status(status: str) -> Change:
    """`expired`, `deactivated`, `revoked`, or a status that RFC 8555 does not know."""
    return lambda authorization: {**authorization, "status": status}


def long_expired(authorization: dict[str, Any]) -> dict[str, Any]:
    """`expires` is in the past, and the status does not say so."""
    past = datetime.fromtimestamp(time.time() - 3600, timezone.utc)
    return {**authorization, "expires": past.strftime("%Y-%m-%dT%H:%M:%SZ")}


def without_challenge(*types: str) -> Change:
    """There is no challenge of these types."""
    return lambda authorization: {
        **authorization,
        "challenges": [each for each in authorization["challenges"] if each["type"] not in types],
    }


def with_spent_challenge(kind: str) -> Change:
    """The authorization is pending, and its challenge of this type is not."""
    return lambda authorization: {
        **authorization,
        "challenges": [
            {**each, "status": "invalid"} if each["type"] == kind else each for each in authorization["challenges"]
        ],
    }
