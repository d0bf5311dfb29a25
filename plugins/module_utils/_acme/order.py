# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders (RFC 8555 §7.1.3 and §7.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from .._core.clock import format_instant
from .._core.identifier import Identifier
from . import member
from .answer import read_links, read_location, read_object
from .key import encode
from .problem import NetworkError, Problem, UnusableAnswerError
from .session import Session

MOST_PAGES = 1000
MOST_ALTERNATES = 10  # chains beside the CA's own choice; no CA has more than a few
PEM_CHAIN = "application/pem-certificate-chain"
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
NEW_ORDER = "the new order"  # what a ProblemError about it begins with


@dataclass(frozen=True)
class Order:
    """An order; ``retry_after`` are the seconds that the CA asked to wait when it was read."""

    url: str
    status: str
    identifiers: tuple[Identifier, ...]
    authorizations: tuple[str, ...]
    finalize: str
    expires: datetime | None = None
    certificate: str | None = None
    error: Problem | None = None
    profile: str | None = None
    retry_after: float | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, url: str, document: Mapping[str, Any], retry_after: float | None = None) -> Order:
        """Read an order object of the CA, or what as_dict() gave; NetworkError when it isn't one."""
        what = "an order"
        listed = document.get("identifiers")
        return cls(
            url=url,
            status=member.text(document, "status", what),
            identifiers=tuple(member.identifier(each, what) for each in listed) if isinstance(listed, list) else (),
            authorizations=member.texts(document, "authorizations", what),
            finalize=member.text(document, "finalize", what),
            expires=member.instant(document, "expires"),
            certificate=member.optional_text(document, "certificate"),
            error=member.problem(document, "error"),
            profile=member.optional_text(document, "profile"),
            retry_after=retry_after,
        )

    def as_dict(self) -> dict[str, Any]:
        """The order as JSON in the RFC's words and with its ``url``, to be kept on disk."""
        members: dict[str, Any] = {
            "url": self.url,
            "status": self.status,
            "identifiers": [{"type": each.type, "value": each.value} for each in self.identifiers],
            "authorizations": list(self.authorizations),
            "finalize": self.finalize,
            "expires": format_instant(self.expires) if self.expires else None,
            "certificate": self.certificate,
            "error": self.error.as_dict() if self.error else None,
            "profile": self.profile,
        }
        return {name: value for name, value in members.items() if value is not None}


def new_order(
    session: Session,
    identifiers: Sequence[Identifier],
    profile: str | None = None,
    replaces: str | None = None,
    renewal: bool = False,
) -> Order:
    """Make an order (RFC 8555 §7.4); ``replaces`` is a certificate id (RFC 9773 §5).

    ``renewal``: the CA has issued for exactly these names before.

    Never sent twice on its own: when the connection breaks, NetworkError with
    ``uncertain`` says that there may be an order whose URL is lost. Where the
    URL has come and nothing else of use, the order is read.
    """
    payload: dict[str, Any] = {"identifiers": [{"type": each.type, "value": each.value} for each in identifiers]}
    if profile:
        payload["profile"] = profile
    if replaces:
        payload["replaces"] = replaces
    what = f"{NEW_ORDER} for {_names(identifiers)}"
    names = [each.value for each in identifiers]
    url = session.directory.endpoint("newOrder")
    response = session.post(url, payload, what, kind="newOrder", names=names, renewal=renewal)
    made = read_location(response)
    if not made:
        raise UnusableAnswerError(f"The CA answered {what} without the order's URL (the header Location)")
    try:
        return _read(session, made, response)
    except UnusableAnswerError:
        return fetch_order(session, made)


def list_orders(session: Session, url: str, patience: float) -> list[str]:
    """The URLs of the account's orders as the CA lists them (RFC 8555 §7.1.2.1), page after page.

    ``url`` is the account's member ``orders``. After ``patience`` seconds no further page is asked for.
    NetworkError when that is no list of orders.
    """
    what = "the list of orders"
    clock = session.network.clock
    deadline = clock.monotonic() + patience
    found: dict[str, None] = {}
    seen: set[str] = set()
    page: str | None = url
    while page and page not in seen and len(seen) < MOST_PAGES and clock.monotonic() < deadline:
        seen.add(page)
        response = session.post(page, None, what, kind="orders")
        found.update(dict.fromkeys(member.texts(read_object(response, what), "orders", what)))
        page = next(iter(read_links(response, "next")), None)
    return list(found)


def fetch_order(session: Session, url: str) -> Order:
    """The order as it is now."""
    return _read(session, url, session.post(url, None, "the reading of the order", kind="order"))


def finalize(session: Session, order: Order, csr: bytes) -> Order:
    """Ask for the certificate with a CSR in DER form (RFC 8555 §7.4).

    Not repeated when the connection breaks: :func:`fetch_order` tells whether
    the CA has taken it (the status is then no longer ``ready``).
    """
    what = f"to finalize the order for {_names(order.identifiers)}"
    names = [each.value for each in order.identifiers]
    response = session.post(order.finalize, {"csr": encode(csr)}, what, kind="finalize", names=names)
    return _read(session, order.url, response)


def download_chains(session: Session, order: Order, alternates: bool = False) -> list[bytes]:
    """The certificate with its chain as the CA hands it out, in PEM (RFC 8555 §7.4.2).

    With ``alternates`` the other chains that it offers follow. Text around the
    certificates, which RFC 8555 §9.1 forbids and some CAs send, is left out.
    NetworkError when the order has no certificate yet.
    """
    if order.certificate is None:
        raise NetworkError(f"The order {order.url} has no certificate: its status is {order.status}")
    response = _download(session, order.certificate)
    others = read_links(response, "alternate")[:MOST_ALTERNATES] if alternates else []
    return [_certificates(each) for each in (response, *(_download(session, url) for url in others))]


def _certificates(response: requests.Response) -> bytes:
    return b"".join(pem + b"\n" for pem in PEM.findall(response.content))


def _download(session: Session, url: str) -> requests.Response:
    response = session.post(url, None, "the certificate's download", kind="certificate", accept=PEM_CHAIN)
    if not PEM.search(response.content):
        raise NetworkError(f"What the CA has at {url} is no certificate in PEM form")
    return response


def _read(session: Session, url: str, response: requests.Response) -> Order:
    return Order.from_json(url, read_object(response, "an order"), session.retry_after(response))


def _names(identifiers: Sequence[Identifier]) -> str:
    """For sentences: the first few names."""
    names = [each.value for each in identifiers[:3]]
    return ", ".join(names) + (f" and {len(identifiers) - 3} more" if len(identifiers) > 3 else "")
