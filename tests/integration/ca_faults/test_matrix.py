# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault once at each kind of request: it ends in a certificate, or in a failure that is remembered."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.lab.ca_faults import (
    Effect,
    always,
    break_json,
    delay,
    drip,
    hang,
    lose_answer,
    lose_request,
    lose_to_gateway,
    nth,
    refuse,
    swell,
    web_page,
)
from tests.lab.ca_messages import Kind

from .conftest import PATIENCE, TIMEOUT, Site, fresh, statuses

KINDS: tuple[Kind, ...] = ("newOrder", "authorization", "challenge", "finalize", "order", "certificate")
SLOWEST_RUN = 3 * PATIENCE + 5 * TIMEOUT
EFFECTS: tuple[Effect, ...] = (
    lose_request(),
    lose_answer(),
    hang(),
    drip(0.2),
    delay(0.5),
    replace(delay(TIMEOUT + 0.5), name="answer after the timeout"),
    lose_to_gateway(),
    break_json(),
    swell(),
    refuse(429, "rateLimited", "too fast"),
    refuse(500, "serverInternal", "oops"),
    refuse(503, "serverInternal", "busy"),
    web_page(503),
    web_page(502),
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_ends_in_a_certificate_or_a_remembered_failure(site: Site, kind: Kind) -> None:
    """One certificate for each fault, all in one run; the next one, without faults, gets those that are left."""
    names = fresh(len(EFFECTS) + 1)
    for number, effect in enumerate(EFFECTS, 1):
        site.proxy.inject(kind, effect, nth(number))
    began = time.monotonic()
    first = statuses(site.keep(names))
    assert time.monotonic() - began < SLOWEST_RUN
    assert all(site.proxy.struck[effect.name] == 1 for effect in EFFECTS), site.proxy.struck
    for name, status in first.items():
        assert (status == "issued") is not bool(site.state(name).get("last_failure")), (name, status)
    assert "issued" in first.values()
    assert not site.leftovers()

    site.proxy.heal()
    second = statuses(site.keep(names, retry=True))
    assert set(second.values()) <= {"issued", "valid"}, (first, second)
    assert set(Counter(site.proxy.orders).values()) == {1}, "an order was made twice"
    assert not any(site.pending(name) for name in names)
    assert not site.leftovers()


@pytest.mark.parametrize(
    ("kind", "effects"),
    [
        ("directory", [lose_request(), hang(), break_json(), swell(), web_page(502)]),
        ("newNonce", [lose_request(), hang(), web_page(502)]),
    ],
)
def test_a_task_that_does_not_get_far_leaves_nothing_behind(site: Site, kind: Kind, effects: list[Effect]) -> None:
    """What comes before everything else concerns all certificates of a task, so there is a task for each fault."""
    names = fresh(2)
    for effect in effects:
        site.proxy.inject(kind, effect, always)
        result = statuses(site.keep(names, retry=True))
        site.proxy.heal()
        assert site.proxy.struck[effect.name] >= 1
        assert set(result.values()) <= {"issued", "valid", "failed", "deferred"}
        assert all(
            site.state(name)["last_failure"] for name, status in result.items() if status in ("failed", "deferred")
        )
    assert set(statuses(site.keep(names, retry=True)).values()) <= {"issued", "valid"}
    assert len(site.proxy.orders) == len(names)
    assert not site.leftovers()
