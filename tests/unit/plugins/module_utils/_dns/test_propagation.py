# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts for each address, with times from a clock that nobody waits for."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint
from ansible_collections.certfleet.acme.plugins.module_utils._dns.propagation import Propagation, Wanted
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder
from ansible_collections.certfleet.acme.plugins.module_utils._dns.verdict import Verdict

from .fakes import FakeClock, FakeExchange, FakeServer

NAME = "_acme-challenge.example.com"
BOTH = {NAME: frozenset({"one", "two"})}


@pytest.fixture
def propagation(exchange: FakeExchange, clock: FakeClock) -> Propagation:
    return Propagation(exchange, clock)


@pytest.fixture
def published(servers: dict[str, FakeServer]) -> dict[str, FakeServer]:
    for server in servers.values():
        server.add(NAME, "TXT", "one", "two", "of another order")
    return servers


def sentences(verdicts: list[Verdict]) -> list[str]:
    return [verdict.sentence() for verdict in verdicts if not verdict.complete]


def wanted(responders: tuple[Responder, ...], absent: bool = False) -> list[Wanted]:
    return [Wanted("example.com", BOTH, responders, absent)]


@pytest.mark.usefixtures("published")
def test_every_address_is_asked_over_udp_and_tcp(propagation: Propagation, responders: tuple[Responder, ...]) -> None:
    verdicts = propagation.watch(wanted(responders), 30)
    assert [(verdict.responder, verdict.address, verdict.transport) for verdict in verdicts] == [
        ("fra", "192.0.2.53", "udp"), ("fra", "192.0.2.53", "tcp"),
        ("sin", "198.51.100.53", "udp"), ("sin", "198.51.100.53", "tcp"),
        ("sin", "2001:db8::53", "udp"), ("sin", "2001:db8::53", "tcp"),
        ("nyc", "203.0.113.53", "udp"), ("nyc", "203.0.113.53", "tcp"),
    ]  # fmt: skip
    assert all(verdict.complete and verdict.problem is None for verdict in verdicts)
    assert all(0 < verdict.largest_response < 1232 for verdict in verdicts)


def test_a_lacking_value_is_counted_and_named_by_address(
    propagation: Propagation, responders: tuple[Responder, ...], published: dict[str, FakeServer]
) -> None:
    published["sin"].txt(NAME).discard("two")
    verdicts = propagation.watch(wanted(responders), 30)
    assert sentences(verdicts) == [
        "sin 198.51.100.53/udp: 1 of 2 values after 30 s",
        "sin 198.51.100.53/tcp: 1 of 2 values after 30 s",
        "sin 2001:db8::53/udp: 1 of 2 values after 30 s",
        "sin 2001:db8::53/tcp: 1 of 2 values after 30 s",
    ]
    assert {record.value for verdict in verdicts for record in verdict.lacking} == {"two"}


def test_only_what_is_lacking_is_asked_again(
    propagation: Propagation,
    responders: tuple[Responder, ...],
    published: dict[str, FakeServer],
    exchange: FakeExchange,
) -> None:
    published["nyc"].txt(NAME).clear()
    propagation.watch(wanted(responders), 30)
    assert len(exchange.calls[0]) == 8
    assert {query.endpoint for call in exchange.calls[1:] for query in call} == {Endpoint("203.0.113.53")}


def test_a_value_that_comes_later_is_seen_and_timed(
    propagation: Propagation,
    responders: tuple[Responder, ...],
    published: dict[str, FakeServer],
    clock: FakeClock,
) -> None:
    published["nyc"].txt(NAME).discard("two")
    clock.at.append((7.0, lambda: published["nyc"].txt(NAME).add("two")))
    verdicts = propagation.watch(wanted(responders), 60)
    assert all(verdict.complete for verdict in verdicts)
    assert 7 <= verdicts[-1].seconds < 13
    assert verdicts[0].seconds < 1
    assert clock.seconds < 13


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"silent": True}, "no answer within 5 s"),
        ({"rcode": "SERVFAIL"}, "SERVFAIL"),
        ({"rcode": "REFUSED"}, "REFUSED"),
        ({"authoritative": False}, "not authoritative"),
    ],
)
def test_what_is_no_authoritative_answer_is_said(
    propagation: Propagation,
    responders: tuple[Responder, ...],
    published: dict[str, FakeServer],
    fault: dict[str, object],
    problem: str,
) -> None:
    for name, value in fault.items():
        setattr(published["nyc"], name, value)
    verdicts = propagation.watch(wanted(responders), 3)
    assert sentences(verdicts) == [
        f"nyc 203.0.113.53/udp: 0 of 2 values after 3 s ({problem})",
        f"nyc 203.0.113.53/tcp: 0 of 2 values after 3 s ({problem})",
    ]


@pytest.mark.usefixtures("published")
def test_tcp_alone_can_fail(
    propagation: Propagation, responders: tuple[Responder, ...], exchange: FakeExchange
) -> None:
    exchange.down[Endpoint("192.0.2.53"), "tcp"] = "closed"
    assert sentences(propagation.watch(wanted(responders), 0)) == [
        "fra 192.0.2.53/tcp: 0 of 2 values after 0 s (no answer within 5 s)"
    ]


def test_values_can_be_wanted_gone(
    propagation: Propagation, responders: tuple[Responder, ...], published: dict[str, FakeServer]
) -> None:
    for name in ("fra", "nyc"):
        published[name].txt(NAME).difference_update({"one", "two"})
    published["sin"].txt(NAME).discard("one")
    assert sentences(propagation.watch(wanted(responders[:2], absent=True), 0)) == [
        "sin 198.51.100.53/udp: 1 of 2 values gone after 0 s",
        "sin 198.51.100.53/tcp: 1 of 2 values gone after 0 s",
        "sin 2001:db8::53/udp: 1 of 2 values gone after 0 s",
        "sin 2001:db8::53/tcp: 1 of 2 values gone after 0 s",
    ]


def test_a_lagging_address_is_asked_for_a_few_values_until_it_has_them(
    propagation: Propagation, servers: dict[str, FakeServer], exchange: FakeExchange, clock: FakeClock
) -> None:
    names = [f"_acme-challenge.n{number}.example.com" for number in range(100)]
    nyc = Responder("nyc", ("203.0.113.53",), updates=False)

    def catch_up() -> None:
        for name in names:
            servers["nyc"].add(name, "TXT", "v")

    clock.at.append((20.0, catch_up))
    verdicts = propagation.watch([Wanted("example.com", {name: frozenset("v") for name in names}, [nyc])], 60)
    assert all(verdict.complete for verdict in verdicts)
    sizes = [len(call) for call in exchange.calls]
    assert sizes[0] == 200
    assert set(sizes[1:-1]) == {32}
    assert sizes[-1] == 168


def test_a_host_name_without_address_has_a_verdict_too(propagation: Propagation) -> None:
    gone = Responder("gone", (), unresolved=("ns.example.net",))
    assert sentences(propagation.watch([Wanted("example.com", BOTH, [gone])], 0)) == [
        "gone ns.example.net/udp: 0 of 2 values after 0 s (the host name has no address)",
        "gone ns.example.net/tcp: 0 of 2 values after 0 s (the host name has no address)",
    ]


SURE = 10.0


def test_a_silent_minority_is_not_waited_for_until_the_deadline(
    propagation: Propagation,
    responders: tuple[Responder, ...],
    published: dict[str, FakeServer],
    exchange: FakeExchange,
    clock: FakeClock,
) -> None:
    published["nyc"].silent = True
    verdicts = propagation.watch(wanted(responders), 120, SURE)
    assert SURE <= clock.seconds < 2 * SURE
    assert len(exchange.calls) >= 3
    assert [verdict.silent for verdict in verdicts[-2:]] == [frozenset(verdicts[-1].lacking)] * 2
    assert all(verdict.lacking for verdict in verdicts[-2:])


@pytest.mark.parametrize("fault", ["stale", "strict", "majority"])
def test_silence_that_is_not_passed_over_is_waited_for(
    propagation: Propagation,
    responders: tuple[Responder, ...],
    published: dict[str, FakeServer],
    clock: FakeClock,
    fault: str,
) -> None:
    published["nyc"].silent = True
    if fault == "stale":
        published["sin"].txt(NAME).discard("two")
    if fault == "majority":
        published["fra"].silent = True
    propagation.watch(wanted(responders), 60, None if fault == "strict" else SURE)
    assert clock.seconds == 60


def test_one_that_fell_silent_after_an_answer_without_the_value_is_waited_for(
    propagation: Propagation, responders: tuple[Responder, ...], published: dict[str, FakeServer], clock: FakeClock
) -> None:
    nyc = published["nyc"]
    nyc.txt(NAME).clear()
    clock.at.append((1.0, lambda: setattr(nyc, "silent", True)))
    verdicts = propagation.watch(wanted(responders), 60, SURE)
    assert clock.seconds == 60
    assert not verdicts[-1].silent
    assert verdicts[-1].problem == "no answer within 5 s"


def test_one_that_is_silent_for_a_while_only_is_verified(
    propagation: Propagation, responders: tuple[Responder, ...], published: dict[str, FakeServer], clock: FakeClock
) -> None:
    nyc = published["nyc"]
    nyc.silent = True
    clock.at.append((4.0, lambda: setattr(nyc, "silent", False)))
    assert all(verdict.complete for verdict in propagation.watch(wanted(responders), 60, SURE))
    assert clock.seconds < SURE


def test_one_round_of_silence_is_enough_at_the_deadline(
    propagation: Propagation,
    responders: tuple[Responder, ...],
    published: dict[str, FakeServer],
    exchange: FakeExchange,
) -> None:
    published["nyc"].silent = True
    verdicts = propagation.watch(wanted(responders), 0, SURE)
    assert len(exchange.calls) == 1
    assert verdicts[-1].silent == frozenset(verdicts[-1].lacking)


def test_another_port_is_shown() -> None:
    verdict = Verdict("fra", "::1", 5301, "udp", "example.com", 1, 0, (), 1.26, None, 0)
    assert verdict.sentence() == "fra [::1]:5301/udp: 0 of 1 value after 1.3 s"


@pytest.mark.usefixtures("published")
def test_a_server_that_only_ns_records_name_may_answer_at_less_length(
    propagation: Propagation, responders: tuple[Responder, ...], exchange: FakeExchange
) -> None:
    unlisted = Responder("ns9.example.com", ("192.0.2.99",), listed=False)
    propagation.watch(wanted((*responders, unlisted)), 0)
    limits = {query.largest for call in exchange.calls for query in call if query.endpoint.address == "192.0.2.99"}
    assert limits == {4096}
    assert {query.largest for query in exchange.calls[0]} == {4096, 65535}
