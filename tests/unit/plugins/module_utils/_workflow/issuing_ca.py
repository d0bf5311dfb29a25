# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA in memory that issues, with the manners of several real ones; and a task that keeps certificates with it."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import Pauses
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import PREFIX
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import Clock, format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.plan import Plan
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.report import Report
from ansible_collections.certfleet.acme.plugins.module_utils._store.accounts import AccountStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.layout import authority_name
from ansible_collections.certfleet.acme.plugins.module_utils._store.memory import AccountMemory
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.bounds import Bounds
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.means import Means
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.web import Web
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.ordering import Ordering
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.orders import Limits
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.upkeep import Upkeep
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock, Seen, refusal

ISSUER_KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fake Issuer")])
LATER = timedelta(days=7)


@dataclass
class Authorization:
    """The books of the CA about one name; ``challenge`` is the status of its only challenge."""

    url: str
    name: str
    wildcard: bool
    status: str = "pending"
    challenge: str = "pending"
    kind: str = "dns-01"
    error: dict[str, Any] | None = None
    expires: datetime | None = None

    def document(self) -> dict[str, Any]:
        challenge = {"type": self.kind, "url": f"{self.url}/answer", "status": self.challenge, "token": "t"}
        return {
            "identifier": {"type": "dns", "value": self.name},
            "status": self.status,
            "challenges": [challenge | ({"error": self.error} if self.error else {})],
            **({"wildcard": True} if self.wildcard else {}),
            **({"expires": format_instant(self.expires)} if self.expires else {}),
        }


@dataclass
class Order:
    """The books of the CA about one order; ``looks`` is how often it is shown as processing."""

    url: str
    payload: dict[str, Any]
    authorizations: list[Authorization]
    expires: datetime
    status: str = "pending"
    looks: int = 0
    chain: bytes = b""
    shown: bool = True
    error: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "identifiers": self.payload["identifiers"],
            "authorizations": [each.url for each in self.authorizations],
            "finalize": f"{self.url}/finalize",
            "expires": format_instant(self.expires),
            **({"certificate": f"{self.url}/certificate"} if self.status == "valid" and self.shown else {}),
            **({"error": self.error} if self.error else {}),
        }


@dataclass
class Manners:
    """How the CA behaves: by default as Pebble does, the other members are those of real ones.

    ``reuses_orders``: Boulder and acmeeh; ``reuses_authorizations``: Boulder; ``looks``: how often an order is
    shown as processing after finalize (Boulder). ``failing`` are names that can't be validated, and
    ``after_failure`` what then becomes of things: "invalid" all of them, "pending" all of them (smallstep), or
    "authorization" only that is invalid (acme2certifier). ``finalize_breaks``: so many times 500, and the order is
    invalid afterwards. ``answers_late``: a challenge looks as if it were under way when it is answered, and
    ``shows_certificate_late``: an order is valid before it has its certificate. ``deactivates``: whether a client can
    give an authorization up. ``gives_reasons``: whether a failed challenge tells why.
    """

    reuses_orders: bool = False
    reuses_authorizations: bool = False
    looks: int = 0
    failing: set[str] = field(default_factory=set)
    after_failure: str = "invalid"
    finalize_breaks: int = 0
    answers_late: bool = False
    gives_reasons: bool = True
    deactivates: bool = True
    shows_certificate_late: bool = False
    lifetime: timedelta = timedelta(days=90)


class IssuingCa(FakeCa):
    """Orders, authorizations, challenges and certificates; ``orders`` has them as they came."""

    def __init__(self, clock: Clock, manners: Manners | None = None) -> None:
        super().__init__()
        self.clock = clock
        self.manners = manners or Manners()
        self.orders: list[Order] = []
        self.authorizations: list[Authorization] = []
        self.issued: list[x509.Certificate] = []
        self.watch: Callable[[], None] = lambda: None
        self.routes["/new-order"] = self._new_order

    def directory(self) -> dict[str, Any]:
        return {**super().directory(), "renewalInfo": f"{HOST}/renewal-info"}

    def _answer(self, seen: Seen, request: requests.PreparedRequest) -> Answer:
        if seen.path.startswith("/renewal-info/"):
            return self._renewal_info(seen.path.rpartition(".")[2])
        answer = super()._answer(seen, request)
        self.watch()
        return answer

    def _renewal_info(self, serial: str) -> Answer:
        """A window of a fiftieth of the lifetime when two thirds of it are over, as Let's Encrypt has it."""
        number = int.from_bytes(base64.urlsafe_b64decode(serial + "=="), "big")
        certificate = next(each for each in self.issued if each.serial_number == number)
        start, lifetime = certificate.not_valid_before_utc, self.manners.lifetime
        middle = start + lifetime * 2 / 3
        window = {"start": format_instant(middle - lifetime / 100), "end": format_instant(middle + lifetime / 100)}
        return Answer(document={"suggestedWindow": window}, headers={"Retry-After": "21600"})

    def open_orders(self) -> list[Order]:
        """The orders that can still become a certificate."""
        return [each for each in self.orders if each.status in ("pending", "ready")]

    def _new_order(self, seen: Seen) -> Answer:
        order = self._known_order(seen.payload) if self.manners.reuses_orders else None
        if order is None:
            order = self._make_order(seen.payload)
        return Answer(201, order.document(), {"Location": order.url})

    def _known_order(self, payload: dict[str, Any]) -> Order | None:
        def key(each: dict[str, Any]) -> Any:
            return sorted(name["value"] for name in each["identifiers"]), each.get("profile")

        alive = [each for each in self.open_orders() if {a.status for a in each.authorizations} <= {"pending", "valid"}]
        return next((each for each in alive if key(each.payload) == key(payload)), None)

    def _make_order(self, payload: dict[str, Any]) -> Order:
        url = f"{HOST}/order/{len(self.orders) + 1}"
        authorizations = [self._authorization(each["value"]) for each in payload["identifiers"]]
        order = Order(url, payload, authorizations, self.clock.now() + LATER)
        self.orders.append(order)
        self._settle(order)
        path = url.removeprefix(HOST)
        self.routes[path] = lambda _seen: self._show(order)
        self.routes[f"{path}/finalize"] = lambda seen: self._finalize(order, seen)
        self.routes[f"{path}/certificate"] = lambda _seen: Answer(content=order.chain)
        return order

    def _authorization(self, value: str) -> Authorization:
        name, wildcard = value.removeprefix("*."), value.startswith("*.")
        if self.manners.reuses_authorizations:
            for each in self.authorizations:
                if (each.name, each.wildcard, each.status) == (name, wildcard, "valid"):
                    return each
        url = f"{HOST}/authorization/{len(self.authorizations) + 1}"
        made = Authorization(url, name, wildcard)
        self.authorizations.append(made)
        path = url.removeprefix(HOST)
        self.routes[path] = lambda seen: self._show_authorization(made, seen)
        self.routes[f"{path}/answer"] = lambda _seen: self._validate(made)
        return made

    def _show_authorization(self, made: Authorization, seen: Seen) -> Answer:
        if seen.payload and self.manners.deactivates:
            made.status = seen.payload["status"]
            for order in self.orders:
                if made in order.authorizations:
                    order.status = "invalid"
        return Answer(document=made.document())

    def _validate(self, made: Authorization) -> Answer:
        if made.name in self.manners.failing:
            if self.manners.gives_reasons:
                made.error = {"type": f"{PREFIX}dns", "detail": f"no TXT record for {made.name}", "status": 400}
            if self.manners.after_failure != "pending":
                made.status = made.challenge = "invalid"
        else:
            made.status = made.challenge = "valid"
        self._settle_all()
        shown = made.document()["challenges"][0]
        return Answer(document={**shown, "status": "processing"} if self.manners.answers_late else shown)

    def _settle_all(self) -> None:
        for order in self.orders:
            self._settle(order)

    def _settle(self, order: Order) -> None:
        if order.status != "pending":
            return
        statuses = {each.status for each in order.authorizations}
        if statuses == {"valid"}:
            order.status = "ready"
        elif statuses - {"valid", "pending"} and self.manners.after_failure == "invalid":
            order.status = "invalid"

    def _show(self, order: Order) -> Answer:
        if order.status == "valid":
            order.shown = True
        if order.status == "processing":
            order.looks -= 1
            if order.looks < 0:
                order.status, order.shown = "valid", not self.manners.shows_certificate_late
        return Answer(document=order.document())

    def _finalize(self, order: Order, seen: Seen) -> Answer:
        if order.status != "ready":
            return refusal(
                "orderNotReady", 403, f"Order's status ({order.status!r}) is not acceptable for finalization"
            )
        if self.manners.finalize_breaks:
            self.manners.finalize_breaks -= 1
            order.status = "invalid"
            return refusal("serverInternal", 500, "the signer is out of order")
        order.chain = self._issue(order, base64.urlsafe_b64decode(seen.payload["csr"] + "=="))
        order.status, order.looks = ("processing", self.manners.looks) if self.manners.looks else ("valid", 0)
        return Answer(document=order.document())

    def validate_all(self) -> None:
        """Let every challenge succeed, as after an answer that reached the CA although it said otherwise."""
        for each in self.authorizations:
            if each.status == "pending":
                self._validate(each)

    def finalize_all_for_somebody_else(self) -> None:
        """As soon as an order is ready, another client has its certificate."""
        for order in self.orders:
            if order.status == "ready":
                self.finalize_for_somebody_else(order)

    def finalize_for_somebody_else(self, order: Order) -> None:
        """What another client with the same account does."""
        names = [each["value"] for each in order.payload["identifiers"]]
        csr = x509.load_pem_x509_csr(csr_for(names))
        order.chain, order.status = self._issue(order, csr.public_bytes(Encoding.DER)), "valid"

    def _issue(self, order: Order, der: bytes) -> bytes:
        csr = x509.load_der_x509_csr(der)
        names = [x509.DNSName(each["value"]) for each in order.payload["identifiers"]]
        now = self.clock.now()
        builder = (
            x509.CertificateBuilder(ISSUER, x509.Name([]), csr.public_key(), x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + self.manners.lifetime)
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ISSUER_KEY.public_key()), critical=False)
        )
        certificate = builder.sign(ISSUER_KEY, hashes.SHA256())
        self.issued.append(certificate)
        return certificate.public_bytes(Encoding.PEM)


class QuietFleet:
    """Responders that take everything at once; ``values`` are on them now, and ``published`` counts each of them.

    They refuse what is for a name in ``refused``, and ``rehearsed`` has the names that they were asked about before.
    """

    def __init__(self) -> None:
        self.values: set[TxtRecord] = set()
        self.published: list[TxtRecord] = []
        self.refused: set[str] = set()
        self.rehearsed: list[str] = []

    def plan_publish(self, records: Sequence[TxtRecord], ask: bool) -> Plan:
        assert not ask
        return Plan(failed=self._failures(records), origins={each: [each] for each in records})

    def rehearse(self, plan: Plan) -> Report:
        self.rehearsed += [each.name for each in plan.origins]
        return Report(failed=plan.failed)

    def publish(self, records: Sequence[TxtRecord]) -> Report:
        self.values.update(records)
        self.published += records
        return Report(failed=self._failures(records))

    def verify(self, records: Sequence[TxtRecord], _wait: float) -> Report:
        assert set(records) <= self.values
        return Report()

    def withdraw(self, records: Sequence[TxtRecord]) -> Report:
        self.values.difference_update(records)
        return Report()

    def withdraw_leftovers(self) -> Report:
        return Report()

    def _failures(self, records: Sequence[TxtRecord]) -> dict[TxtRecord, Error]:
        return {each: Error(f"{each.name} is refused") for each in records if each.name in self.refused}


class Site:
    """A store with an account at the CA, and tasks that keep certificates in it."""

    def __init__(self, folder: Path, manners: Manners | None = None) -> None:
        self.clock = FakeClock()
        self.ca = IssuingCa(self.clock, manners)
        self.files = Files(str(folder))
        self.store = CertificateStore(self.files)
        self.fleet = QuietFleet()
        self.authority = Authority(DIRECTORY, "default")
        self._key = AccountKey(ec.generate_private_key(ec.SECP256R1()))
        with self.connect(self.authority, self.files, 1, self.clock) as session:
            self.account = str(session.account_url)
        record = {"account_uri": self.account, "directory": DIRECTORY}
        AccountStore(self.files, authority_name(DIRECTORY), "default").set_record(record)

    @contextmanager
    def connect(
        self, authority: Authority, files: Files, width: int, clock: Clock, patience: float = 30.0
    ) -> Iterator[Session]:
        """A session over the transport that leads to the CA in memory."""
        memory = AccountMemory(files, authority_name(authority.directory), authority.account)
        pauses = Pauses(clock, memory.recall("pauses"), lambda kept: memory.remember("pauses", kept))
        network = Network(transport=self.ca, clock=clock, width=width, pauses=pauses, patience=patience)
        session = Session(network, fetch_directory(network, authority.directory), self._key)
        yield session.for_account(register(session, [], terms_agreed=True).url)

    def keep(self, *entries: dict[str, Any], later: timedelta = timedelta(), **more: Any) -> dict[str, Any]:
        """One task over these entries, so much later than the last one."""
        self.clock.seconds += later.total_seconds()
        attempted, retry = more.pop("attempted", None), more.pop("retry", ())
        strict, fail_on = more.pop("strict", True), more.pop("fail_on", "never")
        return self._upkeep(**more).keep(parse_wanted(entries, strict=strict), attempted, fail_on, retry)

    def check(self, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
        """What such a task would do."""
        return self._upkeep(**more).check(parse_wanted(entries))

    def at(self, folder: Path) -> Site:
        """The same CA, account and clock with another store."""
        other = copy.copy(self)
        other.files = Files(str(folder))
        other.store = CertificateStore(other.files)
        return other

    def _upkeep(self, **more: Any) -> Upkeep:
        means = Means(self.fleet, 1.0, Web(""), csrs=more.pop("csrs", {}))  # type: ignore[arg-type]
        bounds = Bounds(
            more.pop("run_size", 200), more.pop("max_runs", None), more.pop("width", 4), 60.0, limits=Limits(**more)
        )
        return Upkeep(self.files, self.authority, means, bounds, self.clock, open_session=self.connect)

    @property
    def ordering(self) -> Ordering:
        """The same store for users who publish the answers themselves."""
        return Ordering(self.files, self.authority, 4, 60.0, self.clock, open_session=self.connect)


def csr_for(names: Sequence[str]) -> bytes:
    """A CSR (PEM) for these names, with a key that somebody else has."""
    subject_names = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(subject_names, False)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)


def site_of(name: str, **more: Any) -> dict[str, Any]:
    """The entry for a site with one name; RSA would cost a twentieth of a second for each key."""
    return {"name": name, "domains": [f"{name}.example.com"], "key_types": ["ecdsa-p256", "ecdsa-p384"], **more}


def statuses(result: dict[str, Any]) -> dict[str, str]:
    """What became of each certificate; why is printed, for the case that a test fails over it."""
    for entry in result["certificates"]:
        print(entry["name"], entry["key_type"], entry["status"], entry["reason"])
    return {f"{entry['name']}/{entry['key_type']}": entry["status"] for entry in result["certificates"]}
