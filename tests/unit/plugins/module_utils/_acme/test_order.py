# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders, authorizations, certificates."""

from __future__ import annotations

import json
from collections import deque
from datetime import datetime, timezone
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.authorization import (
    Authorization,
    Challenge,
    answer,
    deactivate_authorization,
    fetch_authorization,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import (
    Order,
    download_chains,
    fetch_order,
    finalize,
    list_orders,
    new_order,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, Problem, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from ansible_collections.certfleet.acme.plugins.module_utils._core.plain import plain
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from tests.unit.plugins.module_utils._acme.fakes import HOST, Answer, FakeCa, FakeClock, refusal

NAMES = [Identifier("dns", "a.example.com"), Identifier("dns", "*.a.example.com")]
DOCUMENT: dict[str, Any] = {
    "status": "pending",
    "expires": "2026-11-30T04:00:00Z",
    "identifiers": [{"type": "dns", "value": each.value} for each in NAMES],
    "authorizations": [f"{HOST}/authz/1", f"{HOST}/authz/2"],
    "finalize": f"{HOST}/order/1/finalize",
}
PEM = b"-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"


def placed(**changes: Any) -> Answer:
    """The CA's answer to a new order."""
    return Answer(201, {**DOCUMENT, **changes}, {"Location": f"{HOST}/order/1"})


def test_an_order_is_made(ca: FakeCa, registered: Session) -> None:
    ca.script["/new-order"] = deque([placed(profile="classic")])
    order = new_order(registered, NAMES, profile="classic", replaces="aki.serial")
    assert ca.seen[-1].payload == {
        "identifiers": DOCUMENT["identifiers"],
        "profile": "classic",
        "replaces": "aki.serial",
    }
    assert order == Order(
        url=f"{HOST}/order/1",
        status="pending",
        identifiers=tuple(NAMES),
        authorizations=tuple(DOCUMENT["authorizations"]),
        finalize=DOCUMENT["finalize"],
        expires=datetime(2026, 11, 30, 4, tzinfo=timezone.utc),
        profile="classic",
    )


@pytest.mark.parametrize("answer", [{"content": b'{"status": "pend'}, {"document": {"status": "pending"}}])
def test_a_new_order_of_which_only_the_url_arrived_is_read(ca: FakeCa, registered: Session, answer: Any) -> None:
    ca.script["/new-order"] = deque([Answer(201, headers={"Location": f"{HOST}/order/1"}, **answer)])
    ca.routes["/order/1"] = lambda _seen: Answer(document=DOCUMENT)
    assert new_order(registered, NAMES) == Order.from_json(f"{HOST}/order/1", DOCUMENT)
    assert ca.paths()[-2:] == ["/new-order", "/order/1"]


def test_a_new_order_without_its_url_may_have_been_made(ca: FakeCa, registered: Session) -> None:
    ca.script["/new-order"] = deque([Answer(201, DOCUMENT)])
    with pytest.raises(NetworkError, match="without the order's URL") as raised:
        new_order(registered, NAMES)
    assert raised.value.uncertain


@pytest.mark.parametrize(("status", "uncertain"), [(500, True), (502, True), (503, False), (504, True), (403, False)])
def test_a_server_that_failed_may_have_done_what_was_asked(status: int, uncertain: bool) -> None:
    assert ProblemError("the new order", "ca.test", Problem("about:blank", "", status)).uncertain is uncertain


def test_the_list_of_orders_is_read_page_after_page(ca: FakeCa, registered: Session) -> None:
    def page(number: int, following: int) -> Answer:
        link = f'<{HOST}/dir>;rel="index", <{HOST}/orders/{following}>;rel="next"'
        return Answer(document={"orders": [f"{HOST}/order/{number}", f"{HOST}/order/0"]}, headers={"Link": link})

    ca.routes |= {
        "/orders/1": lambda _seen: page(1, 2),
        "/orders/2": lambda _seen: page(2, 3),
        "/orders/3": lambda _seen: page(3, 1),
    }
    urls = list_orders(registered, f"{HOST}/orders/1", patience=60)
    assert urls == [f"{HOST}/order/{number}" for number in (1, 0, 2, 3)], "a list that runs in a circle has an end"


def test_a_list_of_orders_that_is_slow_and_has_no_end_is_read_for_as_long_as_there_is_patience(
    ca: FakeCa, registered: Session, clock: FakeClock
) -> None:
    def page(number: int) -> Answer:
        clock.sleep(29)
        ca.routes[f"/orders/{number + 1}"] = lambda _seen: page(number + 1)
        link = f'<{HOST}/orders/{number + 1}>;rel="next"'
        return Answer(document={"orders": [f"{HOST}/order/{number}"]}, headers={"Link": link})

    ca.routes["/orders/1"] = lambda _seen: page(1)
    urls = list_orders(registered, f"{HOST}/orders/1", patience=100)
    assert urls == [f"{HOST}/order/{number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("document", [{}, {"orders": "none"}, {"orders": [1]}, []])
def test_what_is_no_list_of_orders_is_told(ca: FakeCa, registered: Session, document: Any) -> None:
    ca.routes["/orders/1"] = lambda _seen: Answer(document=document)
    with pytest.raises(NetworkError):
        list_orders(registered, f"{HOST}/orders/1", patience=60)


def test_a_new_order_is_never_sent_twice(ca: FakeCa, registered: Session) -> None:
    ca.script["/new-order"] = deque([placed(), placed()])
    ca.after["/new-order"] = deque([requests.ConnectionError(ProtocolError("Connection aborted."))])
    with pytest.raises(NetworkError) as raised:
        new_order(registered, NAMES)
    assert raised.value.uncertain
    assert ca.paths().count("/new-order") == 1


def test_a_refused_order_names_what_was_asked_for(ca: FakeCa, registered: Session) -> None:
    ca.script["/new-order"] = deque([refusal("rateLimited", 429, "too many", Retry_After="60")])
    names = [Identifier("dns", f"n{number}.example.com") for number in range(5)]
    with pytest.raises(ProblemError, match=r"n0\.example\.com, n1\.example\.com, n2\.example\.com and 2 more"):
        new_order(registered, names)


@pytest.mark.parametrize("location", ["", "http://[", "https://[::1", "http://ca.test/plain", "ftp://x/"])
def test_an_order_without_its_url_is_told(ca: FakeCa, registered: Session, location: str) -> None:
    ca.script["/new-order"] = deque([Answer(201, DOCUMENT, {"Location": location} if location else {})])
    with pytest.raises(NetworkError, match="Location"):
        new_order(registered, NAMES)


@pytest.mark.parametrize("lacking", ["status", "authorizations", "finalize"])
def test_an_order_that_lacks_a_member_is_told_by_its_name(ca: FakeCa, registered: Session, lacking: str) -> None:
    ca.script["/order/1"] = deque([Answer(document={k: v for k, v in DOCUMENT.items() if k != lacking})])
    with pytest.raises(NetworkError, match=f"whose {lacking} is missing or not valid"):
        fetch_order(registered, f"{HOST}/order/1")


@pytest.mark.parametrize("header", ["5", "Mon, 23 Nov 2026 04:00:05 GMT"])
def test_an_order_says_when_to_come_back(ca: FakeCa, registered: Session, header: str) -> None:
    ca.script["/order/1"] = deque(
        [Answer(document={**DOCUMENT, "status": "processing"}, headers={"Retry-After": header})]
    )
    assert fetch_order(registered, f"{HOST}/order/1").retry_after == 5


def test_a_failed_order_keeps_its_problem(ca: FakeCa, registered: Session) -> None:
    error = {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids", "status": 403}
    ca.script["/order/1"] = deque([Answer(document={**DOCUMENT, "status": "invalid", "error": error})])
    assert fetch_order(registered, f"{HOST}/order/1").error == Problem(error["type"], "CAA forbids", 403)  # type: ignore[arg-type]


def test_an_order_is_finalized_with_its_csr(ca: FakeCa, registered: Session) -> None:
    order = Order.from_json(f"{HOST}/order/1", DOCUMENT)
    ca.script["/order/1/finalize"] = deque([Answer(document={**DOCUMENT, "status": "processing"})])
    done = finalize(registered, order, b"\x30\xff\xfe")
    assert ca.seen[-1].payload == {"csr": "MP_-"}
    assert (done.url, done.status) == (order.url, "processing")


def test_chains_are_downloaded_with_their_alternates(ca: FakeCa, registered: Session) -> None:
    order = Order.from_json(f"{HOST}/order/1", {**DOCUMENT, "status": "valid", "certificate": f"{HOST}/cert/1"})
    links = f'<{HOST}/cert/1/1>;rel="alternate", <{HOST}/dir>;rel="index"'
    ca.routes["/cert/1"] = lambda seen: Answer(content=PEM, headers={"Link": links})
    ca.routes["/cert/1/1"] = lambda seen: Answer(content=PEM * 2)
    assert download_chains(registered, order) == [PEM]
    assert download_chains(registered, order, alternates=True) == [PEM, PEM * 2]
    assert ca.seen[-1].headers["Accept"] == "application/pem-certificate-chain"


@pytest.mark.parametrize(
    "content",
    [
        b"subject=CN = a.test\nissuer=CN = CA\n" + PEM,
        PEM + b"that was all\n",
        b"\xef\xbb\xbf" + PEM.rstrip(),
        b"-----BEGIN CERTIFICATE----- follows\n" + PEM,
    ],
)
def test_text_around_certificates_is_left_out(ca: FakeCa, registered: Session, content: bytes) -> None:
    order = Order.from_json(f"{HOST}/order/1", {**DOCUMENT, "certificate": f"{HOST}/cert/1"})
    ca.routes["/cert/1"] = lambda seen: Answer(content=content + b"issuer=CN = Root\n" + PEM)
    assert download_chains(registered, order) == [PEM * 2]


def test_a_link_that_is_no_url_is_told(ca: FakeCa, registered: Session) -> None:
    order = Order.from_json(f"{HOST}/order/1", {**DOCUMENT, "certificate": f"{HOST}/cert/1"})
    ca.routes["/cert/1"] = lambda seen: Answer(content=PEM, headers={"Link": '<http://[>; rel="alternate"'})
    with pytest.raises(NetworkError, match="a link of the relation alternate that is no URL"):
        download_chains(registered, order, alternates=True)
    assert download_chains(registered, order) == [PEM]


@pytest.mark.parametrize("url", ["http://[", "https://[::", "https://ca.test:port/", "relative", ""])
def test_an_object_with_something_else_in_place_of_a_url_is_told(registered: Session, url: str) -> None:
    network = Network(patience=0.0)
    session = Session(network, registered.directory, registered.key, registered.account_url)
    network._pool.add("nonce")
    order = Order.from_json(url, {**DOCUMENT, "certificate": url, "finalize": url})
    for ask in (
        lambda: fetch_order(session, url),
        lambda: finalize(session, order, b"csr"),
        lambda: download_chains(session, order),
        lambda: fetch_authorization(session, url),
    ):
        network._pool.add("nonce")
        with pytest.raises(NetworkError):
            ask()


def test_only_certificates_are_taken_for_certificates(ca: FakeCa, registered: Session) -> None:
    order = Order.from_json(f"{HOST}/order/1", {**DOCUMENT, "certificate": f"{HOST}/cert/1"})
    ca.routes["/cert/1"] = lambda seen: Answer(content=b"-----BEGIN PRIVATE KEY-----")
    with pytest.raises(NetworkError, match="no certificate in PEM form"):
        download_chains(registered, order)
    with pytest.raises(NetworkError, match="has no certificate: its status is pending"):
        download_chains(registered, Order.from_json(f"{HOST}/order/1", DOCUMENT))


def test_an_authorization_is_read(ca: FakeCa, registered: Session) -> None:
    problem = {"type": "urn:ietf:params:acme:error:dns", "detail": "no TXT"}
    ca.script["/authz/1"] = deque(
        [
            Answer(
                document={
                    "identifier": {"type": "dns", "value": "A.example.com"},
                    "status": "invalid",
                    "expires": "2026-11-30T04:00:00.123456789+01:00",
                    "wildcard": True,
                    "challenges": [
                        {"type": "dns-01", "url": f"{HOST}/c/1", "status": "invalid", "token": "t", "error": problem},
                        {"type": "dns-persist-01", "url": f"{HOST}/c/2", "issuer-domain-names": ["ca.test"]},
                    ],
                },
                headers={"Retry-After": "3"},
            )
        ]
    )
    found = fetch_authorization(registered, f"{HOST}/authz/1")
    assert found == Authorization(
        url=f"{HOST}/authz/1",
        identifier=Identifier("dns", "a.example.com"),
        status="invalid",
        challenges=(
            Challenge("dns-01", f"{HOST}/c/1", "invalid", "t", Problem(problem["type"], "no TXT")),
            Challenge("dns-persist-01", f"{HOST}/c/2", "pending"),
        ),
        wildcard=True,
        expires=datetime(2026, 11, 30, 3, 0, 0, 123456, tzinfo=timezone.utc),
    )
    assert found.retry_after == 3
    assert found.error == Problem(problem["type"], "no TXT")
    assert found.challenge("http-01") is None


def test_a_challenge_is_answered_with_an_empty_object(ca: FakeCa, registered: Session) -> None:
    ca.routes["/c/1"] = lambda seen: Answer(document={"status": "processing"})
    answer(registered, Challenge("dns-01", f"{HOST}/c/1", "pending", "t"))
    assert ca.seen[-1].payload == {}


def test_an_authorization_is_given_up(ca: FakeCa, registered: Session) -> None:
    document = {"identifier": {"type": "dns", "value": "a.example.com"}, "status": "deactivated"}
    ca.routes["/authz/1"] = lambda seen: Answer(document=document)
    assert deactivate_authorization(registered, f"{HOST}/authz/1").status == "deactivated"
    assert ca.seen[-1].payload == {"status": "deactivated"}


texts = st.text(min_size=1)
told = texts.map(plain)
problems = st.builds(Problem, type=told, detail=told, status=st.none() | st.integers())
orders = st.builds(
    Order,
    url=texts,
    status=texts,
    identifiers=st.lists(st.builds(Identifier, st.sampled_from(["dns", "ip"]), st.text("abc.*", min_size=1))).map(
        tuple
    ),
    authorizations=st.lists(texts).map(tuple),
    finalize=texts,
    expires=st.none()
    | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)).map(  # noqa: DTZ001
        lambda instant: instant.replace(microsecond=0)
    ),
    certificate=st.none() | texts,
    error=st.none() | problems,
    profile=st.none() | texts,
)


@given(orders)
def test_an_order_on_disk_comes_back_as_it_was(order: Order) -> None:
    kept = json.loads(json.dumps(order.as_dict()))
    assert Order.from_json(kept["url"], kept) == order
