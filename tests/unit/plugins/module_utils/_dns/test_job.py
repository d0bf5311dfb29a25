# SPDX-License-Identifier: GPL-3.0-or-later
"""What module dns01 does, without Ansible."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.job import Job, parse_sweep, parse_targets
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder

from .fakes import FakeClock, FakeExchange, FakeServer

SHOP = "_acme-challenge.shop.example.com"
RECORDS = [{"name": SHOP, "values": ["one", "two"]}]


@pytest.fixture
def fleet(responders: tuple[Responder, ...], clock: FakeClock, exchange: FakeExchange) -> Fleet:
    return Fleet(responders[:2], clock, exchange=exchange, resolve=lambda _host: ())


def run(fleet: Fleet, state: str, records: list[dict[str, Any]], **options: bool) -> dict[str, Any]:
    outcome = Job(fleet, 10, **options).carry_out(state, parse_targets(records, state))
    return {**outcome.as_dict(), "before": outcome.before, "after": outcome.after}


def test_names_and_values_are_merged_in_any_order(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    run(fleet, "present", [{"name": SHOP.upper(), "values": ["one"]}, {"name": f"{SHOP}.", "values": ["one", "two"]}])
    assert servers["fra"].txt(SHOP) == {"one", "two"}


def test_before_and_after_are_what_a_primary_holds(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["sin"].add(SHOP, "TXT", "one", "foreign")
    result = run(fleet, "present", RECORDS, check=True)
    assert result["before"] == {SHOP: {"fra": [], "sin": ["foreign", "one"]}}
    assert result["after"] == {SHOP: {"fra": ["one", "two"], "sin": ["foreign", "one", "two"]}}
    assert run(fleet, "absent", RECORDS, check=True)["after"] == {SHOP: {"sin": ["foreign"]}}


def test_without_verifying_no_address_is_asked_afterwards(fleet: Fleet) -> None:
    assert run(fleet, "present", RECORDS, verify=False)["verdicts"] == []


def test_a_value_that_was_refused_is_not_waited_for(
    fleet: Fleet, servers: dict[str, FakeServer], clock: FakeClock
) -> None:
    servers["sin"].refuses = lambda _owner: True
    result = run(fleet, "present", RECORDS)
    assert [failure["value"] for failure in result["failures"]] == ["one", "two"]
    assert result["changed"]
    assert clock.seconds == 0


def test_the_message_tells_each_reason_once_and_only_the_first_few(fleet: Fleet) -> None:
    names = [f"_acme-challenge.{letter}.example.org" for letter in "abcdefgh"]
    result = run(fleet, "present", [{"name": name, "values": ["1", "2"]} for name in names])
    assert len(result["failures"]) == 16
    assert result["msg"].count("can't be found") == 5
    assert result["msg"].endswith(". And 3 more, see failures")


def test_a_check_fails_where_a_primary_cant_be_asked(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["fra"].rcode = "SERVFAIL"
    result = run(fleet, "absent", RECORDS, check=True)
    assert result["msg"] == f"What {SHOP} holds can't be found out: fra 192.0.2.53: SERVFAIL"


def test_a_primary_that_cant_be_reached_is_passed_over_only_where_it_is_verified(
    responders: tuple[Responder, ...], clock: FakeClock, exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    servers["nyc"].zones = servers["fra"].zones
    whole = Fleet(responders, clock, exchange=exchange, resolve=lambda _host: ())
    servers["sin"].silent = True
    assert run(whole, "present", RECORDS, check=True)["failures"] == []
    result = run(whole, "present", RECORDS)
    assert result["failures"] == []
    assert [verdict["responder"] for verdict in result["verdicts"] if verdict["silent"]] == ["sin"] * 4
    assert "sin 198.51.100.53, 2001:db8::53 did not answer" in run(whole, "present", RECORDS, verify=False)["msg"]
    assert "sin 198.51.100.53, 2001:db8::53 did not answer" in run(whole, "absent", RECORDS)["msg"]
    assert "sin 2001:db8::53: no answer" in run(whole, "absent", RECORDS, check=True)["msg"]


def test_a_sweep_fails_for_a_name_as_a_whole(fleet: Fleet) -> None:
    result = run(fleet, "swept", [{"name": "_acme-challenge.example.org"}])
    assert [(failure["name"], failure["value"]) for failure in result["failures"]] == [
        ("_acme-challenge.example.org", None)
    ]


def test_verified_sends_no_update(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    result = run(fleet, "verified", RECORDS)
    assert not result["changed"]
    assert "fra 192.0.2.53/udp: 0 of 2 values after 10 s" in result["msg"]
    assert not servers["fra"].updates


@pytest.mark.parametrize(
    "name", ["shop.example.com", "_acme-challengeshop.example.com", "x._acme-challenge.example.com"]
)
def test_only_challenge_names_are_swept(name: str) -> None:
    with pytest.raises(InputError, match="is not swept"):
        parse_targets([{"name": name}], "swept")


def test_nothing_listed_is_nothing_to_do(fleet: Fleet, exchange: FakeExchange) -> None:
    assert not run(fleet, "present", [])["changed"]
    assert not any(exchange.calls)


def test_a_check_says_which_values_a_primary_would_refuse(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["sin"].refuses = lambda _owner: True
    result = run(fleet, "present", RECORDS, check=True)
    assert result["changed"]
    assert result["msg"].startswith("sin 198.51.100.53 refused the update of zone example.com (REFUSED)")
    assert [failure["value"] for failure in result["failures"]] == ["one", "two"]
    assert (result["updates"], result["messages"]) == ([], {})
    assert not servers["fra"].txt(SHOP)


def test_a_check_passes_over_a_primary_that_is_down_only_where_values_would_be_verified(
    fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    servers["sin"].silent = True
    noted = run(fleet, "present", RECORDS, check=True)
    assert "msg" not in noted
    assert noted["notes"] == ["sin 198.51.100.53, 2001:db8::53 took no update of zone example.com (TIMEOUT)"]


def test_a_check_without_verifying_fails_where_a_primary_is_down(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["sin"].silent = True
    assert "did not answer the update" in run(fleet, "present", RECORDS, check=True, verify=False)["msg"]


def test_a_check_asks_only_the_primaries_that_lack_something(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["fra"].add(SHOP, "TXT", "one", "two")
    run(fleet, "present", RECORDS, check=True)
    assert {name: len(server.updates) for name, server in servers.items()} == {"fra": 0, "sin": 1, "nyc": 0}


def test_one_odd_name_keeps_no_other_from_being_swept() -> None:
    names = ["_acme-challenge.a.test", "_acme-challenge.a..b", f"_acme-challenge.{'x' * 300}.test", "www.a.test"]
    targets, notes = parse_sweep([{"name": name} for name in names])
    assert [target.name for target in targets] == ["_acme-challenge.a.test"]
    assert [note.startswith("Not swept: records: ") for note in notes] == [True] * 3
    with pytest.raises(InputError, match="is not swept"):
        parse_sweep([{"name": "www.a.test"}])
