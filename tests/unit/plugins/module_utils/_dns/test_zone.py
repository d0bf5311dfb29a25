# SPDX-License-Identifier: GPL-3.0-or-later
"""Where values have to be written."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.panel import Panel
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder
from ansible_collections.certfleet.acme.plugins.module_utils._dns.zone import Locator, Place

from .fakes import FakeExchange, FakeServer

NAME = "_acme-challenge.shop.example.com"


@pytest.fixture
def locator(exchange: FakeExchange, responders: tuple[Responder, ...]) -> Locator:
    return Locator(Panel(exchange, responders))


def test_the_zone_is_found_with_one_question(locator: Locator, exchange: FakeExchange) -> None:
    assert locator.locate([NAME]) == ({NAME: Place(NAME, NAME, "example.com")}, {})
    assert sum(exchange.questions().values()) == 1


def test_a_place_is_remembered(locator: Locator, exchange: FakeExchange) -> None:
    locator.locate([NAME])
    locator.locate([NAME])
    assert sum(exchange.questions().values()) == 1


def test_a_name_that_is_a_zone_of_its_own_is_that_zone(locator: Locator, servers: dict[str, FakeServer]) -> None:
    servers["fra"].zones[NAME] = {}
    assert locator.locate([NAME])[0][NAME].zone == NAME


def test_a_cname_is_followed_into_another_zone(locator: Locator, servers: dict[str, FakeServer]) -> None:
    servers["fra"].add(NAME, "CNAME", "hop.example.com").add("hop.example.com", "CNAME", "shop.validation.example")
    assert locator.locate([NAME])[0][NAME] == Place(NAME, "shop.validation.example", "validation.example")


def test_cnames_in_a_circle_are_an_error(locator: Locator, servers: dict[str, FakeServer]) -> None:
    servers["fra"].add(NAME, "CNAME", "a.example.com").add("a.example.com", "CNAME", NAME)
    places, failed = locator.locate([NAME, "_acme-challenge.example.com"])
    assert failed[NAME].message == (f"The CNAME records of {NAME} → a.example.com lead in a circle, back to {NAME}")
    assert list(places) == ["_acme-challenge.example.com"]


@pytest.mark.parametrize(("hops", "fits"), [(8, True), (9, False)])
def test_a_chain_may_have_eight_cnames(locator: Locator, servers: dict[str, FakeServer], hops: int, fits: bool) -> None:
    for number in range(hops):
        servers["fra"].add(f"h{number}.example.com", "CNAME", f"h{number + 1}.example.com")
    places, failed = locator.locate(["h0.example.com"])
    assert bool(places) == fits
    assert bool(failed) != fits


@pytest.mark.parametrize("wildcard", ["*.shop.example.com", "*.example.com"])
def test_a_cname_from_a_wildcard_is_not_followed(
    locator: Locator, servers: dict[str, FakeServer], wildcard: str
) -> None:
    servers["fra"].add(wildcard, "CNAME", "web.validation.example")
    assert locator.locate([NAME])[0][NAME] == Place(NAME, NAME, "example.com")


def test_a_cname_beside_a_wildcard_with_another_target_is_followed(
    locator: Locator, servers: dict[str, FakeServer]
) -> None:
    servers["fra"].add("*.shop.example.com", "CNAME", "web.example.com").add(NAME, "CNAME", "s.validation.example")
    assert locator.locate([NAME])[0][NAME].owner == "s.validation.example"


def test_the_next_responder_is_asked_when_one_is_silent_or_lame(
    locator: Locator, servers: dict[str, FakeServer]
) -> None:
    servers["fra"].silent = True
    servers["sin"].authoritative = False
    assert locator.locate([NAME])[0][NAME].zone == "example.com"


def test_a_name_nobody_serves_fails_alone_with_every_reason(locator: Locator, servers: dict[str, FakeServer]) -> None:
    servers["fra"].silent = True
    servers["sin"].rcode = "SERVFAIL"
    places, failed = locator.locate(["_acme-challenge.example.org", NAME])
    assert list(places) == [NAME]
    assert failed["_acme-challenge.example.org"].message == (
        "The zone of _acme-challenge.example.org can't be found: "
        "fra 192.0.2.53: no answer within 5 s; sin 198.51.100.53: SERVFAIL; nyc 203.0.113.53: REFUSED; "
        "sin 2001:db8::53: SERVFAIL"
    )


def test_only_responders_that_serve_a_name_are_asked(exchange: FakeExchange, servers: dict[str, FakeServer]) -> None:
    fra = Responder("fra", ("192.0.2.53",), zones=("example.com",))
    sin = Responder("sin", ("198.51.100.53",), zones=("validation.example",))
    servers["fra"].add(NAME, "CNAME", "shop.validation.example")
    servers["sin"].zones = {"validation.example": {}}
    place = Locator(Panel(exchange, [fra, sin])).locate([NAME])[0][NAME]
    assert place == Place(NAME, "shop.validation.example", "validation.example")
    assert ("shop.validation.example", "SOA") not in servers["fra"].asked


def test_a_follower_is_asked_last(locator: Locator, servers: dict[str, FakeServer]) -> None:
    locator.locate([NAME])
    assert not servers["nyc"].asked
