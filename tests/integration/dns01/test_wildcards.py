# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that exist only by a wildcard, at real servers: what a value does to them, and which CNAME records are refused."""

from __future__ import annotations

from collections.abc import Iterator

import dns.message
import dns.query
import dns.rdatatype
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import parse_responders

from tests.lab import Lab, Options
from tests.lab.model import Responder

ADDRESS = "192.0.2.80"
ADDRESSES = {
    "*.wild.fleet.test": ADDRESS,
    "own.wild.fleet.test": ADDRESS,
    "both.wild.fleet.test": ADDRESS,
    "*.both.wild.fleet.test": "192.0.2.81",
    "*.shop.test": ADDRESS,
}
ALIASES = {
    "*.alias.fleet.test": "front1.fleet.test",
    "_acme-challenge.mine.fleet.test": "www.shop.test",
    "_acme-challenge.sly.fleet.test": "_acme-challenge.www.shop.test",
    "_acme-challenge.gathered.fleet.test": "_acme-challenge.shop.test",
    "_acme-challenge.innocent.fleet.test": "innocent.validation.test",
    "_acme-challenge.always.wild.fleet.test": "always.validation.test",
}


@pytest.fixture(scope="module")
def wild_lab() -> Iterator[Lab]:
    """A lab with wildcards."""
    with Lab(Options(aliases=ALIASES, addresses=ADDRESSES, frontends=1)) as lab:
        yield lab


@pytest.fixture(params=["knot", "bind", "powerdns"])
def server(request: pytest.FixtureRequest, wild_lab: Lab) -> Responder:
    """One make of primary."""
    return next(each for each in wild_lab.responders if each.name == request.param)


@pytest.fixture
def fleet(server: Responder, wild_lab: Lab) -> Fleet:
    """A fleet of this primary alone."""
    key = wild_lab.tsig_keys["acme"]
    responders = parse_responders(
        [{"name": server.name, "address": server.address, "port": server.port, "tsig_key": "acme"}],
        [{"name": key.name, "algorithm": key.algorithm, "secret": key.secret}],
    )
    return Fleet(responders, SystemClock(), timeout=2.0, check_name_servers=False, validation_zones=["validation.test"])


def has_address(server: Responder, host: str) -> bool:
    """Whether a primary gives an address, or an alias, for a host."""
    reply = dns.query.udp(dns.message.make_query(host, "A"), server.address, timeout=2, port=server.port)
    return any(rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.CNAME} for rrset in reply.answer)


@pytest.mark.parametrize("host", ["host.wild.fleet.test", "deep.down.wild.fleet.test", "host.alias.fleet.test"])
def test_a_host_that_has_no_address_meanwhile_is_told_beforehand(server: Responder, fleet: Fleet, host: str) -> None:
    record = TxtRecord(f"_acme-challenge.{host}", "value")
    notes = fleet.rehearse(fleet.plan_publish([record], ask=False)).notes
    assert [note for note in notes if note.startswith(f"{host} exists only by a wildcard")]
    assert has_address(server, host)
    fleet.publish([record])
    assert not has_address(server, host)
    fleet.withdraw([record])
    assert has_address(server, host)


@pytest.mark.parametrize("host", ["own.wild.fleet.test", "both.wild.fleet.test", "shop.test"])
def test_a_host_with_a_record_of_its_own_keeps_its_address(server: Responder, fleet: Fleet, host: str) -> None:
    record = TxtRecord(f"_acme-challenge.{host}", "value")
    was_there = has_address(server, host)
    assert not fleet.publish([record]).notes
    assert has_address(server, host) == was_there
    assert not fleet.withdraw([record]).failed


def test_a_cname_record_for_the_challenge_hides_the_host_for_good(server: Responder) -> None:
    # PowerDNS learns of a name that only has names below it by an update, or by pdnsutil rectify-zone
    assert has_address(server, "always.wild.fleet.test") == (server.make == "powerdns")


def test_the_host_of_a_victim_keeps_its_address(server: Responder, fleet: Fleet) -> None:
    mine, sly = (TxtRecord(f"_acme-challenge.{name}.fleet.test", "value") for name in ("mine", "sly"))
    innocent = TxtRecord("_acme-challenge.innocent.fleet.test", "value")
    report = fleet.publish([mine, sly, innocent])
    assert set(report.failed) == {mine, sly}
    assert "→ www.shop.test end where no value is written" in report.failed[mine].message
    assert "www.shop.test exists only by a wildcard" in report.failed[sly].message
    assert has_address(server, "www.shop.test")
    assert not fleet.verify([innocent], 5).failed
    assert not fleet.withdraw([innocent]).failed


def test_a_value_at_the_challenge_of_an_apex_takes_no_host_from_its_wildcard(server: Responder, fleet: Fleet) -> None:
    record = TxtRecord("_acme-challenge.gathered.fleet.test", "value")
    report = fleet.publish([record])
    assert (report.failed, report.notes) == ({}, [])
    assert report.places[record.name].owner == "_acme-challenge.shop.test"
    assert has_address(server, "www.shop.test")
    assert not has_address(server, "_acme-challenge.shop.test")
    assert not fleet.verify([record], 5).failed
    assert not fleet.withdraw([record]).failed
    assert has_address(server, "_acme-challenge.shop.test")
