# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that does one step after the other, and publishes values by hand."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.authorization import answer, fetch_authorization
from ansible_collections.certfleet.acme.plugins.module_utils._acme.challenge import dns_01
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import Order, fetch_order, finalize, new_order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import Pauses
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from ansible_collections.certfleet.acme.plugins.module_utils._x509.csr import make_csr
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import make_key

from tests.lab import Lab
from tests.lab.waiting import wait_until


class Heedless(Pauses):
    """Asks again however long the CA wants to be left alone: it is the CA that is tested."""

    def note(self, kind: str, error: ProblemError, names: Sequence[str] = (), renewal: bool = False) -> None:
        """Remember nothing."""


@dataclass(frozen=True)
class Client:
    """An account of a CA that validates with the lab's name servers."""

    lab: Lab
    session: Session

    def order(self, *names: str, replaces: str | None = None) -> Order:
        """A new order, or whichever the CA answers."""
        return new_order(self.session, [Identifier("dns", name) for name in names], "classic", replaces)

    def validate(self, order: Order) -> Order:
        """Have all authorizations validated that are not yet; the order when it is no longer pending."""
        for url in order.authorizations:
            authorization = fetch_authorization(self.session, url)
            challenge = authorization.challenge("dns-01")
            if authorization.status == "pending" and challenge:
                self._publish(*dns_01(authorization, self.session.key))
                answer(self.session, challenge)
                wait_until(lambda url=url: fetch_authorization(self.session, url).status != "pending")  # type: ignore[misc]  # its default is its type
        return self.await_change(order, "pending")

    def finalize(self, order: Order) -> Order:
        """Ask for the certificate with a new key; the order as the CA answers it."""
        return finalize(self.session, order, make_csr(make_key("ecdsa-p256"), order.identifiers))

    def await_change(self, order: Order, status: str) -> Order:
        """The order once it no longer has this status."""
        wait_until(lambda: fetch_order(self.session, order.url).status != status)
        return fetch_order(self.session, order.url)

    def issue(self, *names: str, replaces: str | None = None) -> Order:
        """A valid order for these names."""
        ready = self.validate(self.order(*names, replaces=replaces))
        return self.await_change(self.finalize(ready), "processing")

    def with_key(self, key: AccountKey) -> Client:
        """The same account, signing with another key."""
        return replace(self, session=self.session.with_key(key, self.session.account_url))

    def _publish(self, owner: str, value: str) -> None:
        for primary in self.lab.primaries:
            self.lab.add_txt(primary.name, owner, value)


@contextmanager
def new_client(lab: Lab, directory: str, ca_bundle: Path) -> Iterator[Client]:
    """A client with a new account."""
    network = Network(str(ca_bundle), timeout=20, width=16, pauses=Heedless(SystemClock()))
    session = Session(network, fetch_directory(network, directory), AccountKey(make_key("ecdsa-p256")))
    try:
        yield Client(lab, session.for_account(register(session, terms_agreed=True).url))
    finally:
        network.close()


def fresh(zone: str = "fleet.test") -> str:
    """A name that no other test has asked for."""
    return f"u{secrets.token_hex(4)}.{zone}"
