# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding out, by updates without effect, whether the primaries would take values."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.report import Report
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder, TsigKey

from .fakes import FakeClock, FakeExchange, FakeServer

SHOP = "_acme-challenge.shop.example.com"
BLOG = "_acme-challenge.blog.example.com"
ELSEWHERE = "_acme-challenge.example.org"
ONE, TWO = TxtRecord(SHOP, "one"), TxtRecord(BLOG, "two")


@pytest.fixture
def fleet(responders: tuple[Responder, ...], clock: FakeClock, tmp_path: Path, exchange: FakeExchange) -> Fleet:
    return Fleet(
        responders,
        clock,
        Files(str(tmp_path)),
        validation_zones=["validation.example"],
        exchange=exchange,
        resolve=lambda _host: (),
    )


def rehearse(fleet: Fleet, *records: TxtRecord) -> Report:
    return fleet.rehearse(fleet.plan_publish(records, ask=False))


def test_each_primary_gets_one_message_and_nothing_changes(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["fra"].add(SHOP, "TXT", "one", "of another order")
    report = rehearse(fleet, ONE, TWO)
    assert not report.failed
    assert not report.changed
    assert {name: len(server.updates) for name, server in servers.items()} == {"fra": 1, "sin": 1, "nyc": 0}
    assert servers["fra"].txt(SHOP) == {"one", "of another order"}
    assert not servers["sin"].txt(SHOP)
    assert not fleet.leftovers()


def test_values_of_one_message_are_two_hundred(fleet: Fleet) -> None:
    names = [f"_acme-challenge.n{number}.example.com" for number in range(450)]
    assert rehearse(fleet, *(TxtRecord(name, "x") for name in names)).messages == {"fra": 3, "sin": 3}


def test_a_name_without_a_zone_or_a_primary_fails_with_the_sentence_of_publishing(
    clock: FakeClock, exchange: FakeExchange
) -> None:
    fra = Responder("fra", ("192.0.2.53",), zones=("example.com",))
    nyc = Responder("nyc", ("203.0.113.53",), updates=False)
    fleet = Fleet([fra, nyc], clock, exchange=exchange)
    lost, unserved = TxtRecord(ELSEWHERE, "x"), TxtRecord("_acme-challenge.validation.example", "y")
    rehearsed = rehearse(fleet, ONE, lost, unserved).failed
    published = fleet.publish([ONE, lost, unserved]).failed
    assert {record: error.message for record, error in rehearsed.items()} == {
        record: error.message for record, error in published.items()
    }
    assert set(rehearsed) == {lost, unserved}


def test_a_delegated_name_is_rehearsed_where_its_value_would_be_written(
    fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    for server in servers.values():
        server.add(SHOP, "CNAME", "shop.validation.example")
    servers["sin"].refuses = lambda owner: owner == "shop.validation.example"
    error = rehearse(fleet, ONE, TWO).failed[ONE]
    assert error.message.startswith("sin 198.51.100.53 refused the update of zone validation.example (REFUSED)")


def test_a_wrong_secret_is_told_without_it(
    clock: FakeClock, exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    servers["fra"].keys = {"acme": TsigKey("acme", "hmac-sha256", "b3RoZXI=").to_dnspython()}
    secret = "c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM="
    fra = Responder("fra", ("192.0.2.53",), tsig_key=TsigKey("acme", "hmac-sha256", secret))
    report = rehearse(Fleet([fra], clock, exchange=exchange), ONE)
    assert report.failed[ONE].details["code"] == "BADSIG"
    assert secret not in repr(report)


def test_a_name_that_is_refused_holds_up_no_other(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["sin"].refuses = lambda owner: owner == BLOG
    assert set(rehearse(fleet, ONE, TWO).failed) == {TWO}


def test_one_primary_of_several_that_is_down_is_passed_over_and_noted(
    fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    servers["sin"].silent = True
    report = rehearse(fleet, ONE)
    assert not report.failed
    assert report.notes == ["sin 198.51.100.53, 2001:db8::53 took no update of zone example.com (TIMEOUT)"]


def test_it_is_not_passed_over_when_all_are_required_or_none_is_left(
    responders: tuple[Responder, ...], clock: FakeClock, exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    servers["sin"].silent = True
    strict = Fleet(responders, clock, require_all=True, exchange=exchange)
    assert set(rehearse(strict, ONE).failed) == {ONE}
    fleet = Fleet(responders, clock, exchange=exchange)
    plan = fleet.plan_publish([ONE], ask=False)
    servers["fra"].silent = True
    assert fleet.rehearse(plan).failed[ONE].message.startswith("fra 192.0.2.53 did not answer")


def test_a_zone_that_was_willing_is_not_asked_again(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    assert rehearse(fleet, ONE).messages == {"fra": 1, "sin": 1}
    assert not rehearse(fleet, ONE, TWO).messages
    servers["fra"].refuses = lambda owner: owner.endswith("validation.example")
    other = TxtRecord("_acme-challenge.validation.example", "x")
    assert rehearse(fleet, other).failed
    assert rehearse(fleet, other).messages == {"fra": 1, "sin": 1}
