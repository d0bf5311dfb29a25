# SPDX-License-Identifier: GPL-3.0-or-later
"""Validations that fail, nonces that are refused and a CA that does not get ready: told, bounded, remembered."""

from __future__ import annotations

import time
from datetime import timedelta

from tests.lab.ca_faults import (
    always,
    every,
    failed_authorization,
    failed_order,
    lose_answer,
    lose_request,
    nth,
    spoil_nonce,
    web_page,
)

from .conftest import Site, fresh, statuses

SOON = timedelta(minutes=2)


def test_half_of_all_nonces_refused_costs_no_certificate(site: Site) -> None:
    names = fresh(12)
    rule = site.proxy.inject("any", spoil_nonce(), every(2))
    result = site.keep(names)
    assert set(statuses(result).values()) == {"issued"}
    # seven requests for each, and more or less every second one: several are under way at once
    assert rule.asked >= 7 * len(names)
    assert rule.struck >= 2 * len(names)
    assert len(site.proxy.orders) == len(names)


def test_an_authorization_that_turns_invalid_is_told_with_each_subproblem(site: Site) -> None:
    failing, well = sorted(fresh(2))

    def after_the_answer(_number: int) -> bool:
        return bool(site.proxy.requests["challenge"])

    site.proxy.inject("order", failed_order(), after_the_answer)
    site.proxy.inject("authorization", failed_authorization(("fra", "sin")), after_the_answer)
    result = site.keep([failing])
    (entry,) = result["certificates"]
    assert entry["status"] == "failed"
    for part in ("secondary validation failed", f"{failing}: dns: seen from fra", f"{failing}: dns: seen from sin"):
        assert part in entry["reason"]
    (problem,) = entry["failure"]["problems"].values()
    assert len(problem["subproblems"]) == 2
    assert site.state(failing)["last_failure"]["msg"] == entry["reason"]
    assert site.pending(failing) is None, "an order that failed was kept"
    assert not site.leftovers()

    site.proxy.heal()
    assert set(statuses(site.keep([failing, well], later=SOON)).values()) == {"issued"}
    assert site.proxy.orders.count((failing,)) == 1, "the CA hands out the order that only looked as if it had failed"


def test_a_look_at_an_order_that_fails_is_repeated_while_there_is_time(site: Site) -> None:
    names = fresh(3)
    site.proxy.inject("order", web_page(503), nth(1))
    site.proxy.inject("order", web_page(503, "1"), nth(2))
    site.proxy.inject("order", lose_answer(), nth(4))
    began = time.monotonic()
    assert set(statuses(site.keep(names)).values()) == {"issued"}
    assert time.monotonic() - began >= 1.0


def test_an_answer_to_a_challenge_that_never_arrived_is_sent_again(site: Site) -> None:
    names = fresh(2)
    site.proxy.inject("challenge", lose_request(), nth(1))
    began = time.monotonic()
    assert set(statuses(site.keep(names)).values()) == {"issued"}
    assert time.monotonic() - began < 3.0


def test_a_finalization_whose_answer_got_lost_is_not_sent_again(site: Site) -> None:
    names = fresh(3)
    site.proxy.inject("finalize", lose_answer(), always)
    assert set(statuses(site.keep(names)).values()) == {"issued"}
    assert site.proxy.requests["finalize"] == 3


def test_a_finalization_that_never_arrived_is_sent_again(site: Site) -> None:
    names = fresh(2)
    site.proxy.inject("finalize", lose_request(), nth(1))
    assert set(statuses(site.keep(names)).values()) == {"issued"}
    assert site.proxy.requests["finalize"] == 3


def test_a_ca_that_can_not_be_reached_costs_nothing_but_time(site: Site) -> None:
    names = fresh(2)
    site.proxy.inject("directory", lose_request(), always)
    began = time.monotonic()
    result = site.keep(names)
    assert time.monotonic() - began < 3.0
    assert set(statuses(result).values()) <= {"failed", "deferred"}
    assert all(site.state(name)["last_failure"] for name in names)
    site.proxy.heal()
    assert set(statuses(site.keep(names, later=SOON)).values()) == {"issued"}
