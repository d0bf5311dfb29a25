# SPDX-License-Identifier: GPL-3.0-or-later
"""When what has failed is tried again, and what is remembered of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import NEW_ORDER
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import Pause, PausedError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import PREFIX, Problem, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SLACK
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.failures import (
    Failures,
    Refusal,
    blamed,
    delay_after,
    document_of,
    read_identifiers,
    read_state,
    refusal_in,
    state_of,
    validated,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
WISH = {"domains": ["shop.example.com"], "profile": None}
NAMES = [parse_identifier(name) for name in ("shop.example.com", "*.shop.example.com", "www.example.com")]
HOUR = timedelta(hours=1)
DELAYS = [1, 10, 100, 1440, 1440, 1440]


def failed_times(count: int, now: datetime = NOW) -> Failures:
    failures = Failures()
    for _number in range(count):
        failures = failures.failed(now, "refused")
    return failures


def problem(status: int, name: str = "rateLimited", detail: str = "too many", part: Problem | None = None) -> Problem:
    return Problem(type=PREFIX + name, detail=detail, status=status, subproblems=(part,) if part else ())


UNPAUSE = "paused; visit https://ca.example/unpause?jwt=x"
ABOUT_WWW = Problem(type=PREFIX + "rateLimited", detail="x", identifier=parse_identifier("www.example.com"))


@pytest.mark.parametrize(("count", "minutes"), list(enumerate(DELAYS, start=1)))
def test_the_next_attempt_comes_after_1_10_and_100_minutes_and_then_daily(count: int, minutes: int) -> None:
    assert failed_times(count).blocked_until(NOW) == NOW + timedelta(minutes=minutes)


@given(st.integers(min_value=1, max_value=1000), st.integers(min_value=0, max_value=10**6))
def test_an_attempt_is_held_up_until_exactly_then(count: int, seconds: int) -> None:
    later = NOW + timedelta(seconds=seconds)
    held_up = later < NOW + delay_after(count)
    assert (failed_times(count).blocked_until(later) is not None) == held_up


@given(st.integers(min_value=1, max_value=9), st.timedeltas(timedelta(days=-800), timedelta(days=800)))
def test_a_clock_that_jumps_never_holds_up_an_attempt_for_longer_than_was_meant(count: int, jump: timedelta) -> None:
    document = json.loads(json.dumps(state_of(failed_times(count), Error("refused"), WISH)))
    until = read_state(document, WISH, NOW + jump).blocked_until(NOW + jump)
    assert until is None or until - (NOW + jump) <= delay_after(count)
    if jump < -SLACK:
        assert until is None


def test_a_state_comes_back_as_it_was() -> None:
    failures = failed_times(2)
    document = json.loads(json.dumps(state_of(failures, Error("refused", code="X"), WISH)))
    assert document["last_failure"] == {"msg": "refused", "code": "X", "at": "2026-11-23T04:00:00Z"}
    assert document["next_attempt"] == "2026-11-23T04:10:00Z"
    assert read_state(document, WISH, NOW) == failures


def test_a_failure_of_something_else_than_is_wanted_now_is_void() -> None:
    document = state_of(failed_times(3), Error("refused"), WISH)
    assert read_state(document, {**WISH, "profile": "shortlived"}, NOW) == Failures()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"failures": "many"},
        {"failures": 3, "last_failure": "then"},
        {"failures": 3, "last_failure": {"at": 5}},
        {"failures": [], "last_failure": {"at": "2026-11-23T04:00:00Z"}, "next_attempt": "soon"},
        {"failures": 3, "last_failure": {"at": "2027-11-23T04:00:00Z"}, "next_attempt": "2027-11-24T04:00:00Z"},
    ],
)
def test_a_state_that_makes_no_sense_holds_up_nothing(document: dict[str, Any]) -> None:
    assert read_state(document, WISH, NOW) == Failures()


def test_a_time_that_is_far_away_for_no_reason_holds_up_an_attempt_for_a_week_at_most() -> None:
    document = {"failures": 1, "last_failure": {"at": "2026-11-23T04:00:00Z"}, "next_attempt": "9999-01-01T00:00:00Z"}
    assert read_state(document, WISH, NOW).blocked_until(NOW) == NOW + timedelta(days=7)


def test_what_needs_a_human_is_still_there_when_the_clock_has_jumped_back() -> None:
    document = state_of(Failures().stopped(NOW, "paused"), Error("paused"), WISH)
    assert read_state(document, WISH, NOW - timedelta(days=9)).needs_human


def test_identifiers_come_back_as_they_were_and_without_what_can_not_be_read() -> None:
    identifiers = {"shop.example.com": Failures().failed(NOW, "refused", validations=2)}
    document = json.loads(json.dumps(document_of(identifiers)))
    assert (
        read_identifiers({**document, "www.example.com": "x", "a.example.com": {"failures": "y"}}, NOW) == identifiers
    )


def test_after_five_failed_validations_in_an_hour_the_oldest_has_to_be_an_hour_old() -> None:
    failures = Failures()
    for minute in (0, 1, 11, 12, 13):
        failures = failures.failed(NOW + timedelta(minutes=minute), "refused", validations=1)
    later = NOW + timedelta(minutes=14)
    assert failures.forgiven().validations_until(later) == NOW + timedelta(hours=1)
    assert failures.forgiven().blocked_until(later) is None
    assert failures.validations_until(NOW + timedelta(hours=1)) is None


def test_four_failed_validations_in_an_hour_are_no_reason_to_wait() -> None:
    failures = Failures().failed(NOW, "refused", validations=4)
    assert failures.validations_until(NOW) is None


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (Error("x", problems={"www.example.com": {}}), {"www.example.com"}),
        (Error("x", identifiers={"*.SHOP.example.com": "no"}), {"shop.example.com"}),
        (Error("x", name="_acme-challenge.shop.example.com"), {"shop.example.com"}),
        (Error("x", problems={"elsewhere.example": {}}, identifiers=None), {"shop.example.com", "www.example.com"}),
        (Error("x"), {"shop.example.com", "www.example.com"}),
        (StoreError("the disk is full"), set()),
    ],
)
def test_a_failure_is_blamed_on_the_names_that_it_is_about_else_on_all(error: Error, names: set[str]) -> None:
    assert blamed(error, NAMES) == names


def test_only_what_the_ca_has_looked_at_counts_as_a_validation() -> None:
    assert validated(Error("x", problems={"www.example.com": {}})) == {"www.example.com"}
    assert validated(Error("x", name="_acme-challenge.shop.example.com")) == frozenset()


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (ProblemError("it", "ca", problem(429), 60.0), Refusal(NOW + timedelta(minutes=1))),
        (ProblemError("it", "ca", problem(503), 60.0), Refusal(NOW + timedelta(minutes=1))),
        (ProblemError("it", "ca", problem(403), 60.0), Refusal(NOW + timedelta(minutes=1))),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(403, detail=UNPAUSE)), Refusal(None)),
        (ProblemError("it", "ca", problem(429), 1e300), Refusal(NOW + timedelta(days=7))),
        (ProblemError("it", "ca", problem(403), 1e300), Refusal(NOW + timedelta(days=7))),
        (ProblemError("it", "ca", problem(503), 1e300), Refusal(NOW + timedelta(days=1))),
        # "come back at once" would have every run ask again; what a clock that is ahead makes of a date is the same
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429), 0.0), None),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, detail=UNPAUSE)), Refusal(None)),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, part=problem(429, detail=UNPAUSE))), Refusal(None)),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, part=ABOUT_WWW)), Refusal(None)),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, detail='"WWW.example.com" is paused')), Refusal(None)),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, detail="*.shop.example.com: no")), Refusal(None)),
        # one answer that says nothing of a name would stop each certificate of a fleet until somebody has acted
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, detail="Service busy; retry later")), None),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, detail="ca.example.com is busy")), None),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(429, "other", UNPAUSE)), None),
        (ProblemError("the reading of the order", "ca", problem(429, detail=UNPAUSE)), None),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(503, detail=UNPAUSE)), None),
        (ProblemError(f"{NEW_ORDER} for x", "ca", problem(403, "rejectedIdentifier"), 60.0), None),
        (Error("it broke"), None),
        (PausedError("newOrder", Pause(NOW, NOW + HOUR, {"type": "x"})), Refusal(NOW + HOUR)),
    ],
)
def test_a_refusal_for_now_is_told_from_a_failure(error: Error, refusal: Refusal | None) -> None:
    assert refusal_in(error, NOW, NAMES) == refusal


def test_what_nobody_has_tried_for_a_month_is_forgotten() -> None:
    document = document_of({"shop.example.com": failed_times(4)})
    assert read_identifiers(document, NOW + timedelta(days=29))
    assert read_identifiers(document, NOW + timedelta(days=31)) == {}


def test_a_refusal_for_now_is_not_counted_as_a_failure() -> None:
    failures = failed_times(2).refused_until(NOW, NOW + timedelta(hours=3), "busy")
    assert (failures.count, failures.blocked_until(NOW)) == (2, NOW + timedelta(hours=3))
