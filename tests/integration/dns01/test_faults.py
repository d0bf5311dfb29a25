# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are down, behind, or not what they are listed as."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint, Query, Reply
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import TsigKey
from ansible_collections.certfleet.acme.plugins.module_utils._dns.sockets import SocketExchange
from ansible_collections.certfleet.acme.plugins.module_utils._dns.update import Edit, build_update, read_refusal

from tests.lab import Lab

from .conftest import Dns01


def where(lab: Lab, name: str) -> str:
    """How a message names a responder at its first address."""
    responder = next(responder for responder in lab.responders if responder.name == name)
    return f"{name} {responder.address}:{responder.port}"


def test_a_primary_that_is_down_is_noted_and_the_others_get_the_value(
    dns01: Dns01, lab: Lab, name: str, value: str
) -> None:
    lab.down("powerdns")
    result = dns01(dns_timeout=1, records=[{"name": name, "values": [value]}])
    assert "msg" not in result
    assert result["changed"]
    took_none, passed_over = result["notes"]
    assert took_none == f"{where(lab, 'powerdns')} took no update of zone fleet.test (UNREACHABLE)"
    assert passed_over.startswith(f"{where(lab, 'powerdns')} gave no answer over UDP and TCP for zone fleet.test")
    assert lab.txt("knot", name) == lab.txt("bind", name) == {value}
    lab.up("powerdns")
    again = dns01(records=[{"name": name, "values": [value]}])
    assert again["messages"] == {"powerdns": 1}
    assert not again["notes"]


@pytest.mark.parametrize("strict", [{"require_all": True}, {"verify": False}], ids=["require_all", "no verify"])
def test_a_primary_that_is_down_fails_where_nothing_makes_up_for_it(
    dns01: Dns01, lab: Lab, name: str, value: str, strict: dict[str, bool]
) -> None:
    lab.down("powerdns")
    result = dns01(records=[{"name": name, "values": [value]}], **strict)
    assert result["failed"]
    assert f"{where(lab, 'powerdns')} can't be reached for the update of zone fleet.test" in result["msg"]
    assert "(UNREACHABLE): Connection refused" in result["msg"]


def test_no_primary_that_can_be_reached_fails_at_once(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    for primary in lab.primaries:
        lab.down(primary.name)
    began = time.monotonic()
    result = dns01(records=[{"name": name, "values": [value]}])
    assert time.monotonic() - began < 2
    assert result["msg"].count("can't be reached for the update of zone fleet.test") == len(lab.primaries)
    addresses = [address for primary in lab.primaries for address in primary.addresses]
    assert all(str(Endpoint(address, lab.primaries[0].port)) in result["msg"] for address in addresses)
    assert not result["verdicts"]


def test_check_mode_says_what_a_primary_that_is_down_would_mean(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    lab.down("powerdns")
    records = [{"name": name, "values": [value]}]
    assert "msg" not in dns01(check=True, records=records)
    expected = f"What {name} holds can't be found out: {where(lab, 'powerdns')}: Connection refused"
    assert dns01(check=True, require_all=True, records=records)["msg"] == expected
    assert dns01(check=True, state="absent", records=records)["msg"] == expected


def test_a_follower_that_is_down_is_noted_unless_all_are_required(
    dns01: Dns01, lab: Lab, name: str, value: str
) -> None:
    lab.down("nsd")
    records = [{"name": name, "values": [value]}]
    tolerated = dns01(wait=1, records=records)
    assert "msg" not in tolerated
    assert [note for note in tolerated["notes"] if note.startswith(f"{where(lab, 'nsd')} gave no answer over UDP and")]
    result = dns01(wait=1, require_all=True, records=records)
    assert f"{where(lab, 'nsd')}/udp: 0 of 1 value after 1 s (Connection refused)" in result["msg"]
    assert f"{where(lab, 'nsd')}/tcp: 0 of 1 value after 1 s (Connection refused)" in result["msg"]


def test_half_of_the_responders_are_no_majority(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    lab.down("nsd")
    lab.down("powerdns")
    result = dns01(wait=1, records=[{"name": name, "values": [value]}])
    assert f"{where(lab, 'nsd')}/udp: 0 of 1 value after 1 s (Connection refused)" in result["msg"]
    assert result["msg"].endswith(". Only 2 of 4 responders verified, and more than half have to")


def test_a_follower_that_lags_is_named_until_it_has_caught_up(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    records = [{"name": name, "values": [value]}]
    lab.lag("nsd")
    result = dns01(wait=2, records=records)
    reason = (
        f"The value for {name} is not on every responder: {where(lab, 'nsd')}/udp: 0 of 1 value after 2 s; "
        f"{where(lab, 'nsd')}/tcp: 0 of 1 value after 2 s"
    )
    assert result["msg"] == reason
    lab.release("nsd")
    assert "msg" not in dns01(state="verified", records=records)


def test_one_dead_address_of_a_primary_does_not_keep_updates_from_it(
    dns01: Dns01, lab: Lab, responders: list[dict[str, Any]], name: str, value: str
) -> None:
    knot = next(responder for responder in responders if responder["name"] == "knot")
    knot["addresses"] = [lab.spare_address, *knot["addresses"]]
    result = dns01(dns_timeout=1, records=[{"name": name, "values": [value]}])
    assert lab.txt("knot", name) == {value}
    (note,) = result["notes"]
    assert note.startswith(f"knot {lab.spare_address}:{knot['port']} gave no answer over UDP and TCP")


def test_a_follower_listed_as_a_primary_is_refused_by_itself(
    dns01: Dns01, lab: Lab, responders: list[dict[str, Any]], name: str, value: str
) -> None:
    for responder in responders:
        responder["updates"] = True
        responder["tsig_key"] = "acme"
    result = dns01(records=[{"name": name, "values": [value]}])
    assert f"{where(lab, 'nsd')} refused the update of zone fleet.test (" in result["msg"]
    assert lab.txt("knot", name) == {value}


def test_a_zone_that_nobody_serves_fails_alone(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    lost = "_acme-challenge.www.elsewhere.test"
    result = dns01(records=[{"name": lost, "values": [value]}, {"name": name, "values": [value]}])
    assert [failure["name"] for failure in result["failures"]] == [lost]
    assert result["msg"].startswith(f"The zone of {lost} can't be found: {where(lab, 'knot')}: REFUSED; ")
    assert lab.txt("knot", name) == {value}


@pytest.fixture
def an_hour_ago(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A clock that dnspython signs by, an hour behind."""
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr("dns.message.time.time", lambda: real() - 3600)
        yield patch


@pytest.mark.parametrize("primary", ["knot", "bind"])  # PowerDNS does not say what is wrong with a signature
def test_a_signature_out_of_time_is_told_from_a_wrong_one(
    lab: Lab, primary: str, name: str, value: str, an_hour_ago: pytest.MonkeyPatch
) -> None:
    responder = next(each for each in lab.responders if each.name == primary)
    key = lab.tsig_keys["acme"]
    tsig_key = TsigKey(key.name, key.algorithm, key.secret)
    wire, mac = build_update("fleet.test", [Edit(TxtRecord(name, value), True)], 60, tsig_key)
    an_hour_ago.undo()
    (outcome,) = SocketExchange(SystemClock()).ask([Query(Endpoint(responder.address, responder.port), "tcp", wire)])
    assert isinstance(outcome, Reply)
    refusal = read_refusal(outcome.wire, mac, tsig_key)
    assert refusal is not None
    assert refusal.code == "BADTIME"
    assert refusal.clause.endswith("s ahead of this host's")
    assert not lab.txt(primary, name)
