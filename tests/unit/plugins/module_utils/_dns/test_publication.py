# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending changes: addresses that don't answer, and names that spoil a message for others."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint
from ansible_collections.certfleet.acme.plugins.module_utils._dns.publication import Publication
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder, TsigKey
from ansible_collections.certfleet.acme.plugins.module_utils._dns.update import Change

from .fakes import FakeExchange, FakeServer


@pytest.fixture
def publication(exchange: FakeExchange) -> Publication:
    return Publication(exchange, ttl=60, timeout=5.0)


def records(count: int) -> tuple[TxtRecord, ...]:
    return tuple(TxtRecord(f"_acme-challenge.n{number}.example.com", f"v{number}") for number in range(count))


def failed(publication: Publication) -> set[str]:
    return {edit.record.value for update in publication.updates if update.error for edit in update.edits}


def test_values_of_others_stay(
    publication: Publication, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    owner = "_acme-challenge.n0.example.com"
    servers["fra"].add(owner, "TXT", "of another order")
    publication.send([Change(responders[0], "example.com", add=records(1))])
    assert servers["fra"].txt(owner) == {"of another order", "v0"}
    publication.send([Change(responders[0], "example.com", remove=records(1))])
    assert servers["fra"].txt(owner) == {"of another order"}


def test_a_thousand_values_take_five_messages(publication: Publication, responders: tuple[Responder, ...]) -> None:
    publication.send([Change(responder, "example.com", add=records(1000)) for responder in responders[:2]])
    assert publication.messages == {"fra": 5, "sin": 5}
    assert not failed(publication)


def test_the_next_address_is_tried_when_one_does_not_answer(
    publication: Publication, exchange: FakeExchange, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    exchange.down[Endpoint("198.51.100.53"), "tcp"] = "dead"
    publication.send([Change(responders[1], "example.com", add=records(1))])
    assert [(update.address, update.error) for update in publication.updates] == [("2001:db8::53", None)]
    assert servers["sin"].txt("_acme-challenge.n0.example.com") == {"v0"}


def test_one_responder_that_is_down_leaves_the_others_alone(
    publication: Publication, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    servers["sin"].silent = True
    publication.send([Change(responder, "example.com", add=records(2)) for responder in responders[:2]])
    assert [update.error.message if update.error else None for update in publication.updates] == [
        None,
        "sin 198.51.100.53, 2001:db8::53 did not answer the update of zone example.com (TIMEOUT): no answer within 5 s",
    ]


def test_one_refused_name_does_not_spoil_the_others_in_its_message(
    publication: Publication, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    servers["fra"].refuses = lambda owner: owner == "_acme-challenge.n57.example.com"
    publication.send([Change(responders[0], "example.com", add=records(200))])
    assert failed(publication) == {"v57"}
    assert sum(bool(values) for values in servers["fra"].zones["example.com"].values()) == 199
    assert publication.messages["fra"] < 20


def test_many_refused_names_are_all_found(
    publication: Publication, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    bad = {f"_acme-challenge.n{number}.example.com" for number in range(0, 200, 9)}
    servers["fra"].refuses = lambda owner: owner in bad
    publication.send([Change(responders[0], "example.com", add=records(200))])
    assert len(failed(publication)) == len(bad)


def test_a_server_that_refuses_everything_is_not_asked_about_every_name(
    publication: Publication, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    servers["fra"].rcode = "REFUSED"
    publication.send([Change(responders[0], "example.com", add=records(200))])
    assert len(failed(publication)) == 200
    assert publication.messages["fra"] == 1 + 2 + 4 + 8 + 16 + 32 + 64


def test_a_failure_that_is_not_about_names_is_final_at_once(
    publication: Publication, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    servers["fra"].rcode = "SERVFAIL"
    publication.send([Change(responders[0], "example.com", add=records(200))])
    assert publication.messages["fra"] == 1


def test_a_responder_without_address_fails_without_a_message(publication: Publication) -> None:
    gone = Responder("gone", (), unresolved=("ns.example.net",))
    publication.send([Change(gone, "example.com", add=records(1))])
    (update,) = publication.updates
    assert update.error is not None
    assert update.error.message == (
        "gone ns.example.net can't be reached for the update of zone example.com (UNREACHABLE): "
        "the host name has no address"
    )
    assert not publication.messages


def test_a_name_that_knot_does_not_allow_the_key_spoils_no_other(
    publication: Publication, servers: dict[str, FakeServer]
) -> None:
    key = TsigKey("acme", "hmac-sha256", "c2VjcmV0")
    servers["fra"].keys = {"acme": key.to_dnspython()}
    servers["fra"].refuses = lambda owner: ".n3." in owner
    servers["fra"].refuses_as_knot = True
    publication.send([Change(Responder("fra", ("192.0.2.53",), tsig_key=key), "example.com", add=records(10))])
    assert failed(publication) == {"v3"}


def test_an_answer_to_an_update_is_read_if_it_could_hold_what_was_sent(
    publication: Publication, responders: tuple[Responder, ...], exchange: FakeExchange
) -> None:
    publication.send([Change(responders[0], "example.com", add=records(1))])
    ((query,),) = exchange.calls
    assert query.largest == len(query.wire) + 1024


def test_a_value_that_no_message_can_remove_fails_alone(
    publication: Publication, responders: tuple[Responder, ...], servers: dict[str, FakeServer]
) -> None:
    # what a hostile server claims to hold may be longer than what fits into an update beside all else
    huge = TxtRecord("_acme-challenge.n0.example.com", "huge", strings=(b"x" * 255,) * 255 + (b"x" * 200,))
    servers["fra"].add("_acme-challenge.n1.example.com", "TXT", "v1")
    publication.send([Change(responders[0], "example.com", remove=(huge, *records(2)[1:]))])
    assert failed(publication) == {"huge"}
    (update,) = (update for update in publication.updates if update.error)
    assert "too large" in str(update.error)
    assert servers["fra"].txt("_acme-challenge.n1.example.com") == set()
