# SPDX-License-Identifier: GPL-3.0-or-later
"""How many orders have been made of late, and when the next one may be."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.orders import (
    MOST_AT_ONCE,
    WINDOW,
    WINDOW_PER_NAMES,
    Limits,
    OrderLog,
    Slots,
    known_limits,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
SHOP, MAIL = ["shop.example.com"], ["mail.example.com"]
HOUR = timedelta(hours=1)
URL = "https://acme.example/order/1"


def reload(log: OrderLog, now: datetime) -> OrderLog:
    return OrderLog(json.loads(json.dumps(log.as_dict())), now)


@pytest.fixture
def log() -> OrderLog:
    log = OrderLog({}, NOW)
    log.note(SHOP, NOW)
    log.note(SHOP, NOW)
    log.note(MAIL, NOW + HOUR)
    return log


def test_orders_count_for_three_hours_and_for_their_names_for_seven_days(log: OrderLog) -> None:
    for each in (log, reload(log, NOW + HOUR)):
        assert each.instants(NOW + HOUR) == [NOW, NOW, NOW + HOUR]
        assert each.instants(NOW + WINDOW) == [NOW + HOUR]
        assert each.instants_for(SHOP, NOW + WINDOW) == [NOW, NOW]
        assert each.instants_for(SHOP, NOW + WINDOW_PER_NAMES) == []


def test_the_order_of_names_does_not_matter_and_each_set_counts_for_itself(log: OrderLog) -> None:
    log.note(["b.example.com", "a.example.com"], NOW)
    assert log.instants_for(["a.example.com", "b.example.com"], NOW) == [NOW]
    assert log.instants_for(["a.example.com"], NOW) == []


def test_an_order_that_was_not_made_counts_nowhere(log: OrderLog) -> None:
    log.reserve("shop/rsa-2048", SHOP, NOW)
    log = reload(log, NOW)
    assert log.reserved == {"shop/rsa-2048": NOW}
    assert len(log.instants(NOW)) == 3
    log.release("shop/rsa-2048")
    assert not log.reserved
    assert log.instants(NOW + HOUR) == [NOW, NOW, NOW + HOUR]
    assert log.instants_for(SHOP, NOW + HOUR) == [NOW, NOW]


def test_an_order_after_one_that_was_never_settled_counts_besides(log: OrderLog) -> None:
    """Of the first one it is not known whether the CA has made it."""
    for number in range(2):
        log.reserve("mail/rsa-2048", ["new.example.com"], NOW + number * HOUR)
    assert log.instants_for(["new.example.com"], NOW + HOUR) == [NOW, NOW + HOUR]
    log.release("mail/rsa-2048")
    assert log.instants_for(["new.example.com"], NOW + HOUR) == [NOW]
    log.release("mail/rsa-2048")
    assert log.instants_for(["new.example.com"], NOW + HOUR) == [NOW]


def test_an_order_that_can_become_no_certificate_does_not_count_for_its_names(log: OrderLog) -> None:
    log.reserve("shop/rsa-2048", SHOP, NOW + HOUR)
    log.settle_as("shop/rsa-2048", SHOP, URL, NOW + 2 * HOUR)
    log = reload(log, NOW + 2 * HOUR)
    log.give_back(SHOP, URL)
    assert len(log.instants(NOW + 2 * HOUR)) == 4
    assert log.instants_for(SHOP, NOW + 2 * HOUR) == [NOW, NOW]


def test_only_an_order_that_counts_is_given_back_and_only_once(log: OrderLog) -> None:
    log.note_url(SHOP, URL, NOW + HOUR)  # as with an exempt order
    for url in (URL, URL, f"{URL}0"):
        log.give_back(SHOP, url)
    log.give_back(["never.example.com"], URL)
    assert log.instants_for(SHOP, NOW + HOUR) == [NOW, NOW]


def test_what_is_over_is_dropped_and_nothing_leaves_nothing(log: OrderLog) -> None:
    assert reload(log, NOW + 2 * WINDOW_PER_NAMES).as_dict() == {}
    assert set(reload(log, NOW + WINDOW).as_dict()["made"]) == {"2026-11-23T05:00:00Z"}


def test_what_a_wrong_clock_has_noted_for_the_future_counts_for_nothing(log: OrderLog) -> None:
    before = NOW - timedelta(days=2)
    assert reload(log, before).instants(before) == []
    assert reload(log, before).instants_for(SHOP, before) == []


@pytest.mark.parametrize(
    "document",
    [
        {"made": [], "names": "x"},
        {"made": {"then": 5, "2026-11-23T04:00:00Z": "many"}, "names": {"x": "y", "z": [5, "then"]}},
        {"made": {"2026-11-23T04:00:00Z": -3}, "names": {"x": None}},
    ],
)
def test_what_makes_no_sense_counts_for_nothing(document: dict[str, Any]) -> None:
    assert OrderLog(document, NOW).as_dict() == {}


def test_a_number_of_orders_that_nobody_can_have_made_takes_no_memory() -> None:
    log = OrderLog({"made": {"2026-11-23T04:00:00Z": 10**12}, "names": {}}, NOW)
    assert len(log.instants(NOW)) == MOST_AT_ONCE


@given(
    st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(hours=5)), st.booleans()), max_size=60),
    st.integers(min_value=1, max_value=6),
)
def test_no_window_ever_has_more_than_its_most_whatever_the_sequence(
    steps: list[tuple[timedelta, bool]], most: int
) -> None:
    """Orders that are wanted again and again, by tasks that end in between or not."""
    now, made, log = NOW, [], OrderLog({}, NOW)
    for pause, restarted in steps:
        now += pause
        log = reload(log, now) if restarted else log
        if Slots(log.instants(now), most, WINDOW).next_free(now) <= now:
            log.note(SHOP, now.replace(microsecond=0))
            made.append(now)
    for first, last in zip(made, made[most:], strict=False):
        assert last - first >= timedelta(hours=3)


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=3)), max_size=40))
def test_no_seven_days_have_more_than_five_orders_for_the_same_names(pauses: list[timedelta]) -> None:
    now, made, log = NOW, [], OrderLog({}, NOW)
    for pause in pauses:
        now += pause
        log = reload(log, now)
        if Slots(log.instants_for(SHOP, now), 5, WINDOW_PER_NAMES).next_free(now) <= now:
            log.note(SHOP, now.replace(microsecond=0))
            made.append(now)
    for first, last in zip(made, made[5:], strict=False):
        assert last - first >= timedelta(days=7)


def test_places_that_are_taken_ahead_move_the_next_ones_further() -> None:
    slots = Slots([NOW, NOW + HOUR], 2, WINDOW)
    found = []
    for _number in range(4):
        found.append(slots.next_free(NOW + HOUR))
        slots.take(found[-1])
    assert found == [NOW + WINDOW, NOW + HOUR + WINDOW, NOW + 2 * WINDOW, NOW + HOUR + 2 * WINDOW]


@pytest.mark.parametrize("option", ["max_orders", "max_orders_per_names"])
def test_a_limit_that_allows_nothing_is_refused_with_its_name(option: str) -> None:
    with pytest.raises(InputError, match=f"{option}: 0 is less than 1"):
        Limits(**{option: 0})


def test_only_let_s_encrypt_is_known_to_limit_names_and_domains() -> None:
    assert known_limits("https://acme-v02.api.letsencrypt.org/directory") == (5, 50)
    assert known_limits("https://ca.internal/acme/directory") == (None, None)
    assert Slots([], None, WINDOW).next_free(NOW) == NOW
