# SPDX-License-Identifier: GPL-3.0-or-later
"""CNAME records that real servers follow, expand from wildcards, or turn round in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import parse_responders

from tests.lab import Lab, Options

ALIASES = {
    "_acme-challenge.chain.fleet.test": "hop.shop.test",
    "hop.shop.test": "_acme-challenge.end.sub.fleet.test",
    "_acme-challenge.round.fleet.test": "round.shop.test",
    "round.shop.test": "_acme-challenge.round.fleet.test",
    "*.hosted.fleet.test": "front1.fleet.test",
    "_acme-challenge.told.hosted.fleet.test": "told.validation.test",
    "_acme-challenge.away.fleet.test": "away.elsewhere.example",
}


@pytest.fixture(scope="module")
def aliased_lab() -> Iterator[Lab]:
    """A lab with more aliases than others need."""
    with Lab(Options(aliases=ALIASES, frontends=1)) as lab:
        yield lab


@pytest.fixture(params=["knot", "bind", "powerdns"])
def fleet(request: pytest.FixtureRequest, aliased_lab: Lab) -> Fleet:
    """One make of primary."""
    responder = next(each for each in aliased_lab.responders if each.name == request.param)
    key = aliased_lab.tsig_keys["acme"]
    responders = parse_responders(
        [{"name": responder.name, "address": responder.address, "port": responder.port, "tsig_key": "acme"}],
        [{"name": key.name, "algorithm": key.algorithm, "secret": key.secret}],
    )
    return Fleet(responders, SystemClock(), timeout=2.0, check_name_servers=False, validation_zones=["validation.test"])


@pytest.mark.parametrize(
    ("name", "owner", "zone"),
    [
        ("_acme-challenge.chain.fleet.test", "_acme-challenge.end.sub.fleet.test", "sub.fleet.test"),
        ("_acme-challenge.shop.hosted.fleet.test", "_acme-challenge.shop.hosted.fleet.test", "fleet.test"),
        ("_acme-challenge.told.hosted.fleet.test", "told.validation.test", "validation.test"),
    ],
)
def test_a_value_is_written_where_a_validator_looks_for_it(fleet: Fleet, name: str, owner: str, zone: str) -> None:
    record = TxtRecord(name, "value")
    report = fleet.publish([record])
    place = report.places[name]
    assert (place.owner, place.zone) == (owner, zone)
    assert not report.failed
    assert not fleet.verify([record], 0).failed
    assert not fleet.withdraw([record]).failed
    assert not fleet.verify_absent([record], 0).failed


def test_a_circle_and_a_foreign_target_fail_alone(fleet: Fleet) -> None:
    good = "_acme-challenge.chain.fleet.test"
    places, failed = fleet.locate(["_acme-challenge.round.fleet.test", "_acme-challenge.away.fleet.test", good])
    assert list(places) == [good]
    # PowerDNS refuses to answer a question whose CNAME records turn round
    told = failed["_acme-challenge.round.fleet.test"].message
    assert "lead in a circle" in told or "SERVFAIL" in told
    assert "→ away.elsewhere.example can't be found" in failed["_acme-challenge.away.fleet.test"].message
