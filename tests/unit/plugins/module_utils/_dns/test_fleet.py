# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing, verifying and withdrawing on all responders together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder

from .fakes import FakeClock, FakeExchange, FakeServer, anywhere, nobody

SHOP = "_acme-challenge.shop.example.com"
BLOG = "_acme-challenge.blog.example.com"
ELSEWHERE = "_acme-challenge.example.org"
ONE, TWO = TxtRecord(SHOP, "one"), TxtRecord(SHOP, "two")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path))


@pytest.fixture
def begin(
    responders: tuple[Responder, ...], clock: FakeClock, files: Files, exchange: FakeExchange
) -> Callable[[], Fleet]:
    """Begin a run, with a fleet that knows only what is on disk."""
    zones = ["validation.example"]
    return lambda: Fleet(
        responders, clock, files, validation_zones=zones, exchange=exchange, resolve=nobody, routable=anywhere
    )


@pytest.fixture
def fleet(begin: Callable[[], Fleet]) -> Fleet:
    return begin()


@pytest.fixture
def later_fleet(begin: Callable[[], Fleet]) -> Fleet:
    """The fleet of another run."""
    return begin()


@pytest.fixture
def following(servers: dict[str, FakeServer]) -> None:
    """Make the follower follow fra at once."""
    servers["nyc"].zones = servers["fra"].zones


@pytest.mark.usefixtures("following")
def test_values_get_to_every_primary_and_are_verified_everywhere(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    report = fleet.publish([ONE, TWO])
    assert report.changed
    assert report.messages == {"fra": 1, "sin": 1}
    assert servers["fra"].txt(SHOP) == servers["sin"].txt(SHOP) == {"one", "two"}
    verified = fleet.verify([ONE, TWO], 30)
    assert not verified.failed
    assert len(verified.verdicts) == 8


@pytest.mark.usefixtures("following")
def test_a_cname_takes_the_value_to_another_zone(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    for server in servers.values():
        server.add(SHOP, "CNAME", "shop.validation.example")
    fleet.publish([ONE])
    assert servers["fra"].txt("shop.validation.example") == {"one"}
    assert not fleet.verify([ONE], 0).failed
    fleet.withdraw([ONE])
    assert not servers["fra"].txt("shop.validation.example")


def test_a_plan_has_only_what_a_primary_lacks(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["fra"].add(SHOP, "TXT", "one", "foreign")
    plan = fleet.plan_publish([ONE, TWO])
    assert [(change.responder.name, change.add) for change in plan.changes] == [
        ("fra", (TWO,)),
        ("sin", (ONE, TWO)),
    ]
    assert {record.value for record in plan.holdings.at("fra", SHOP)} == {"one", "foreign"}
    fleet.apply(plan)
    assert not fleet.plan_publish([ONE, TWO]).changed


def test_a_plan_sends_nothing(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    fleet.plan_publish([ONE])
    fleet.plan_withdraw([ONE])
    fleet.plan_sweep([SHOP])
    assert not any(server.updates for server in servers.values())
    assert not fleet.leftovers()


@pytest.mark.usefixtures("following")
def test_one_bad_name_holds_up_none_of_the_others(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["sin"].refuses = lambda owner: owner == BLOG
    lost, refused = TxtRecord(ELSEWHERE, "x"), TxtRecord(BLOG, "y")
    report = fleet.publish([ONE, lost, refused, TWO])
    assert set(report.failed) == {lost, refused}
    assert report.failed[refused].details["code"] == "REFUSED"
    assert servers["sin"].txt(SHOP) == {"one", "two"}
    assert not fleet.verify([ONE, TWO], 0).failed


@pytest.mark.usefixtures("following")
def test_the_error_of_a_value_names_every_address_that_lacks_it(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    fleet.publish([ONE, TWO])
    servers["sin"].txt(SHOP).discard("two")
    report = fleet.verify([ONE, TWO], 30)
    assert list(report.failed) == [TWO]
    assert report.failed[TWO].message == (
        f"The value for {SHOP} is not on every responder: "
        "sin 198.51.100.53/udp: 1 of 2 values after 30 s; sin 198.51.100.53/tcp: 1 of 2 values after 30 s; "
        "sin 2001:db8::53/udp: 1 of 2 values after 30 s; sin 2001:db8::53/tcp: 1 of 2 values after 30 s"
    )


def test_every_refusal_of_a_value_is_told(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["fra"].rcode = "SERVFAIL"
    fleet.locate([SHOP])
    servers["sin"].silent = True
    error = fleet.publish([ONE]).failed[ONE]
    assert "fra 192.0.2.53 refused" in error.message
    assert "sin 198.51.100.53, 2001:db8::53 did not answer" in error.message
    assert [refusal["code"] for refusal in error.details["refusals"]] == ["SERVFAIL", "TIMEOUT"]


@pytest.mark.usefixtures("following")
def test_a_primary_that_cant_be_reached_is_passed_over_and_noted(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["sin"].silent = True
    published = fleet.publish([ONE])
    assert not published.failed
    assert set(published.unreached) == {ONE}
    assert published.notes == ["sin 198.51.100.53, 2001:db8::53 took no update of zone example.com (TIMEOUT)"]
    verified = fleet.verify([ONE], 120)
    assert not verified.failed
    assert [note.partition(" gave no answer over UDP and TCP for zone example.com")[0] for note in verified.notes] == [
        "sin 198.51.100.53",
        "sin 2001:db8::53",
    ]


@pytest.mark.usefixtures("following")
def test_a_primary_that_answers_without_the_value_it_did_not_take_fails_it(
    fleet: Fleet, servers: dict[str, FakeServer], exchange: FakeExchange, clock: FakeClock
) -> None:
    for address in ("198.51.100.53", "2001:db8::53"):
        exchange.down[Endpoint(address), "tcp"] = "dead"
    published = fleet.publish([ONE])
    assert not published.failed
    error = fleet.verify([ONE], 60).after(published).failed[ONE]
    assert clock.seconds == 60
    assert error.message.startswith(
        "sin 198.51.100.53, 2001:db8::53 did not answer the update of zone example.com (TIMEOUT)"
    )
    assert "sin 198.51.100.53/udp: 0 of 1 value after 60 s;" in error.message
    assert error.details["name"] == SHOP


def test_a_zone_none_of_whose_primaries_can_be_reached_fails_at_once(
    fleet: Fleet, servers: dict[str, FakeServer], clock: FakeClock
) -> None:
    fleet.locate([SHOP])
    servers["fra"].silent = servers["sin"].silent = True
    error = fleet.publish([ONE]).failed[ONE]
    assert "fra 192.0.2.53 did not answer" in error.message
    assert "sin 198.51.100.53, 2001:db8::53 did not answer" in error.message
    assert clock.seconds == 0


def test_a_refusal_is_never_passed_over(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    fleet.locate([SHOP])
    servers["fra"].rcode = "REFUSED"
    report = fleet.publish([ONE])
    assert report.failed[ONE].details["code"] == "REFUSED"
    assert not report.unreached


@pytest.mark.usefixtures("following")
def test_all_can_be_required(
    responders: tuple[Responder, ...], clock: FakeClock, exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    strict = Fleet(responders, clock, require_all=True, exchange=exchange, resolve=nobody, routable=anywhere)
    servers["sin"].silent = True
    assert strict.publish([ONE]).failed[ONE].details["code"] == "TIMEOUT"
    assert strict.verify([ONE], 60).failed[ONE].message.startswith(f"The value for {SHOP} is not on every responder")
    assert clock.seconds == 60


@pytest.mark.usefixtures("following")
def test_a_silent_majority_fails_and_says_how_many_verified(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    fleet.publish([ONE])
    servers["sin"].silent = True
    servers["nyc"].silent = True
    message = fleet.verify([ONE], 5).failed[ONE].message
    assert "sin 198.51.100.53/udp: 0 of 1 value after 5 s (no answer within 5 s)" in message
    assert message.endswith(". Only 1 of 3 responders verified, and more than half have to")


@pytest.mark.usefixtures("following")
def test_removal_from_a_primary_that_cant_be_reached_is_never_passed_over(
    fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    fleet.publish([ONE])
    servers["sin"].silent = True
    assert fleet.withdraw([ONE]).failed
    assert "1 of 1 value gone" not in fleet.verify_absent([ONE], 5).failed[ONE].message


def test_the_ledger_is_written_before_an_update_is_sent(
    fleet: Fleet, later_fleet: Fleet, exchange: FakeExchange
) -> None:
    fleet.locate([SHOP])
    exchange.servers = {}
    fleet.publish([ONE])
    assert [(entry.responder, entry.name, entry.value) for entry in later_fleet.leftovers()] == [
        ("fra", SHOP, "one"),
        ("sin", SHOP, "one"),
    ]


def left_on(fleet: Fleet) -> set[str]:
    """The responders that the ledger has values of."""
    return {entry.responder for entry in fleet.leftovers()}


def test_a_refusal_leaves_nothing_in_the_ledger_and_nothing_to_withdraw(
    fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    servers["fra"].refuses = lambda owner: owner == SHOP
    assert set(fleet.publish([ONE, TxtRecord(BLOG, "x")]).failed) == {ONE}
    assert {(entry.responder, entry.owner) for entry in fleet.leftovers()} == {
        ("fra", BLOG),
        ("sin", BLOG),
        ("sin", SHOP),
    }
    report = fleet.withdraw([ONE, TxtRecord(BLOG, "x")])
    assert (report.failed, report.notes) == ({}, [])
    assert not fleet.leftovers()


def test_a_value_that_is_taken_later_is_withdrawn_again(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["fra"].refuses = lambda _owner: True
    fleet.publish([ONE])
    servers["fra"].refuses = lambda _owner: False
    fleet.publish([ONE])
    assert left_on(fleet) == {"fra", "sin"}
    fleet.withdraw([ONE])
    assert not servers["fra"].txt(SHOP)


@pytest.mark.parametrize(
    ("rcode", "stays"), [("REFUSED", False), ("NOTAUTH", False), ("NOTZONE", False), ("SERVFAIL", True)]
)
def test_only_an_answer_that_proves_that_nothing_was_done_clears_the_ledger(
    fleet: Fleet, servers: dict[str, FakeServer], rcode: str, *, stays: bool
) -> None:
    fleet.locate([SHOP])
    servers["fra"].rcode = rcode
    fleet.publish([ONE])
    assert ("fra" in left_on(fleet)) == stays


def test_a_refusal_proves_nothing_about_an_earlier_update(
    fleet: Fleet, later_fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    fleet.publish([ONE])
    servers["fra"].refuses = lambda _owner: True
    later_fleet.publish([ONE])
    assert left_on(later_fleet) == {"fra", "sin"}


def test_a_refusal_proves_nothing_about_another_address_that_was_silent(
    fleet: Fleet, exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    exchange.down[Endpoint("198.51.100.53"), "tcp"] = "timeout"
    servers["sin"].refuses = lambda _owner: True
    fleet.publish([ONE])
    assert left_on(fleet) == {"fra", "sin"}


def test_the_ttl_that_is_there_stays(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    for name, ttl in (("fra", 300), ("sin", 600)):
        servers[name].add(SHOP, "TXT", "theirs").ttls[SHOP] = ttl
    servers["fra"].add("*.blog.example.com", "TXT", "wild").ttls[BLOG] = 900
    fleet.publish([ONE, TxtRecord(BLOG, "x")])
    added = {
        (name, rrset.name.to_text(omit_final_dot=True)): rrset.ttl
        for name in ("fra", "sin")
        for message in servers[name].updates
        for rrset in message.sections[2]
    }
    assert added == {("fra", SHOP): 300, ("sin", SHOP): 600, ("fra", BLOG): 60, ("sin", BLOG): 60}


def test_a_primary_that_was_down_is_cleaned_later(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    fleet.publish([ONE])
    servers["sin"].silent = True
    left = fleet.withdraw([ONE])
    assert "TIMEOUT" in left.failed[ONE].message
    assert [note for note in left.notes if "Values may be left there" in note]
    assert [entry.responder for entry in fleet.leftovers()] == ["sin"]
    servers["sin"].silent = False
    cleaned = fleet.withdraw_leftovers()
    assert not cleaned.failed
    assert not cleaned.notes
    assert not servers["sin"].txt(SHOP)
    assert not fleet.leftovers()


def test_a_value_is_withdrawn_where_it_was_written_even_if_the_cname_is_gone(
    fleet: Fleet, later_fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    for server in servers.values():
        server.add(SHOP, "CNAME", "shop.validation.example")
    fleet.publish([ONE])
    for server in servers.values():
        del server.zones["example.com"]
    report = later_fleet.apply(later_fleet.plan_withdraw([ONE]))
    assert not report.failed
    assert not servers["fra"].txt("shop.validation.example")
    assert not later_fleet.leftovers()


def test_a_value_that_turns_out_to_be_gone_leaves_the_ledger(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    fleet.publish([ONE])
    for server in servers.values():
        server.txt(SHOP).clear()
    plan = fleet.plan_withdraw([ONE])
    assert not plan.changed
    fleet.apply(plan)
    assert not fleet.leftovers()


def test_a_responder_that_is_not_listed_any_more_is_noted(
    fleet: Fleet, responders: tuple[Responder, ...], clock: FakeClock, files: Files, exchange: FakeExchange
) -> None:
    fleet.publish([ONE])
    report = Fleet(responders[:1], clock, files, exchange=exchange).withdraw_leftovers()
    assert report.notes == ["The ledger has values on sin, which is not listed as a responder any more"]


def test_a_sweep_removes_every_value_at_the_names_and_nowhere_else(
    fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    servers["fra"].add(SHOP, "TXT", "old", "older").add(BLOG, "TXT", "kept").add(SHOP, "A", "192.0.2.1")
    servers["sin"].add(SHOP, "TXT", "other")
    report = fleet.apply(fleet.plan_sweep([SHOP]))
    assert not report.failed
    assert not servers["fra"].txt(SHOP)
    assert not servers["sin"].txt(SHOP)
    assert servers["fra"].txt(BLOG) == {"kept"}
    assert (SHOP, "A") in servers["fra"].zones["example.com"]


def test_a_sweep_leaves_alone_what_comes_from_a_wildcard(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["fra"].add("*.example.com", "TXT", "v=spf1 -all")
    servers["sin"].add("*.example.com", "TXT", "v=spf1 -all").add(SHOP, "TXT", "old")
    plan = fleet.plan_sweep([SHOP])
    assert [(change.responder.name, [record.value for record in change.remove]) for change in plan.changes] == [
        ("sin", ["old"])
    ]


def test_a_sweep_never_follows_a_cname_to_a_name_of_others(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    for server in servers.values():
        server.add(SHOP, "CNAME", "www.example.com").add("www.example.com", "TXT", "v=spf1", "0" * 43)
        server.add(BLOG, "TXT", "left")
    plan = fleet.plan_sweep([SHOP, BLOG])
    assert list(plan.failed) == [TxtRecord(SHOP, "")]
    assert {record.name for change in plan.changes for record in change.remove} == {BLOG}


def test_a_host_that_has_no_address_for_a_while_is_noted_where_values_are_added(
    fleet: Fleet, servers: dict[str, FakeServer]
) -> None:
    for server in servers.values():
        server.add("*.example.com", "A", "192.0.2.80")
    note = (
        "shop.example.com exists only by a wildcard, and has no address while a value for dns-01 is published (and 2 more "
        "beside it): give it a record of its own, validate it by http-01, or order a certificate for the wildcard"
    )
    records = [ONE, TxtRecord(BLOG, "x"), TxtRecord("_acme-challenge.c.example.com", "z")]
    records.append(TxtRecord("_acme-challenge.example.com", "y"))
    rehearsed = fleet.rehearse(fleet.plan_publish(records, ask=False))
    assert rehearsed.notes == [note]
    assert fleet.publish(records).notes == [note]
    assert not fleet.withdraw(records).notes


def test_a_sweep_fails_for_what_it_cant_see(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["sin"].rcode = "SERVFAIL"
    (error,) = fleet.plan_sweep([SHOP]).failed.values()
    assert error.message == f"What {SHOP} holds can't be found out: sin 2001:db8::53: SERVFAIL"


def test_absence_is_verified_at_the_primaries_only(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    servers["nyc"].add(SHOP, "TXT", "one")
    report = fleet.verify_absent([ONE], 0)
    assert not report.failed
    assert {verdict.responder for verdict in report.verdicts} == {"fra", "sin"}


def test_a_zone_without_a_primary_fails(clock: FakeClock, exchange: FakeExchange) -> None:
    fra = Responder("fra", ("192.0.2.53",), zones=("example.net",))
    nyc = Responder("nyc", ("203.0.113.53",), updates=False)
    report = Fleet([fra, nyc], clock, exchange=exchange).publish([ONE])
    assert report.failed[ONE].message == (
        f"No responder that takes updates serves zone example.com, where the value for {SHOP} belongs"
    )


@pytest.mark.usefixtures("following")
def test_unlisted_name_servers_of_a_zone_are_verified_too(
    fleet: Fleet, servers: dict[str, FakeServer], exchange: FakeExchange
) -> None:
    for server in servers.values():
        server.add("example.com", "NS", "ns9.example.com").add("ns9.example.com", "A", "192.0.2.99")
    exchange.servers[Endpoint("192.0.2.99")] = FakeServer("example.com")
    fleet.publish([ONE])
    assert (
        fleet.verify([ONE], 0)
        .failed[ONE]
        .message.endswith(
            "ns9.example.com 192.0.2.99/udp: 0 of 1 value after 0 s; "
            "ns9.example.com 192.0.2.99/tcp: 0 of 1 value after 0 s. Not among the responders, but named by "
            "the NS records of the zone: ns9.example.com 192.0.2.99. check_name_servers=false leaves such servers out"
        )
    )


@pytest.mark.parametrize(("listed", "fails"), [(3, False), (1, True)])
@pytest.mark.usefixtures("following")
def test_unlisted_name_servers_count_for_the_majority(
    responders: tuple[Responder, ...],
    clock: FakeClock,
    exchange: FakeExchange,
    servers: dict[str, FakeServer],
    listed: int,
    *,
    fails: bool,
) -> None:
    for server in servers.values():
        server.add("example.com", "NS", "ns9.example.com").add("ns9.example.com", "A", "192.0.2.99")
    some = Fleet(responders[:listed], clock, exchange=exchange, resolve=nobody, routable=anywhere)
    some.publish([ONE])
    report = some.verify([ONE], 0)
    assert bool(report.failed) == fails
    assert fails or [note for note in report.notes if note.startswith("ns9.example.com 192.0.2.99 gave no answer")]


@pytest.mark.usefixtures("following")
def test_an_answer_too_large_for_a_datagram_is_noted(fleet: Fleet) -> None:
    many = [TxtRecord(SHOP, f"{number:043}") for number in range(30)]
    fleet.publish(many)
    report = fleet.verify(many, 0)
    assert not report.failed
    assert report.notes[0].startswith(f"An answer of fra about {SHOP} has 1741 bytes, more than the 1232 that fit ")


@pytest.mark.usefixtures("following")
def test_signatures_are_no_values_that_could_be_swept(fleet: Fleet, servers: dict[str, FakeServer]) -> None:
    for server in servers.values():
        server.signatures = 3
    fleet.publish([ONE, TWO])
    report = fleet.verify([ONE, TWO], 0)
    assert {verdict.largest_response > 1232 for verdict in report.verdicts} == {True}
    assert not report.notes


def test_no_error_or_report_shows_a_secret(
    clock: FakeClock, exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import TsigKey

    secret = "c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM="
    servers["fra"].keys = {"other": TsigKey("other", "hmac-sha256", "b3RoZXI=").to_dnspython()}
    fra = Responder("fra", ("192.0.2.53",), tsig_key=TsigKey("acme", "hmac-sha256", secret))
    report = Fleet([fra], clock, exchange=exchange).publish([ONE])
    error = report.failed[ONE]
    assert isinstance(error, Error)
    assert error.details["code"] == "BADKEY"
    assert secret not in f"{report!r} {error!r} {error.result()}"
