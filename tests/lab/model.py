# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the lab: what can be chosen, and what a running lab consists of."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DAY = 86400

ALGORITHM_BYTES = {"hmac-sha256": 32, "hmac-sha384": 48, "hmac-sha512": 64}


class LabError(Exception):
    """The lab cannot be started or cannot do what was asked."""


ROOM = {"certificates_per_domain": 100_000, "certificates_per_set": 100_000, "orders_per_account": 100_000}
"""Limits for tests that share a lab, or need more certificates in its few domains than Let's Encrypt gives in a week."""


@dataclass(frozen=True)
class Options:
    """What a test or a benchmark may choose; everything else the lab chooses itself.

    - `zones`: served by all four name servers; a zone below another one is delegated from it.
    - `aliases`: CNAME records by owner, both names absolute without the last dot.
    - `addresses`: further A records by owner, absolute without the last dot.
    - `profiles`: validity in seconds by profile name. Pebble gives an order that names no profile
      *any* of them, so orders that care must name one.
    - `as_letsencrypt`: whether the CA behaves like Let's Encrypt, by what stands before it (unkind/letsencrypt.py): it
      answers the same order for the same names, issues asynchronously, and has limits. Otherwise it is kind.
    - `limits`: other numbers than Let's Encrypt's, by the names in unkind/letsencrypt.py.
    - `nonce_reject`: percentage of good nonces that are refused.
    - `authz_reuse`: percentage of orders that take over authorizations; by default all if `as_letsencrypt`, else half.
    - `external_accounts`: MAC keys (base64url) by key identifier; `require_external_account` insists on one.
    - `blocked`: names that the CA refuses at newOrder, with all below them. Pebble breaks down over an
      ordered name that has fewer labels than a blocked one with the same end, so keep these short.
    - `secondary`: whether NSD follows one of the primaries; without it there are three responders only.
    - `retry_after`: seconds that the CA asks to wait between polls of an authorization and of an order.
    - `asked`: the responders that the CA's resolver asks, in turn; the others serve the zones unasked.
    - `unseen`: names for which the CA's resolver finds nothing, whatever the responders have.
    """

    zones: tuple[str, ...] = ("fleet.test", "sub.fleet.test", "shop.test", "validation.test", "blocked.test")
    aliases: Mapping[str, str] = field(
        default_factory=lambda: {"_acme-challenge.delegated.fleet.test": "delegated.validation.test"}
    )
    addresses: Mapping[str, str] = field(default_factory=dict)
    profiles: Mapping[str, int] = field(default_factory=lambda: {"classic": 90 * DAY, "shortlived": 6 * DAY})
    as_letsencrypt: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)
    nonce_reject: int = 5
    authz_reuse: int | None = None
    external_accounts: Mapping[str, str] = field(default_factory=dict)
    require_external_account: bool = False
    blocked: tuple[str, ...] = ("blocked.test",)
    retry_after: tuple[int, int] = (1, 1)
    secondary: bool = True
    frontends: int = 3
    asked: tuple[str, ...] = ("knot", "bind", "powerdns", "nsd")
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class TsigKey:
    """A shared secret for updates; `algorithm` as in RFC 8945 without the dot, `secret` in base64."""

    name: str
    algorithm: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls, name: str, algorithm: str) -> TsigKey:
        """Make a key with a random secret as long as the algorithm's digest."""
        return cls(name, algorithm, base64.b64encode(secrets.token_bytes(ALGORITHM_BYTES[algorithm])).decode())


@dataclass(frozen=True)
class Responder:
    """An authoritative server of the lab.

    `addresses` are all it listens on, with the same port; `address` is the first, always IPv4.
    A responder with `updates` is a primary of its own and takes the updates signed with `tsig_key`
    (or any other of the lab's keys); one without follows the primary `follows`.
    """

    name: str
    make: str
    address: str
    port: int
    addresses: tuple[str, ...]
    updates: bool
    tsig_key: str | None
    follows: str | None = None


@dataclass(frozen=True)
class Frontend:
    """A web server of the lab; it serves what lies in `folder`/sites/*.conf once `reload` was run.

    `webroot` is served over HTTP below /.well-known/acme-challenge/. The HTTP and HTTPS ports are
    those that the CA validates http-01 and tls-alpn-01 on.
    """

    name: str
    address: str
    http_port: int
    https_port: int
    folder: Path
    webroot: Path
    reload: tuple[str, ...]
