# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another key for an account (RFC 8555 §7.3.5), and the time in which not all of a CA has heard of it.

A CA's front ends keep accounts in memory for some seconds (Let's Encrypt's: 5). In that time they check signatures with
the former key, and refuse the new one with ``malformed`` and the words "JWS verification error".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import requests
from acme.jws import JWS

from .._core.errors import Error
from .._core.polling import rounds
from .account import fetch_account
from .key import AccountKey
from .problem import ProblemError
from .session import Session

LONGEST_WAIT = 30.0  # seconds for a new key to become known
SPREADING = 60.0  # seconds after a change in which a front end may still know the former key only


class NewKeySession(Session):
    """A session of an account whose key was changed at ``changed``: what is refused for that is sent again.

    This ends ``patience`` seconds after the change. Used from many threads at once, as any session.
    """

    def __init__(self, session: Session, changed: datetime, patience: float = SPREADING) -> None:
        super().__init__(session.network, session.directory, session.key, session.account_url)
        self._clock = session.network.clock
        left = patience - (self._clock.now() - changed).total_seconds()
        # a change in the future was noted by a clock that has been put right since
        self._until = self._clock.monotonic() + min(max(left, 0.0), patience)

    def post(
        self, url: str, payload: Mapping[str, Any] | None, what: str = "a request", **options: Any
    ) -> requests.Response:
        """As :meth:`Session.post`; nothing has happened to a request whose signature was refused."""
        for _round in rounds(self._clock, self._until, first=0.5, longest=2.0):
            try:
                return super().post(url, payload, what, **options)
            except ProblemError as error:
                refused = error
                if not refuses_signature(error):
                    break
        raise refused


def wait_for_new_key(session: Session) -> None:
    """Return when the CA takes the session's key, which the account has just got, or after 30 s.

    Never an error: the key is changed, and what else is wrong shows itself with the next request.
    """
    try:
        fetch_account(NewKeySession(session, session.network.clock.now(), LONGEST_WAIT))
    except Error:
        return


def change_key(session: Session, new_key: AccountKey) -> None:
    """Give the session's account another key; the session itself keeps signing with the old one.

    Not repeated when the connection breaks: which of both keys the CA knows
    then, :func:`find` tells with each. A key that has an account already is
    refused with status 409.
    """
    url = session.directory.endpoint("keyChange")
    session.post(url, inner_jws(session, new_key, url), "the new account key")


def inner_jws(session: Session, new_key: AccountKey, url: str) -> dict[str, Any]:
    """The proof that the new key agrees: signed with it, holding account and old key."""
    payload = json.dumps({"account": session.account_url, "oldKey": session.key.public_jwk}).encode()
    signed = JWS.sign(payload, key=new_key.jwk, alg=new_key.algorithm, nonce=None, url=url)
    inner: dict[str, Any] = json.loads(signed.json_dumps())
    return inner


def refuses_signature(error: ProblemError) -> bool:
    """Whether the CA takes the account for one with another key, in the words of Let's Encrypt's software."""
    by_key = error.is_("malformed") and "jws verification error" in error.problem.detail.lower()
    # a key of another type is refused for its algorithm before its signature is looked at
    return by_key or error.is_("badSignatureAlgorithm")
