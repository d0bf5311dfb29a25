# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewals are spread over the hour or the day, and a host keeps its second."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.certfleet.acme.plugins.filter.renewal import FilterModule
from hypothesis import given
from hypothesis import strategies as st

FILTERS = FilterModule().filters()
LENGTHS = {"hourly": 3600, "daily": 86400}
HOSTS = 2000
BUCKETS = 40
# The sum of the squared deviations of 39 free buckets stays below this in all but one of a million drawings:
# the quantile 1 - 1e-6 of the chi-square distribution with 39 degrees of freedom.
CHI_SQUARE_BOUND = 96.6

hosts = st.text(min_size=1)
periods = st.sampled_from(sorted(LENGTHS))


def second(host: str, period: str, salt: str = "") -> int:
    return int(FILTERS["renewal_second"](host, period, salt))


def names(pattern: str) -> list[str]:
    return [pattern.format(number) for number in range(HOSTS)]


def chi_square(counts: Counter[int], expected: float) -> float:
    """How far the buckets are from even."""
    return sum((counts[bucket] - expected) ** 2 / expected for bucket in range(BUCKETS))


def test_the_bound_is_that_of_the_distribution() -> None:
    # Wilson and Hilferty: the cube root of a chi-square over its degrees of freedom is nearly normal
    freedom, quantile = BUCKETS - 1, 4.7534  # of the normal distribution, at 1 - 1e-6
    bound = freedom * (1 - 2 / (9 * freedom) + quantile * (2 / (9 * freedom)) ** 0.5) ** 3
    assert bound == pytest.approx(CHI_SQUARE_BOUND, abs=1)


@pytest.mark.parametrize("period", LENGTHS)
@pytest.mark.parametrize("pattern", ["web{}.example.com", "{:04}", "validator-{}.eu-central.internal", "10.0.0.{}"])
def test_two_thousand_hosts_are_spread_evenly_over_the_period(pattern: str, period: str) -> None:
    seconds = [second(name, period) for name in names(pattern)]
    assert 0 <= min(seconds) <= max(seconds) < LENGTHS[period]
    counts = Counter(each * BUCKETS // LENGTHS[period] for each in seconds)
    assert chi_square(counts, HOSTS / BUCKETS) < CHI_SQUARE_BOUND


def test_the_bound_finds_hosts_that_are_not_spread() -> None:
    # whole minutes only, a favoured half, and one minute in ten left out
    for crooked in (
        [each % 20 for each in range(HOSTS)],
        [each % BUCKETS if each % 3 else each % 20 for each in range(HOSTS)],
        [each % 36 for each in range(HOSTS)],
    ):
        assert chi_square(Counter(crooked), HOSTS / BUCKETS) > CHI_SQUARE_BOUND


def test_every_second_of_the_minute_is_used() -> None:
    assert {second(name, "hourly") % 60 for name in names("host{}")} == set(range(60))


def test_a_host_keeps_its_second_for_ever() -> None:
    # written down: another release, machine or Python must not move a fleet's renewals
    assert [second("validator.example.com", period) for period in ("hourly", "daily")] == [1345, 32299]
    assert second("validator.example.com", "hourly", "other") == 1176


@given(host=hosts, period=periods, salt=st.text())
def test_a_second_is_within_the_period_and_stays(host: str, period: str, salt: str) -> None:
    first = second(host, period, salt)
    assert 0 <= first < LENGTHS[period]
    assert second(host, period, salt) == first


def test_two_hosts_differ_and_a_salt_makes_one_host_differ() -> None:
    assert second("fra.example.com", "hourly") != second("sin.example.com", "hourly")
    assert second("localhost", "hourly", "fra") != second("localhost", "hourly", "sin")


@given(host=hosts, period=periods, salt=st.text())
def test_every_scheduler_is_told_the_same_second(host: str, period: str, salt: str) -> None:
    told = second(host, period, salt)
    calendar = re.fullmatch(r"\*-\*-\* (\*|\d\d):(\d\d):(\d\d) UTC", FILTERS["renewal_calendar"](host, period, salt))
    cron: dict[str, Any] = FILTERS["renewal_cron"](host, period, salt)
    rule = re.fullmatch(
        r"DTSTART;TZID=UTC:20260101T(\d\d)(\d\d)(\d\d) RRULE:FREQ=(HOURLY|DAILY);INTERVAL=1",
        FILTERS["renewal_rrule"](host, period, salt),
    )
    assert calendar is not None
    assert rule is not None
    assert rule[4] == period.upper()
    assert (calendar[1] == "*") == (cron["hour"] == "*") == (period == "hourly")
    for hour, minute, seconds in (
        (calendar[1].replace("*", "0"), calendar[2], calendar[3]),
        (cron["hour"].replace("*", "0"), cron["minute"], cron["second"]),
        rule.groups()[:3],
    ):
        assert int(hour) * 3600 + int(minute) * 60 + int(seconds) == told


@given(host=hosts, start=st.dates(), timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/Argentina/Ushuaia"]))
def test_a_rule_for_awx_has_what_awx_asks_for(host: str, start: Any, timezone: str) -> None:
    rule = FILTERS["renewal_rrule"](host, "daily", timezone=timezone, start=start.isoformat())
    # one DTSTART, with a time zone and therefore without Z, and one RRULE with an INTERVAL, neither SECONDLY nor bounded
    begin, _space, recurrence = rule.partition(" ")
    zone, _colon, instant = begin.removeprefix("DTSTART;TZID=").partition(":")
    assert zone == timezone
    assert datetime.strptime(instant, "%Y%m%dT%H%M%S").date() == start  # noqa: DTZ007
    assert recurrence == "RRULE:FREQ=DAILY;INTERVAL=1"


@pytest.mark.parametrize(
    ("name", "arguments", "options", "reason"),
    [
        ("renewal_second", ("host", "weekly"), {}, "the period is one of hourly, daily, not 'weekly'"),
        ("renewal_calendar", ("", "daily"), {}, "the name of the host is empty"),
        ("renewal_cron", ("host", None), {}, "the period is one of hourly, daily, not None"),
        ("renewal_rrule", ("host",), {"timezone": "UTC\nRRULE"}, "the time zone is a name like Europe/Berlin"),
        ("renewal_rrule", ("host",), {"start": "tomorrow"}, "tomorrow"),
    ],
)
def test_what_makes_no_time_is_refused_with_a_sentence(
    name: str, arguments: tuple[Any, ...], options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(reason)) as refusal:
        FILTERS[name](*arguments, **options)
    assert f"certfleet.acme.{name}: " in str(refusal.value)
