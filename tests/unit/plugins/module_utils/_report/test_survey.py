# SPDX-License-Identifier: GPL-3.0-or-later
"""How a certificate is doing, what is told of it, and when (G29)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._report.calendar import make_calendar
from ansible_collections.certfleet.acme.plugins.module_utils._report.digest import compose
from ansible_collections.certfleet.acme.plugins.module_utils._report.page import render_page, says_the_same
from ansible_collections.certfleet.acme.plugins.module_utils._report.survey import STATES, Row, Survey

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
WELL = Row("well", "rsa-2048", ("well.example",), not_after=NOW + 60 * DAY, renew_at=NOW + 30 * DAY)


def survey(*rows: Row) -> Survey:
    return Survey(NOW, "acme1", "https://ca.example/directory", rows)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "valid"),
        ({"renew_at": NOW}, "due"),
        ({"renew_at": NOW - 59 * DAY}, "due"),
        ({"renew_at": NOW - 60 * DAY}, "expiring"),
        # a short-lived one has its own measure
        ({"renew_at": NOW - DAY, "not_after": NOW + 2 * DAY}, "due"),
        ({"renew_at": NOW - DAY, "not_after": NOW + DAY}, "expiring"),
        ({"not_after": NOW}, "expired"),
        ({"failures": 1}, "failing"),
        ({"failures": 1, "not_after": NOW}, "expired"),
        ({"not_after": None, "renew_at": None}, "waiting"),
        ({"not_after": None, "renew_at": None, "failures": 2}, "failing"),
        ({"needs_human": True, "failures": 1, "not_after": NOW}, "human"),
        ({"listed": False, "not_after": NOW}, "unlisted"),
    ],
)
def test_the_worst_that_holds_is_told(change: dict[str, Any], state: str) -> None:
    assert replace(WELL, **change).state(NOW) == state


def test_problems_come_with_the_worst_first() -> None:
    failing = replace(WELL, name="failing", failures=1)
    soon = replace(failing, name="soon", not_after=NOW + DAY)
    human = replace(WELL, name="human", needs_human=True)
    found = survey(WELL, failing, soon, human)
    assert [row.name for row in found.problems] == ["human", "soon", "failing"]
    assert found.counts == {**dict.fromkeys(STATES, 0), "human": 1, "failing": 2, "valid": 1}


@pytest.mark.parametrize(
    ("reason", "same"),
    [
        ("refused at 2026-11-27T12:00:00Z", True),
        ("http://x.example/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0 status 500", False),
        ("rejected", False),
    ],
)
def test_only_what_changes_is_news(reason: str, same: bool) -> None:
    before = replace(WELL, failures=1, reason="refused at 2026-11-27T11:00:00Z")
    after = replace(before, failures=2, reason=reason)
    assert (compose(survey(before)).identity == compose(survey(after)).identity) is same


def test_a_token_is_no_news() -> None:
    tokens = ("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA")
    first, second = (compose(survey(replace(WELL, failures=1, reason=f"/{token}: 404"))) for token in tokens)
    assert first.identity == second.identity


def test_that_all_is_well_has_no_identity() -> None:
    assert compose(survey(WELL)).identity == ""
    assert compose(survey()).subject == "[certfleet] acme1: all certificates are well"


def test_no_text_of_others_gets_into_a_header_or_a_terminal() -> None:
    digest = compose(replace(survey(replace(WELL, failures=1, reason="a\x1b[31mb")), host="acme1\r\nBcc: x"))
    assert "\x1b" not in digest.text
    assert "\n" not in digest.subject


def test_a_message_stays_short() -> None:
    rows = [replace(WELL, name=f"site{number:04}", failures=1) for number in range(1000)]
    text = compose(survey(*rows)).text
    assert text.count("site0") == 100
    assert "and 900 more" in text
    assert "FAILING (1000)" in text


@pytest.mark.parametrize(
    ("days", "unit", "number"), [(5, "day", 6), (90, "week", 13), (900, "30 days", 31), (9000, "30 days", 60)]
)
def test_the_calendar_is_as_fine_as_it_can_be(days: int, unit: str, number: int) -> None:
    row = replace(WELL, renew_at=NOW - DAY, not_after=NOW + days * DAY)
    calendar = make_calendar(survey(row))
    assert (calendar.unit, len(calendar.bars)) == (unit, number)
    assert calendar.bars[0].renewals == 1
    assert calendar.bars[-1].expiries == 1


def test_an_hour_later_the_page_says_the_same() -> None:
    first, failing = survey(WELL), survey(replace(WELL, failures=1))
    assert says_the_same(render_page(first), render_page(replace(first, now=NOW + timedelta(hours=1))))
    assert not says_the_same(render_page(first), render_page(failing))


def test_no_words_of_others_look_like_a_part_of_the_message() -> None:
    forged = "x\n\nEXPIRED (1)\n\n  bank"
    row = replace(WELL, domains=(forged,), failures=1, reason=f"refused\n{forged}")
    text = compose(replace(survey(row), notes=(f"front1: {forged}",))).text
    assert not [line for line in text.splitlines() if line.startswith("EXPIRED") or line == "  bank"]


def test_notes_about_the_fleet_go_to_nobody_who_is_in_charge_of_a_part() -> None:
    noted = replace(survey(WELL), notes=("front1 is down",))
    assert noted.of([WELL], with_notes=False).notes == ()
    assert noted.of([WELL], with_notes=True).notes == noted.notes
