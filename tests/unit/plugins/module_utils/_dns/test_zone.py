# SPDX-License-Identifier: GPL-3.0-or-later
"""Where values have to be written."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.panel import Panel
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder
from ansible_collections.certfleet.acme.plugins.module_utils._dns.zone import MOST_STEPS, Locator, Place

from .fakes import FakeExchange, FakeServer

NAME = "_acme-challenge.shop.example.com"


@pytest.fixture
def locator(exchange: FakeExchange, responders: tuple[Responder, ...]) -> Locator:
    return Locator(Panel(exchange, responders), ["validation.example"])


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
        servers["fra"].add(f"h{number}.validation.example", "CNAME", f"h{number + 1}.validation.example")
    places, failed = locator.locate(["h0.validation.example"])
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
    place = Locator(Panel(exchange, [fra, sin]), ["validation.example"]).locate([NAME])[0][NAME]
    assert place == Place(NAME, "shop.validation.example", "validation.example")
    assert ("shop.validation.example", "SOA") not in servers["fra"].asked


def test_a_follower_is_asked_last(locator: Locator, servers: dict[str, FakeServer]) -> None:
    locator.locate([NAME])
    assert not servers["nyc"].asked


@pytest.mark.parametrize(
    "target",
    [
        "www.example.com",
        "x._acme-challenge.example.com",
        "notvalidation.example",
        "_acme-challenge-not.example.com",
        r"x\.validation.example",
        r"_acme-challenge.a\.b.example.com",
    ],
)
def test_a_cname_to_a_name_of_others_fails_alone(
    exchange: FakeExchange, responders: tuple[Responder, ...], servers: dict[str, FakeServer], target: str
) -> None:
    for server in servers.values():
        server.zones |= {"notvalidation.example": {}, "example": {}}
        server.add(NAME, "CNAME", target)
    innocent = "_acme-challenge.example.com"
    places, failed = Locator(Panel(exchange, responders), ["validation.example"]).locate([NAME, innocent])
    assert list(places) == [innocent]
    assert failed[NAME].message == (
        f"The CNAME records of {NAME} → {target} end where no value is written: let them end at a name that begins "
        "with _acme-challenge, or list the zone in validation_zones if it is yours"
    )


def test_a_cname_may_end_at_a_name_of_challenges_after_any_other(
    locator: Locator, servers: dict[str, FakeServer]
) -> None:
    servers["fra"].add(NAME, "CNAME", "hop.example.com").add("hop.example.com", "CNAME", "_acme-challenge.example.com")
    assert locator.locate([NAME])[0][NAME].owner == "_acme-challenge.example.com"


@pytest.mark.parametrize("record", [("A", "192.0.2.80"), ("CNAME", "web.example"), ("TXT", "anything")])
def test_a_cname_may_end_at_a_challenge_that_a_wildcard_at_the_apex_covers(
    locator: Locator, servers: dict[str, FakeServer], record: tuple[str, str]
) -> None:
    # it hides no host: see ADR 0033
    name = "_acme-challenge.mine.validation.example"
    servers["fra"].add("*.example.com", *record).add(name, "CNAME", "_acme-challenge.example.com")
    servers["fra"].add("mine.validation.example", "A", "192.0.2.1")
    places, failed = locator.locate([name])
    assert not failed
    assert places[name] == Place(name, "_acme-challenge.example.com", "example.com")
    assert places[name].hides is None


VICTIMS = {
    "beside it": ("_acme-challenge.www.example.com", "*.example.com", "www.example.com"),
    "two labels above it": ("_acme-challenge.www.a.example.com", "*.example.com", "www.a.example.com"),
    "in a validation zone": ("www.validation.example", "*.validation.example", "www.validation.example"),
    "below a challenge": (
        "_acme-challenge._acme-challenge.www.example.com", "*.example.com", "_acme-challenge.www.example.com",
    ),
}  # fmt: skip


@pytest.mark.parametrize("record", [("A", "192.0.2.80"), ("AAAA", "2001:db8::80"), ("CNAME", "web.example")])
@pytest.mark.parametrize("victim", VICTIMS.values(), ids=VICTIMS)
def test_a_cname_to_a_host_that_exists_only_by_a_wildcard_fails_alone(
    locator: Locator, servers: dict[str, FakeServer], victim: tuple[str, str, str], record: tuple[str, str]
) -> None:
    target, wildcard, host = victim
    name = "_acme-challenge.mine.validation.example"
    servers["fra"].add(wildcard, *record).add(name, "CNAME", target).add("there.example.com", "A", "192.0.2.1")
    servers["fra"].add("mine.validation.example", "A", "192.0.2.1")
    innocent = "_acme-challenge.there.example.com"
    places, failed = locator.locate([name, innocent])
    assert list(places) == [innocent]
    assert failed[name].message == (
        f"The CNAME records of {name} end at {target}, where no value is written: {host} exists only by a wildcard, "
        "and would have no address as long as a value is there"
    )


@pytest.mark.parametrize(
    ("records", "questions"),
    [
        ([("*.example.com", "A"), ("www.example.com", "A")], 1),
        ([("*.example.com", "A"), ("www.example.com", "A"), ("*.www.example.com", "TXT")], 5),
        ([("*.example.com", "A"), ("below.www.example.com", "A")], 1),
        ([("*.example.com", "A"), ("_acme-challenge.www.example.com", "TXT")], 5),
        ([("*.example.com", "TXT")], 5),
        ([("*.www.example.com", "A")], 5),
        ([], 1),
    ],
)
def test_a_host_that_a_value_does_no_harm_is_not_told(
    locator: Locator,
    exchange: FakeExchange,
    servers: dict[str, FakeServer],
    records: list[tuple[str, str]],
    questions: int,
) -> None:
    for owner, kind in records:
        servers["fra"].add(owner, kind, "192.0.2.80")
    assert locator.locate(["_acme-challenge.www.example.com"])[0]["_acme-challenge.www.example.com"].hides is None
    assert sum(exchange.questions().values()) == questions


def test_a_host_that_exists_only_by_a_wildcard_is_told_with_four_more_questions(
    locator: Locator, exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    servers["fra"].add("*.example.com", "A", "192.0.2.80")
    assert locator.locate([NAME])[0][NAME].hides == "shop.example.com"
    assert sum(exchange.questions().values()) == 5
    # the apex of a zone is there in any case
    assert locator.locate(["_acme-challenge.example.com"])[0]["_acme-challenge.example.com"].hides is None
    assert sum(exchange.questions().values()) == 6


def test_the_longest_of_names_is_no_error(locator: Locator, servers: dict[str, FakeServer]) -> None:
    label = "a" * 63
    host = f"{label}.{label}.{label}.{'b' * 33}.example.com"
    assert len(f"_acme-challenge.{host}") == 253
    long = f"{label}.{label}.{label}.{'b' * 42}.validation.example"
    servers["fra"].add(f"*.{'b' * 33}.example.com", "A", "192.0.2.80").add("*.validation.example", "A", "192.0.2.80")
    servers["fra"].add(NAME, "CNAME", long)
    places, failed = locator.locate([f"_acme-challenge.{host}", NAME])
    assert places[f"_acme-challenge.{host}"].hides == host
    assert not failed


@pytest.mark.parametrize("target", ["_acme-challenge.hostile.test", "a." * 30 + "hostile.test"])
def test_a_server_that_has_a_cname_at_every_name_fails_alone(responders: tuple[Responder, ...], target: str) -> None:
    class Hostile(FakeServer):
        def _match(self, records: dict[tuple[str, str], set[str]], owner: str, kind: str) -> tuple[set[str], str]:
            if len(self.asked) > 500:
                raise AssertionError("no end")
            return {target}, "CNAME"

        def zone_of(self, owner: str) -> str:
            return "example.com"

    exchange = FakeExchange({each: Hostile("example.com") for one in responders for each in one.endpoints})
    places, failed = Locator(Panel(exchange, responders)).locate([NAME])
    assert not places
    assert len(exchange.calls) < 2 * MOST_STEPS
    assert failed[NAME].message.endswith("can't be found: there are CNAME records at all names above it")


def test_a_cname_to_a_name_of_a_hundred_labels_fails_alone(
    locator: Locator, servers: dict[str, FakeServer], exchange: FakeExchange
) -> None:
    servers["fra"].add(NAME, "CNAME", "_acme-challenge." + "a." * 100 + "validation.example")
    _places, failed = locator.locate([NAME])
    assert failed[NAME].message.endswith("lead to a name of more than 32 labels")
    assert sum(exchange.questions().values()) < 10
