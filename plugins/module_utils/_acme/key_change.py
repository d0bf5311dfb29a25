# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another key for an account (RFC 8555 §7.3.5)."""

from __future__ import annotations

import json
from typing import Any

from acme.jws import JWS

from .key import AccountKey
from .session import Session


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
