# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that can be wrong with one name server, put before a real one: what it costs, and what is told.

How a whole certificate fares with them is in tests/integration/certificates/test_dns_faults.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.job import Job, parse_targets
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import parse_responders

from tests.lab import Lab
from tests.lab.dns_faults import Fault
from tests.lab.dns_proxy import DnsProxy

from .conftest import Dns01, Result

Before = Callable[..., DnsProxy]
Faulty = Callable[..., Result]


@pytest.fixture
def before(lab: Lab) -> Iterator[Before]:
    """Put a proxy with some faults before a responder."""
    with ExitStack() as stack:

        def put(name: str, *faults: Fault, addresses: int = 1) -> DnsProxy:
            proxy = stack.enter_context(DnsProxy.before(lab, name, addresses))
            proxy.inject(*faults)
            return proxy

        yield put


@pytest.fixture
def publish(
    responders: list[dict[str, Any]], tsig_keys: list[dict[str, str]], dns01: Dns01, name: str, value: str
) -> Iterator[Faulty]:
    """Publish a value with a proxy in the place of a responder, as module dns01 does, but with little patience."""
    records = [{"name": name, "values": [value]}]

    def run(responder: str, proxy: DnsProxy, *, wait: float = 20.0, timeout: float = 1.0) -> Result:
        listed = parse_responders(proxy.stand_in(responder, responders), tsig_keys)
        fleet = Fleet(listed, SystemClock(), timeout=timeout, check_name_servers=False)
        return Job(fleet, wait).carry_out("present", parse_targets(records, "present")).as_dict()

    yield run
    dns01(state="absent", records=records)


def lacking(result: Result) -> set[tuple[str, str, bool]]:
    """Who lacks the value over what, and whether by silence."""
    return {(each["responder"], each["transport"], each["silent"]) for each in result["verdicts"] if each["lacking"]}


BOTH_SILENT = {("nsd", "udp", True), ("nsd", "tcp", True)}
BOTH_ANSWER = {("nsd", "udp", False), ("nsd", "tcp", False)}


@pytest.mark.parametrize(
    "faults",
    [
        (Fault("slow", seconds=0.3),),
        (Fault("truncated"),),
        (Fault("silent", about="queries", most=1),),
    ],
    ids=["slow", "truncated", "one datagram lost"],
)
def test_a_server_that_needs_patience_is_verified(publish: Faulty, before: Before, faults: tuple[Fault, ...]) -> None:
    proxy = before("bind", *faults)
    result = publish("bind", proxy)
    assert "msg" not in result
    assert not lacking(result)
    assert not result["notes"]
    assert proxy.counts[faults[0].kind]


@pytest.mark.parametrize(
    ("faults", "silent"),
    [
        ((Fault("silent"),), BOTH_SILENT),
        ((Fault("slow", seconds=1),), BOTH_SILENT),
        ((Fault("garbage"),), BOTH_SILENT),
        ((Fault("cut"),), {("nsd", "tcp", True)}),
        ((Fault("deaf"),), {("nsd", "tcp", True)}),
        ((Fault("truncated"), Fault("deaf")), BOTH_SILENT),
    ],
    ids=["silent", "too slow", "garbled", "cut short", "deaf to TCP", "truncated and deaf to TCP"],
)
def test_a_follower_that_gives_no_answer_is_passed_over(
    publish: Faulty, before: Before, faults: tuple[Fault, ...], silent: set[tuple[str, str, bool]]
) -> None:
    proxy = before("nsd", *faults)
    result = publish("nsd", proxy, timeout=0.5)
    assert "msg" not in result
    assert silent <= lacking(result)
    (note,) = result["notes"]
    assert note.startswith(f"nsd {proxy.addresses[0]}:{proxy.port} gave no answer over ")
    assert all(proxy.counts[fault.kind] >= 3 for fault in faults)


@pytest.mark.parametrize("server", ["knot", "nsd"])
def test_records_of_other_classes_change_nothing(publish: Faulty, before: Before, server: str) -> None:
    proxy = before(server, Fault("strange"))
    result = publish(server, proxy)
    assert "msg" not in result
    assert not lacking(result)
    assert proxy.counts["strange"]


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault("refused"), "REFUSED"),
        (Fault("servfail"), "SERVFAIL"),
        (Fault("broken"), "MALFORMED"),
        (Fault("lame"), "not authoritative, refers to the servers of test"),
    ],
    ids=["refusing", "failing", "unreadable", "lame"],
)
def test_a_follower_that_answers_without_the_value_blocks_until_the_deadline(
    publish: Faulty, before: Before, fault: Fault, problem: str
) -> None:
    proxy = before("nsd", fault)
    result = publish("nsd", proxy, wait=1)
    where = re.escape(f"nsd {proxy.addresses[0]}:{proxy.port}")
    # on a busy machine the deadline of a second is noticed later
    told = rf"{where}/udp: 0 of 1 value after \d+ s \({re.escape(problem)}\); {where}/tcp: 0 of 1 value after \d+ s"
    assert re.search(told, result["msg"])
    assert lacking(result) == BOTH_ANSWER


@pytest.mark.parametrize(
    ("fault", "code", "why"),
    [
        (Fault("refused", about="updates"), "REFUSED", "it does not allow this change with the TSIG key acme"),
        (Fault("servfail", about="updates"), "SERVFAIL", "it failed to make the change"),
        (Fault("lame", about="updates"), "NOTAUTH", "it is not a primary for this zone"),
        (Fault("corrupt"), "UNSIGNED", "its answer is not signed with the TSIG key acme"),
    ],
    ids=["refusing", "failing", "lame", "corrupt signature"],
)
def test_a_primary_that_does_not_take_the_update_fails_it_at_once(
    publish: Faulty, before: Before, fault: Fault, code: str, why: str
) -> None:
    proxy = before("powerdns", fault)
    result = publish("powerdns", proxy)
    assert (
        f"powerdns {proxy.addresses[0]}:{proxy.port} refused the update of zone fleet.test ({code}): " in result["msg"]
    )
    assert why in result["msg"]
    assert not result["verdicts"]


@pytest.mark.parametrize("primary", ["knot", "bind"])  # PowerDNS does not say what is wrong with a signature
def test_a_clock_that_is_wrong_at_one_primary_only_is_named_with_it(
    lab: Lab, publish: Faulty, before: Before, primary: str
) -> None:
    proxy = before(primary, Fault("skewed", seconds=3600, key=lab.tsig_keys["acme"]))
    result = publish(primary, proxy)
    assert f"{primary} {proxy.addresses[0]}:{proxy.port} refused the update" in result["msg"]
    assert "(BADTIME): the signature with the TSIG key acme is out of time: its clock is 36" in result["msg"]
    assert "s ahead of this host's" in result["msg"]
    assert sum(update["problem"] is None for update in result["updates"]) == 2


def test_one_dead_address_of_two_is_passed_over_by_itself(publish: Faulty, before: Before) -> None:
    proxy = before("bind", addresses=2)
    dead, alive = proxy.addresses
    proxy.inject(Fault("silent", addresses=frozenset([dead]), about="queries"))
    result = publish("bind", proxy, timeout=0.5)
    assert "msg" not in result
    assert {each["address"] for each in result["verdicts"] if each["lacking"]} == {dead}
    assert alive in {each["address"] for each in result["verdicts"] if each["found"]}
    (note,) = result["notes"]
    assert note.startswith(f"bind {dead}:{proxy.port} gave no answer over UDP and TCP for zone fleet.test")
