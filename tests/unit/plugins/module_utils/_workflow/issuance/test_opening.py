# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders that are made, taken up or given up, with a CA in memory and a store on disk."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import PREFIX
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import NotTriedError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.opening import open_orders
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.run import Attempt, Run
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import decide
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from cryptography.hazmat.primitives.asymmetric import ec
from urllib3.exceptions import ProtocolError

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock, Seen, refusal

NAME, KEY_TYPE = "shop", "ecdsa-p256"
REPLACES = "aki.serial"


class OrderingCa(FakeCa):
    """Takes orders, and has none that anybody asks for by its URL."""

    def __init__(self) -> None:
        super().__init__()
        self.payloads: list[dict[str, Any]] = []
        self.refusals: deque[Answer] = deque()
        self.routes["/new-order"] = self._new_order
        self.renewal_info = True

    def directory(self) -> dict[str, Any]:
        return {**super().directory(), **({"renewalInfo": f"{HOST}/renewal-info"} if self.renewal_info else {})}

    def _new_order(self, seen: Seen) -> Answer:
        self.payloads.append(seen.payload)
        if self.refusals:
            return self.refusals.popleft()
        url = f"{HOST}/order/{len(self.payloads)}"
        document = {
            "status": "pending",
            "identifiers": seen.payload["identifiers"],
            "authorizations": [],
            "finalize": f"{url}/finalize",
        }
        self.routes[url.removeprefix(HOST)] = lambda _seen: Answer(document=document)
        return Answer(201, document, {"Location": url})


@pytest.fixture
def ca() -> OrderingCa:
    return OrderingCa()


@pytest.fixture
def run(ca: OrderingCa, tmp_path: Path) -> Run:
    """One certificate that an order is to be made for, in the place of another one."""
    clock = FakeClock()
    network = Network(transport=ca, clock=clock)
    session = Session(network, fetch_directory(network, DIRECTORY), AccountKey(ec.generate_private_key(ec.SECP256R1())))
    session = session.for_account(register(session, [], terms_agreed=True).url)
    (wanted,) = parse_wanted([{"name": NAME, "domains": ["shop.example.com"], "key_types": [KEY_TYPE]}])
    (decision,) = decide(wanted, {}, DIRECTORY, clock.now())
    attempt = Attempt(replace(decision, replaces=REPLACES))
    return Run(session, CertificateStore(Files(str(tmp_path))), clock, [attempt], width=1)


def renewal(run: Run) -> Any:
    return run.store.state(NAME, KEY_TYPE).get("renewal")


def test_an_order_says_what_it_replaces(ca: OrderingCa, run: Run) -> None:
    open_orders(run)
    assert [payload["replaces"] for payload in ca.payloads] == [REPLACES]
    assert renewal(run) is None
    assert run.attempts[0].ordered


def test_a_ca_without_renewal_information_is_not_told_what_an_order_replaces(ca: OrderingCa, run: Run) -> None:
    ca.renewal_info = False
    run.session.directory = fetch_directory(run.session.network, DIRECTORY)
    open_orders(run)
    assert [payload.get("replaces") for payload in ca.payloads] == [None]


@pytest.mark.parametrize(("failures", "said"), [(2, REPLACES), (3, None), ("many", REPLACES)])
def test_what_has_failed_often_is_ordered_without_saying_what_it_replaces(
    ca: OrderingCa, run: Run, failures: Any, said: str | None
) -> None:
    run.store.update_state(NAME, KEY_TYPE, failures=failures)
    open_orders(run)
    assert [payload.get("replaces") for payload in ca.payloads] == [said]


@pytest.mark.parametrize(
    "refused",
    [
        refusal("alreadyReplaced", 409, "replaced by another order"),
        refusal("malformed", 400, "no known issuer"),
        refusal("unauthorized", 403, "not this account's certificate"),
        refusal("conflict", 409, "replaced"),
        refusal("serverInternal", 500, "could not find an order for the given certificate"),
        Answer(404, content=b"no such certificate"),
        Answer(400, content=b"bad request"),
        Answer(422, {"type": "urn:example:replaces", "detail": "unknown member"}),
    ],
    ids=lambda answer: str(answer.status),
)
def test_what_can_not_be_replaced_is_ordered_all_the_same_and_remembered(
    ca: OrderingCa, run: Run, refused: Answer
) -> None:
    ca.refusals.append(refused)
    open_orders(run)
    assert run.attempts[0].failure is None
    assert [payload.get("replaces") for payload in ca.payloads] == [REPLACES, None]
    assert renewal(run)["certificate_id"] == REPLACES
    assert renewal(run)["not_replaceable"]


@pytest.mark.parametrize(
    "refused",
    [
        refusal("rejectedIdentifier", 400, "policy"),
        refusal("rateLimited", 429, "too many"),
        refusal("userActionRequired", 403, "new terms"),
        Answer(
            403,
            {
                "type": PREFIX + "unauthorized",
                "subproblems": [
                    {"type": PREFIX + "unauthorized", "identifier": {"type": "dns", "value": "shop.example.com"}}
                ],
            },
        ),
        Answer(503, content=b"busy"),
    ],
    ids=["policy", "limit", "terms", "a name", "busy"],
)
def test_what_is_refused_for_another_reason_is_not_ordered_again(ca: OrderingCa, run: Run, refused: Answer) -> None:
    ca.refusals.append(refused)
    open_orders(run)
    assert run.attempts[0].failure is not None
    assert not run.attempts[0].ordered
    assert len(ca.payloads) == 1
    assert renewal(run) is None
    assert run.store.pending(NAME, KEY_TYPE) is None, "an order that was refused for certain is looked for"


def test_it_is_on_disk_that_an_order_is_about_to_be_made(ca: OrderingCa, run: Run) -> None:
    before: list[Any] = []
    usual = ca.routes["/new-order"]

    def new_order(seen: Seen) -> Answer:
        before.append(run.store.pending(NAME, KEY_TYPE))
        return usual(seen)

    ca.routes["/new-order"] = new_order
    open_orders(run)
    assert before[0]["url"] is None
    pending = run.store.pending(NAME, KEY_TYPE)
    assert pending == {**before[0], "url": f"{HOST}/order/1"}


def test_a_server_that_failed_is_asked_for_its_order_by_a_later_run(ca: OrderingCa, run: Run) -> None:
    ca.refusals.append(Answer(502, content=b"bad gateway"))
    open_orders(run)
    assert run.attempts[0].failure is not None
    assert not run.attempts[0].ordered
    pending = run.store.pending(NAME, KEY_TYPE)
    assert pending is not None
    assert pending["url"] is None


def test_an_order_that_breaks_off_twice_is_left_to_a_later_run(ca: OrderingCa, run: Run) -> None:
    broken = requests.ConnectionError(ProtocolError("Connection aborted."))
    ca.after["/new-order"] = deque([broken, broken])
    open_orders(run)
    assert run.attempts[0].failure is not None
    assert run.attempts[0].ordered, "it may have been"
    assert len(ca.payloads) == 2


@pytest.mark.parametrize("status", ["processing", "valid"])
def test_an_order_for_a_key_that_is_lost_is_made_anew(ca: OrderingCa, run: Run, status: str) -> None:
    document = {"status": status, "identifiers": [], "authorizations": [], "finalize": f"{HOST}/f"}
    ca.routes["/order/old"] = lambda _seen: Answer(document=document)
    pending = {"url": f"{HOST}/order/old", "identifiers": ["shop.example.com"], "profile": None}
    run.store.set_pending(NAME, KEY_TYPE, {**pending, "account_uri": run.session.account_url})
    run.attempts[0].key_made = True
    open_orders(run)
    assert run.attempts[0].placed_order.url == f"{HOST}/order/1"

    run.store.set_pending(NAME, KEY_TYPE, {**pending, "account_uri": run.session.account_url})
    again = Run(run.session, run.store, run.clock, [Attempt(run.attempts[0].decision)])
    open_orders(again)
    assert again.attempts[0].placed_order.url == f"{HOST}/order/old"


def leave_pending(run: Run) -> None:
    """What an interrupted run leaves of its order; it is the one of the next run, which must take it up."""
    pending = {"url": f"{HOST}/order/old", "identifiers": ["shop.example.com"], "profile": None}
    at = format_instant(run.clock.now())
    run.store.set_pending(NAME, KEY_TYPE, {**pending, "account_uri": run.session.account_url, "ordered_at": at})


@pytest.mark.parametrize(
    ("status", "name"),
    [(400, "malformed"), (401, "unauthorized"), (403, "unauthorized"), (404, "malformed"), (410, "gone")],
)
def test_an_order_that_the_ca_knows_no_more_is_made_anew_whatever_it_calls_that(
    ca: OrderingCa, run: Run, status: int, name: str
) -> None:
    leave_pending(run)
    ca.routes["/order/old"] = lambda _seen: refusal(name, status, "No order for ID")
    open_orders(run)
    assert run.attempts[0].placed_order.url == f"{HOST}/order/1"


STUCK = {"status": "processing", "identifiers": [], "authorizations": [], "finalize": f"{HOST}/f"}


@pytest.mark.parametrize(
    "old", [refusal("serverInternal", 500, "oops"), Answer(document=STUCK)], ids=["can't be read", "never done"]
)
def test_an_order_of_which_nothing_becomes_for_a_week_is_made_anew(ca: OrderingCa, run: Run, old: Answer) -> None:
    leave_pending(run)
    ca.routes["/order/old"] = lambda _seen: old
    run.clock.sleep(timedelta(days=6).total_seconds())
    open_orders(run)
    attempt = run.attempts[0]
    assert attempt.failure is not None or attempt.placed_order.url == f"{HOST}/order/old"

    run.clock.sleep(timedelta(days=2).total_seconds())
    again = Run(run.session, run.store, run.clock, [Attempt(attempt.decision)])
    open_orders(again)
    assert again.attempts[0].placed_order.url == f"{HOST}/order/1"


def test_nothing_is_ordered_for_what_is_held(ca: OrderingCa, run: Run) -> None:
    run.attempts[0].held = NotTriedError("the log of orders can't be written")
    open_orders(run)
    assert run.attempts[0].failure is run.attempts[0].held
    assert ca.payloads == []
    assert run.store.pending(NAME, KEY_TYPE) is None


def test_the_search_for_an_order_whose_url_is_lost_ends_with_the_run_s_patience(ca: OrderingCa, run: Run) -> None:
    """Also at a CA that has many orders and takes its time for each."""
    (account,) = ca.accounts
    document = {"status": "valid", "identifiers": [], "authorizations": [], "finalize": f"{HOST}/x"}
    read: list[str] = []

    def slow(name: str, answer: Answer) -> Answer:
        run.clock.sleep(20)
        read.append(name)
        return answer

    listed = [f"{HOST}/old/{number}" for number in range(100)]
    ca.routes[account.url.removeprefix(HOST) + "/orders"] = lambda _seen: slow(
        "list", Answer(document={"orders": listed})
    )
    for url in listed:
        ca.routes[url.removeprefix(HOST)] = lambda _seen: slow("order", Answer(document=document))
    pending = {"url": None, "identifiers": ["shop.example.com"], "profile": None}
    run.store.set_pending(NAME, KEY_TYPE, {**pending, "account_uri": run.session.account_url})
    open_orders(run)
    assert len(read) == run.patience / 20
    assert run.attempts[0].ordered
