# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to the lab's CA and what comes back, as those see it who stand in between."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit

Kind = Literal[
    "directory",
    "newNonce",
    "newAccount",
    "newOrder",
    "account",
    "orders",
    "order",
    "authorization",
    "challenge",
    "finalize",
    "certificate",
    "renewalInfo",
    "keyChange",
    "revokeCert",
    "other",
]

RENEWAL_INFO = "/draft-ietf-acme-ari-03/renewalInfo"
NEW_NONCE = "/nonce-plz"
_PATHS: tuple[tuple[str, Kind], ...] = (
    ("/dir", "directory"),
    (NEW_NONCE, "newNonce"),
    ("/sign-me-up", "newAccount"),
    ("/order-plz", "newOrder"),
    ("/my-account/", "account"),
    ("/list-orderz/", "orders"),
    ("/my-order/", "order"),
    ("/authZ/", "authorization"),
    ("/chalZ/", "challenge"),
    ("/finalize-order/", "finalize"),
    ("/certZ/", "certificate"),
    (RENEWAL_INFO, "renewalInfo"),
    ("/rollover-account-key", "keyChange"),
    ("/revoke-cert", "revokeCert"),
)
"""Pebble's paths."""


@dataclass(frozen=True)
class Request:
    """A request as it came from the client; ``path`` has the query, too."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @cached_property
    def kind(self) -> Kind:
        """What is asked for."""
        return next((kind for path, kind in _PATHS if self.path.startswith(path)), "other")

    @property
    def host(self) -> str:
        """Where the client believes the CA to be: address and port."""
        return next((value for name, value in self.headers.items() if name.lower() == "host"), "")

    @cached_property
    def protected(self) -> Mapping[str, Any]:
        """The protected header of a signed request (RFC 8555 §6.2), empty for others."""
        return read_part(self.body, "protected")

    @cached_property
    def payload(self) -> Mapping[str, Any]:
        """What a signed request says, empty when that is nothing."""
        return read_part(self.body, "payload")

    @property
    def account(self) -> str:
        """The path of the account that signed, empty for a request without one."""
        return path_of(str(self.protected.get("kid", "")))

    @property
    def nonce(self) -> str:
        """The nonce that the request carries; as good as new as long as the CA has not seen the request."""
        return str(self.protected.get("nonce", ""))


@dataclass(frozen=True)
class Reply:
    """An answer; ``pace`` are the seconds before each byte of its body, and ``slow_head`` those before the rest."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    pace: float = 0.0
    slow_head: float = 0.0

    @property
    def document(self) -> Any:
        """The body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def refuses_nonce(self) -> bool:
        """Whether the CA wants the same once more with another nonce."""
        document = self.document if self.status == 400 else None
        return isinstance(document, dict) and str(document.get("type", "")).endswith(":badNonce")

    def header(self, name: str) -> str | None:
        """The value of a header."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)

    def with_header(self, name: str, value: str) -> Reply:
        """The same with this header instead of the one that it had."""
        others = [(each, text) for each, text in self.headers if each.lower() != name.lower()]
        return replace(self, headers=[*others, (name, value)])

    def saying(self, document: Mapping[str, Any]) -> Reply:
        """The same with another JSON object in its body."""
        return replace(self, body=json.dumps(document).encode())


Pass = Callable[[Request], Reply]
"""A way to pass a request on to the CA."""


def problem(
    status: int,
    name: str,
    detail: str,
    *,
    retry_after: str | None = None,
    nonce: str = "",
    subproblems: Sequence[Mapping[str, Any]] = (),
) -> Reply:
    """A problem document (RFC 8555 §6.7), with this nonce for the client's next request."""
    document: dict[str, Any] = {"type": f"urn:ietf:params:acme:error:{name}", "detail": detail, "status": status}
    if subproblems:
        document["subproblems"] = list(subproblems)
    headers = [("Content-Type", "application/problem+json")]
    headers += [("Retry-After", retry_after)] if retry_after else []
    headers += [("Replay-Nonce", nonce)] if nonce else []
    return Reply(status, headers, json.dumps(document).encode())


def path_of(url: str) -> str:
    """A URL without scheme and host."""
    return urlsplit(url).path


def names_in(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The names in an order or in a newOrder request, sorted."""
    return tuple(sorted(each["value"] for each in document["identifiers"]))


def read_part(body: bytes, part: str) -> Mapping[str, Any]:
    """One part of a JWS in JSON (RFC 7515 §7.2.2), empty when it can't be read."""
    try:
        found = json.loads(_decode(json.loads(body)[part]))
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
