# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA whose front ends know accounts by heart for some seconds."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..ca_messages import Pass, Reply, Request, path_of, problem, read_part
from . import Behaviour, Clock, fresh_nonce

PUBLIC = ("kty", "crv", "x", "y", "n", "e")
"""The members of a JWK that make the public key."""


@dataclass(frozen=True)
class _Change:
    """A change of keys that the CA has accepted, and which takes effect at an instant."""

    request: Request
    account: str
    old: str
    new: str
    due: float


class KeyCache(Behaviour):
    """After keyChange the old key is accepted for some seconds and the new one is not, as with Boulder.

    The change waits here until then, so the CA behind refuses the new key by itself (`malformed`, "JWS verification
    error"). newAccount is answered as from Boulder's database, which has the new key at once. Needs a CA that does not
    refuse good nonces at random, since the change that waits can be sent but once (:class:`NonceRefusals` does that instead).
    """

    def __init__(self, seconds: float = 5.0, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._seconds = seconds
        self._waiting: list[_Change] = []
        self._accounts: dict[str, Mapping[str, Any]] = {}
        self._keys: dict[str, str] = {}

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Answer keyChange, send what is due, and learn which account has which key."""
        if self._waiting:
            with self._lock:
                self._send_what_is_due(forward, self._clock())
        if request.kind == "keyChange":
            with self._lock:
                return self._change(request, forward)
        if request.kind == "newAccount" and (reply := self._from_database(request)):
            return reply
        reply = forward(request)
        self._learn(request, reply)
        return reply

    def end(self, forward: Pass) -> None:
        """Send the changes that still wait."""
        with self._lock:
            self._send_what_is_due(forward, float("inf"))

    def _change(self, request: Request, forward: Pass) -> Reply:
        inner = json.dumps(dict(request.payload)).encode()
        new, wanted = _name_of(read_part(inner, "protected").get("jwk")), read_part(inner, "payload")
        old, owner = _name_of(wanted.get("oldKey")), self._keys.get(new)
        if owner:
            detail = "New key is already in use for a different account"
            refused = problem(409, "malformed", detail, nonce=request.nonce)
            return refused.with_header("Location", f"https://{request.host}{owner}")
        is_own = self._keys.get(old, request.account) == request.account
        if not new or not old or not is_own or self._is_waiting(request.account):
            return forward(request)
        self._waiting.append(_Change(request, request.account, old, new, self._clock() + self._seconds))
        self._keys[new] = request.account
        self.struck += 1
        headers = [("Content-Type", "application/json"), ("Replay-Nonce", fresh_nonce(forward, request.host))]
        return Reply(200, headers).saying(self._document_of(request.account))

    def _document_of(self, account: str) -> Mapping[str, Any]:
        return self._accounts.get(account, {"status": "valid"})

    def _is_waiting(self, account: str) -> bool:
        return any(each.account == account for each in self._waiting)

    def _from_database(self, request: Request) -> Reply | None:
        """What newAccount says of a key that is about to change; None when it is about another key."""
        key = _name_of(request.protected.get("jwk"))
        change = next((each for each in self._waiting if key in (each.old, each.new)), None)
        if change is None:
            return None
        if key == change.new:
            location = f"https://{request.host}{change.account}"
            headers = [("Content-Type", "application/json"), ("Location", location), ("Replay-Nonce", request.nonce)]
            return Reply(200, headers).saying(self._document_of(change.account))
        if request.payload.get("onlyReturnExisting"):
            detail = "No account exists with the provided key"
            return problem(400, "accountDoesNotExist", detail, nonce=request.nonce)
        return None

    def _send_what_is_due(self, forward: Pass, now: float) -> None:
        due = [each for each in self._waiting if each.due <= now]
        self._waiting = [each for each in self._waiting if each not in due]
        for change in due:
            reply = forward(change.request)
            if reply.status == 200:
                self._keys.pop(change.old, None)
            else:
                self._keys.pop(change.new, None)
                print(f"a change of keys came to nothing: {reply.body!r}", file=sys.stderr, flush=True)

    def _learn(self, request: Request, reply: Reply) -> None:
        if request.kind not in ("newAccount", "account") or reply.status not in (200, 201):
            return
        with self._lock:
            path = path_of(reply.header("Location") or "") if request.kind == "newAccount" else request.path
            self._accounts[path] = reply.document
            if request.kind == "newAccount":
                self._keys[_name_of(request.protected.get("jwk"))] = path


def _name_of(jwk: object) -> str:
    """A text that only this public key has; empty when it is none."""
    if not isinstance(jwk, Mapping):
        return ""
    return json.dumps({name: jwk[name] for name in PUBLIC if name in jwk}, sort_keys=True)
