# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each kind of challenge wants to see (RFC 8555 §8, RFC 8737, RFC 8738)."""

from __future__ import annotations

import hashlib
import ipaddress
import re

from .._core.identifier import Identifier
from .authorization import Authorization, Challenge
from .key import AccountKey, encode
from .problem import NetworkError

TOKEN = re.compile(r"[A-Za-z0-9_-]+")


def key_authorization(token: str | None, account_key: AccountKey) -> str:
    """The token and the account key's thumbprint (RFC 8555 §8.1).

    NetworkError for a token outside of base64url, which could otherwise become
    a path that climbs.
    """
    if token is None or not TOKEN.fullmatch(token):
        raise NetworkError("The CA gave a challenge without a valid token")
    return f"{token}.{account_key.thumbprint}"


def dns_01(authorization: Authorization, account_key: AccountKey) -> tuple[str, str]:
    """Owner name and value of the TXT record (RFC 8555 §8.4)."""
    text = key_authorization(_challenge(authorization, "dns-01").token, account_key)
    return f"_acme-challenge.{authorization.identifier.base}", encode(hashlib.sha256(text.encode()).digest())


def http_01(authorization: Authorization, account_key: AccountKey) -> tuple[str, str]:
    """Path and content of the file that answers on port 80 (RFC 8555 §8.3)."""
    challenge = _challenge(authorization, "http-01")
    text = key_authorization(challenge.token, account_key)
    return f"/.well-known/acme-challenge/{challenge.token}", text


def tls_alpn_01(authorization: Authorization, account_key: AccountKey) -> tuple[str, str]:
    """Server name asked for with ALPN ``acme-tls/1``, and the digest (hex) for acmeIdentifier (RFC 8737 §3)."""
    text = key_authorization(_challenge(authorization, "tls-alpn-01").token, account_key)
    return server_name(authorization.identifier), hashlib.sha256(text.encode()).hexdigest()


def server_name(identifier: Identifier) -> str:
    """The name in the TLS handshake: for an address its name in the reverse zone (RFC 8738 §6)."""
    if identifier.type == "ip":
        return ipaddress.ip_address(identifier.value).reverse_pointer
    return identifier.value


def _challenge(authorization: Authorization, type: str) -> Challenge:
    challenge = authorization.challenge(type)
    if challenge is None:
        offered = ", ".join(each.type for each in authorization.challenges) or "none"
        raise NetworkError(f"{authorization.identifier.value}: the CA offers no {type} challenge, only: {offered}")
    return challenge
