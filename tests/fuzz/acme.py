# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA sends: objects, headers, chains and URLs (RFC 8555)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme import account, authorization, challenge, order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.connections import read_whole
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import Directory, fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.renewal_info import fetch_renewal_info
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from tests.unit.plugins.module_utils._core.fakes import FakeClock

from . import inputs, pem

URL = "https://ca.test/thing"
KEY = AccountKey(ec.generate_private_key(ec.SECP256R1()))
SHOP = Identifier("dns", "shop.example")
DIRECTORY = Directory(URL, dict.fromkeys(("newNonce", "newAccount", "newOrder", "renewalInfo"), URL))
PROBLEM = {
    "type": "urn:ietf:params:acme:error:rateLimited",
    "detail": "retry after 2026-11-23 05:00:00 UTC",
    "status": 429,
    "identifier": {"type": "dns", "value": "shop.example"},
    "subproblems": [{"type": "x", "detail": "y", "identifier": {"type": "dns", "value": "shop.example"}}],
}
CHALLENGE = {"type": "http-01", "url": URL, "status": "pending", "token": "abc", "error": PROBLEM}
OBJECTS: tuple[Mapping[str, Any], ...] = (
    {
        "status": "valid",
        "identifiers": [{"type": "dns", "value": "shop.example"}],
        "authorizations": [URL],
        "finalize": URL,
        "expires": "2026-11-24T00:00:00.123456789Z",
        "certificate": URL,
        "error": PROBLEM,
        "orders": [URL],
    },
    {"identifier": {"type": "dns", "value": "shop.example"}, "status": "pending", "challenges": [CHALLENGE]},
    CHALLENGE,
    {"status": "valid", "contact": ["mailto:ops@example.com"], "termsOfServiceAgreed": True, "orders": URL},
    {"newNonce": URL, "newAccount": URL, "newOrder": URL, "meta": {"termsOfService": URL, "profiles": {"a": "b"}}},
    {"suggestedWindow": {"start": "2026-11-24T00:00:00Z", "end": "2026-11-25T00:00:00Z"}, "explanationURL": URL},
    PROBLEM,
)
HEADERS = (
    ("Location", URL),
    ("Link", f'<{URL}>;rel="alternate"'),
    ("Retry-After", "60"),
    ("Date", "Mon, 23 Nov 2026 04:00:00 GMT"),
    ("Content-Type", "application/json"),
    ("Replay-Nonce", "abc"),
)


class Reply(NamedTuple):
    """A whole answer, and what asks for it."""

    asked: str
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class OneReply(HTTPAdapter):
    """A CA that answers everything alike, but for nonces."""

    reply: Reply

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The reply."""
        status, headers, body = self.reply[1:]
        if request.method == "HEAD":
            status, headers, body = 200, {"Replay-Nonce": "abc"}, b""
        raw = HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)
        return read_whole(self.build_response(request, raw))

    def close(self) -> None:
        """Nothing is open."""


def session_with(transport: HTTPAdapter | None) -> Session:
    """A session with an account, which waits for nothing."""
    return Session(Network(transport=transport, clock=FakeClock(), patience=0), DIRECTORY, KEY, URL)


def _answer_all(session: Session) -> None:
    """Read an authorization and answer its challenges."""
    found = authorization.fetch_authorization(session, URL)
    for answer in (challenge.http_01, challenge.dns_01, challenge.tls_alpn_01):
        if found.challenge(answer.__name__.replace("_", "-")):
            answer(found, KEY)
    for each in found.challenges:
        authorization.answer(session, each)


def _download(session: Session) -> None:
    found = order.Order(URL, "valid", (SHOP,), (URL,), URL, certificate=URL)
    pem.read_chains(order.download_chains(session, found, alternates=True))


ASKED: dict[str, Callable[[Session], object]] = {
    "directory": lambda session: fetch_directory(session.network, URL),
    "account": account.fetch_account,
    "search": account.find,
    "registration": account.register,
    "new order": lambda session: order.new_order(session, [SHOP]).as_dict(),
    "order": lambda session: order.fetch_order(session, URL).as_dict(),
    "orders": lambda session: order.list_orders(session, URL, 60),
    "finalize": lambda session: order.finalize(session, order.Order(URL, "ready", (SHOP,), (), URL), b"csr"),
    "authorization": _answer_all,
    "certificate": _download,
    "renewal info": lambda session: fetch_renewal_info(session, "abc.def"),
}

BODIES = inputs.broken_json(*OBJECTS) | inputs.broken_bytes(pem.CERTIFICATES)
STATUSES = st.sampled_from([200, 200, 200, 200, 201, 204, 301, 400, 403, 404, 409, 429, 500, 503]) | st.integers(
    200, 999
)
REPLIES = st.builds(Reply, st.sampled_from(sorted(ASKED)), STATUSES, inputs.headers(*HEADERS), BODIES)


def read_reply(reply: Reply) -> None:
    """Ask a CA that answers so."""
    ASKED[reply.asked](session_with(OneReply(reply)))


_REAL = session_with(None)


def ask_at(url: str) -> None:
    """Ask at a URL that a CA has given, by the connections that are really used."""
    order.fetch_order(_REAL, url)
