# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be tried now, and when the rest may, from plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import Pauses
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.candidate import Candidate, Known
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.failures import Failures
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.orders import WINDOW, Limits, OrderLog
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.pacing import Pace, pace
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import decide
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import Target, parse_wanted
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._core.fakes import START, FakeClock

CA = "https://acme.example/directory"
MINUTE = timedelta(minutes=1)
PROBLEM = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "come back later"}


def candidates(*names: str, key_types: Sequence[str] = ("ecdsa-p256",), **more: Any) -> list[Candidate]:
    """One certificate for each name (or for names with + between them), that is due now."""
    wanted = parse_wanted(
        {"name": name.replace("+", "-"), "domains": _domains(name), "key_types": list(key_types)} for name in names
    )
    return [Candidate(decision, **more) for each in wanted for decision in decide(each, {}, CA, START)]


def _domains(name: str) -> list[str]:
    return [f"{part}.example.com" for part in name.split("+")]


def known(
    identifiers: Mapping[str, Failures] | None = None,
    orders: OrderLog | None = None,
    pauses: Mapping[str, Any] | None = None,
    **limits: int,
) -> Known:
    orders = orders or OrderLog({}, START)
    return Known(identifiers or {}, orders, Pauses(FakeClock(), pauses), Limits(**limits))


def paused(minutes: int) -> dict[str, Any]:
    return {"since": format_instant(START), "until": format_instant(START + minutes * MINUTE), "problem": PROBLEM}


def taken(found: Pace) -> list[str]:
    return [str(decision.target) for decision in found.taken]


def failed(count: int = 1, at: datetime = START) -> Failures:
    failures = Failures()
    for _number in range(count):
        failures = failures.failed(at, "refused")
    return failures


def test_all_is_taken_when_nothing_is_remembered_and_the_order_stays() -> None:
    found = pace(candidates("b", "a", "c"), known(), START)
    assert taken(found) == ["b (ecdsa-p256)", "a (ecdsa-p256)", "c (ecdsa-p256)"]
    assert (found.deferred, found.held) == ({}, {})


def test_what_failed_is_left_until_its_time_with_what_was_said() -> None:
    (each,) = candidates("a", failures=failed(2))
    deferral = pace([each], known(), START).deferred[each.decision.target]
    assert deferral.until == START + 10 * MINUTE
    assert deferral.reason == "not before 2026-11-23T04:10:00Z: failed 2 times in a row: refused"
    assert deferral.failing
    assert taken(pace([each], known(), START + 10 * MINUTE)) == ["a (ecdsa-p256)"]


def test_a_name_that_failed_holds_up_every_certificate_that_has_it() -> None:
    first, second, other = candidates("a", "a+b", "c")
    found = pace([first, second, other], known({"a.example.com": failed()}), START)
    assert taken(found) == ["c (ecdsa-p256)"]
    assert found.deferred[second.decision.target].until == START + MINUTE
    assert "a.example.com failed once: refused" in found.deferred[second.decision.target].reason


def test_what_needs_a_human_is_left_without_a_time() -> None:
    (each,) = candidates("a", failures=Failures().stopped(START, "unpause it at https://ca.example/unpause"))
    deferral = pace([each], known(), START + timedelta(days=400)).deferred[each.decision.target]
    assert deferral.until is None
    assert "https://ca.example/unpause" in deferral.reason
    assert deferral.failing


def test_too_many_failed_validations_wait_even_when_the_rest_is_forgotten() -> None:
    identifiers = {"a.example.com": Failures().failed(START, "refused", validations=5).forgiven()}
    (each,) = candidates("a")
    assert pace([each], known(identifiers), START).deferred[each.decision.target].until == START + timedelta(hours=1)


def test_one_of_several_certificates_for_a_name_that_has_failed_goes_first() -> None:
    rsa, ecdsa = candidates("a", key_types=["rsa-2048", "ecdsa-p256"])
    rsa = replace(rsa, failures=failed(2, START - timedelta(days=1)))
    ecdsa = replace(ecdsa, failures=failed(1, START - timedelta(days=1)))
    identifiers = {"a.example.com": failed(3, START - timedelta(days=1))}
    found = pace([rsa, ecdsa], known(identifiers), START)
    assert taken(found) == ["a (ecdsa-p256)"]
    deferral = found.deferred[rsa.decision.target]
    assert (deferral.until, deferral.failing) == (START, True)
    assert deferral.reason == "a (ecdsa-p256) is tried first, since an attempt for a.example.com has failed"


def test_who_may_make_no_order_does_not_go_first() -> None:
    long_ago = START - timedelta(days=1)
    both, alone = candidates("a+b", "a")
    alone = replace(alone, failures=failed(1, long_ago))
    identifiers = {"a.example.com": failed(1, long_ago)}
    log = OrderLog({}, START)
    for _number in range(5):
        log.note(both.exact_names, START - timedelta(days=2))
    assert taken(pace([both, alone], known(identifiers, log), START)) == ["a (ecdsa-p256)"]
    held = {"newOrder b.example.com": paused(600)}
    assert taken(pace([both, alone], known(identifiers, pauses=held), START)) == ["a (ecdsa-p256)"]


def test_none_of_several_certificates_for_a_name_is_left_out_for_ever() -> None:
    group = {each.decision.target: each for each in candidates("a", "a+b", "a+c")}
    identifiers = {"a.example.com": failed()}
    tries: Counter[Target] = Counter()
    for number in range(1, 13):
        now = START + timedelta(days=2 * number)
        found = pace(list(group.values()), known(identifiers), now)
        (decision,) = found.taken
        tries[decision.target] += 1
        group[decision.target] = replace(
            group[decision.target], failures=group[decision.target].failures.failed(now, "refused")
        )
        identifiers["a.example.com"] = identifiers["a.example.com"].failed(now, "refused")
    assert set(tries.values()) == {4}


def test_the_most_urgent_get_the_places_and_each_of_the_others_its_time() -> None:
    orders = OrderLog({}, START)
    orders.note(["x"], START - 60 * MINUTE)
    orders.note(["y"], START - 30 * MINUTE)
    group = candidates("a", "b", "c", "d", "e")
    found = pace(group, known(orders=orders, max_orders=3), START)
    assert taken(found) == ["a (ecdsa-p256)"]
    times = [found.deferred[each.decision.target].until for each in group[1:]]
    first, second, third = START - 60 * MINUTE + WINDOW, START - 30 * MINUTE + WINDOW, START + WINDOW
    assert times == [first, second, third, first + WINDOW]
    deferral = found.deferred[group[1].decision.target]
    assert not deferral.failing
    assert deferral.reason.endswith("max_orders: 3 orders are as many as are made in three hours")


def test_five_orders_in_a_week_are_enough_for_the_same_names_whatever_the_key() -> None:
    orders = OrderLog({}, START)
    for day in range(4):
        orders.note(["a.example.com"], START - timedelta(days=day))
    rsa, ecdsa, other = [*candidates("a", key_types=["rsa-2048", "ecdsa-p256"]), *candidates("b")]
    found = pace([rsa, ecdsa, other], known(orders=orders), START)
    assert taken(found) == ["a (rsa-2048)", "b (ecdsa-p256)"]
    orders.note(["a.example.com"], START)
    deferral = pace([ecdsa, other], known(orders=orders), START).deferred[ecdsa.decision.target]
    assert deferral.until == START + timedelta(days=4) + MINUTE
    assert "max_orders_per_names" in deferral.reason
    assert deferral.failing


@given(
    st.integers(min_value=1, max_value=8),
    st.integers(min_value=1, max_value=4),
    st.lists(st.integers(min_value=0, max_value=300), max_size=10),
)
def test_what_is_deferred_can_be_taken_at_the_time_that_was_told(count: int, most: int, noted: list[int]) -> None:
    """Whoever comes back when told, with nobody else in between, is taken then, and not a second before."""
    orders = OrderLog({}, START)
    for minutes in noted:
        orders.note([f"old{minutes}"], START - minutes * MINUTE)
    group = candidates(*[f"n{number}" for number in range(count)])
    found = pace(group, known(orders=orders, max_orders=most), START)
    for decision in found.taken:
        orders.note([decision.target.name], START)
    left = [each for each in group if each.decision.target in found.deferred]
    if left:
        until = found.deferred[left[0].decision.target].until
        assert until is not None
        assert taken(pace(left[:1], known(orders=orders, max_orders=most), until)) == [str(left[0].decision.target)]
        early = until - timedelta(seconds=1)
        assert taken(pace(left[:1], known(orders=orders, max_orders=most), early)) == []


@pytest.mark.parametrize(
    "kind", ["newOrder", "finalize", "authorization", "newOrder a.example.com", "newOrder .example.com"]
)
def test_while_orders_are_paused_only_pending_ones_go_on(kind: str) -> None:
    (each,) = candidates("a")
    found = pace([each], known(pauses={kind: paused(30)}), START)
    deferral = found.deferred[each.decision.target]
    assert deferral.until == START + 30 * MINUTE
    assert "come back later" in deferral.reason
    assert deferral.failing

    found = pace([replace(each, pending=True)], known(pauses={kind: paused(30)}), START)
    assert taken(found) == ["a (ecdsa-p256)"]
    assert found.held[each.decision.target].deferral.until == START + 30 * MINUTE


@pytest.mark.parametrize("kind", ["directory", "newNonce", "order"])
def test_while_the_ca_wants_to_be_left_alone_nothing_goes_on(kind: str) -> None:
    (each,) = candidates("a", pending=True)
    found = pace([each], known(pauses={kind: paused(30)}), START)
    assert found.taken == []
    assert found.deferred[each.decision.target].until == START + 30 * MINUTE


def test_a_pause_for_one_domain_holds_up_no_other() -> None:
    group = candidates("a", "b")
    assert taken(pace(group, known(pauses={"newOrder a.example.com": paused(30)}), START)) == ["b (ecdsa-p256)"]


def test_a_pending_order_goes_on_without_a_place() -> None:
    orders = OrderLog({}, START)
    orders.note(["x"], START)
    (each,) = candidates("a", pending=True)
    found = pace([each], known(orders=orders, max_orders=1), START)
    assert taken(found) == ["a (ecdsa-p256)"]
    assert found.held[each.decision.target].deferral.until == START + WINDOW


def test_of_certificates_for_the_same_names_one_goes_first_and_the_others_behind_it() -> None:
    rsa, ecdsa, other = [*candidates("a", key_types=["rsa-2048", "ecdsa-p256"]), *candidates("b")]
    found = pace([rsa, ecdsa, other], known(), START)
    assert taken(found) == ["a (rsa-2048)", "b (ecdsa-p256)"]
    deferral = found.behind[ecdsa.decision.target]
    assert (deferral.until, deferral.failing) == (START, False)
    assert deferral.reason == "a (rsa-2048) goes first: only one order for the same names is open at a time"


@pytest.mark.parametrize("state", [{"pending": True, "open": True}, {"open": True}], ids=["known", "in doubt"])
def test_the_certificate_with_an_open_order_goes_first(state: dict[str, bool]) -> None:
    rsa, ecdsa = candidates("a", key_types=["rsa-2048", "ecdsa-p256"])
    found = pace([rsa, replace(ecdsa, **state)], known(), START)
    assert (taken(found), set(found.behind)) == (["a (ecdsa-p256)"], {rsa.decision.target})


def test_an_open_order_goes_first_also_while_its_certificate_is_left_alone() -> None:
    rsa, ecdsa = candidates("a", key_types=["rsa-2048", "ecdsa-p256"])
    ecdsa = replace(ecdsa, open=True)
    found = pace([rsa, ecdsa], known(), START, only={rsa.decision.target})
    assert (taken(found), set(found.behind)) == ([], {rsa.decision.target})


def test_a_certificate_that_fails_for_reasons_of_its_own_holds_up_no_other_for_the_same_names() -> None:
    rsa, ecdsa = candidates("a", key_types=["rsa-2048", "ecdsa-p256"])
    ecdsa = replace(ecdsa, open=True, failures=failed(1, START - timedelta(days=1)))
    found = pace([rsa, ecdsa], known(), START)
    assert (taken(found), set(found.behind)) == (["a (rsa-2048)"], {ecdsa.decision.target})
