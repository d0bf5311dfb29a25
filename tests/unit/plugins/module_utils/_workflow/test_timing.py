# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is due by its lifetime alone."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.timing import renewal_instant
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
NAMES = st.text(st.characters(codec="ascii", categories=("Ll", "Nd")), min_size=1, max_size=40)
LIFETIMES = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=800))


def left_at_the_mark(lifetime: timedelta) -> timedelta:
    """What the guide says: a third, and a half of what is short."""
    return lifetime / 2 if lifetime < timedelta(days=10) else lifetime / 3


@pytest.mark.parametrize(
    ("lifetime", "left"),
    [
        (timedelta(days=90), timedelta(days=30)),
        (timedelta(days=64), timedelta(days=64) / 3),
        (timedelta(days=45), timedelta(days=15)),
        (timedelta(hours=160), timedelta(hours=80)),
    ],
)
def test_a_third_of_the_lifetime_is_left_at_renewal_and_a_half_of_a_short_one(
    lifetime: timedelta, left: timedelta
) -> None:
    instants = [renewal_instant(f"site-{number}", NOW, NOW + lifetime) for number in range(1000)]
    latest, earliest = NOW + lifetime - left, NOW + lifetime - left - lifetime / 10
    assert earliest <= min(instants) < earliest + lifetime / 100
    assert latest - lifetime / 100 < max(instants) <= latest


@given(NAMES, LIFETIMES)
def test_renewal_is_never_later_than_the_mark_and_never_more_than_a_tenth_of_the_lifetime_earlier(
    name: str, lifetime: timedelta
) -> None:
    mark = NOW + lifetime - left_at_the_mark(lifetime)
    assert mark - lifetime / 10 <= renewal_instant(name, NOW, NOW + lifetime) <= mark


@given(NAMES, LIFETIMES)
def test_renewal_always_comes_before_the_end_and_after_the_beginning(name: str, lifetime: timedelta) -> None:
    assert NOW < renewal_instant(name, NOW, NOW + lifetime) < NOW + lifetime


@given(NAMES, LIFETIMES)
def test_the_instant_stays_the_same_whenever_it_is_asked_for(name: str, lifetime: timedelta) -> None:
    assert renewal_instant(name, NOW, NOW + lifetime) == renewal_instant(name, NOW, NOW + lifetime)


@pytest.mark.parametrize(
    ("lifetime", "most"), [(timedelta(days=90), 0.01), (timedelta(days=45), 0.02), (timedelta(hours=160), 0.08)]
)
@pytest.mark.parametrize("pattern", ["site{}", "www.customer-{}.example", "{}"])
def test_ten_thousand_certificates_of_one_hour_are_not_due_in_one_hour(
    lifetime: timedelta, most: float, pattern: str
) -> None:
    hours: Counter[int] = Counter()
    for number in range(10_000):
        issued = NOW + timedelta(hours=1) * number / 10_000
        hours[int(renewal_instant(pattern.format(number), issued, issued + lifetime).timestamp() // 3600)] += 1
    assert max(hours.values()) <= 10_000 * most


@given(NAMES)
def test_the_certificates_of_a_site_that_were_issued_together_are_due_together(name: str) -> None:
    rsa = renewal_instant(name, NOW, NOW + timedelta(days=90))
    ecdsa = renewal_instant(name, NOW + timedelta(seconds=20), NOW + timedelta(days=90, seconds=20))
    assert ecdsa - rsa == timedelta(seconds=20)
