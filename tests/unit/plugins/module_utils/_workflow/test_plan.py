# SPDX-License-Identifier: GPL-3.0-or-later
"""Deciding what is due, from a list, a store and a clock that all are plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import (
    Decision,
    Stored,
    decide,
    order_by_urgency,
)
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.timing import renewal_instant
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import Wanted, parse_wanted
from hypothesis import given
from hypothesis import strategies as st

CA = "https://acme.example/directory"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
(SHOP,) = parse_wanted([{"name": "shop", "domains": ["shop.example.com"], "key_types": ["ecdsa-p256"]}])
FRESH = Stored(frozenset({"shop.example.com"}), NOW, NOW + timedelta(days=90), CA, None, None)


def decide_one(wanted: Wanted, stored: dict[str, Stored], now: datetime = NOW) -> Decision:
    (decision,) = decide(wanted, stored, CA, now)
    return decision


def test_a_fresh_certificate_is_kept() -> None:
    decision = decide_one(SHOP, {"ecdsa-p256": FRESH})
    assert (decision.action, decision.reason) == ("keep", "valid until 2027-02-21T04:00:00Z")


def test_a_missing_certificate_is_issued() -> None:
    assert decide_one(SHOP, {}).action == "issue"
    assert decide_one(SHOP, {}).reason == "there is none yet"


def test_a_new_key_type_is_issued_and_the_reason_names_what_there_is() -> None:
    decision = decide_one(SHOP, {"rsa-2048": FRESH})
    assert (decision.action, decision.reason) == ("issue", "key types changed: the store has rsa-2048")


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (replace(FRESH, not_after=NOW), "expired at 2026-11-23T04:00:00Z"),
        (
            replace(FRESH, identifiers=frozenset({"old.example.com"})),
            "names changed: +shop.example.com -old.example.com",
        ),
        (
            replace(FRESH, directory="https://staging.example/directory"),
            "CA changed from https://staging.example/directory to https://acme.example/directory",
        ),
        (replace(FRESH, profile="classic"), "profile changed from classic to the default"),
        (replace(FRESH, preferred_chain="Root X"), "chain changed from Root X to the default"),
        (
            replace(FRESH, not_before=NOW - timedelta(days=60), not_after=NOW + timedelta(days=30)),
            "due since 2026-11-23T04:00:00Z",
        ),
    ],
)
def test_what_makes_a_certificate_due(stored: Stored, reason: str) -> None:
    decision = decide_one(SHOP, {"ecdsa-p256": stored})
    assert (decision.action, decision.reason) == ("renew", reason)


def test_one_second_before_a_third_is_left_nothing_is_due() -> None:
    stored = replace(FRESH, not_before=NOW - timedelta(days=60), not_after=NOW + timedelta(days=30))
    assert not decide_one(SHOP, {"ecdsa-p256": stored}, NOW - timedelta(seconds=1)).due


@pytest.mark.parametrize(
    ("lifetime", "left"),
    [
        (timedelta(days=90), timedelta(days=30)),
        (timedelta(days=45), timedelta(days=15)),
        (timedelta(hours=160), timedelta(hours=80)),
    ],
)
def test_a_third_of_the_lifetime_is_left_at_renewal_and_a_half_of_a_short_one(
    lifetime: timedelta, left: timedelta
) -> None:
    assert renewal_instant(NOW, NOW + lifetime) == NOW + lifetime - left


@given(st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=800)))
def test_renewal_always_comes_before_the_end_and_after_the_beginning(lifetime: timedelta) -> None:
    assert NOW < renewal_instant(NOW, NOW + lifetime) < NOW + lifetime


def test_the_expired_come_first_then_the_missing_then_the_next_to_expire() -> None:
    entries = [{"name": name, "domains": [f"{name}.example.com"], "key_types": ["rsa-2048"]} for name in "abcd"]
    missing, expired, late, soon = parse_wanted(entries)

    def due(wanted: Wanted, days: int) -> Decision:
        stored = Stored(frozenset(), NOW - timedelta(days=80), NOW + timedelta(days=days), CA, None, None)
        return decide_one(wanted, {"rsa-2048": stored})

    decisions = [due(late, 20), decide_one(missing, {}), due(soon, 2), due(expired, -3)]
    assert [decision.target.name for decision in order_by_urgency(decisions, NOW)] == ["b", "a", "d", "c"]
