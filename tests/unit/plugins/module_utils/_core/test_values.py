# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting, instants, and doing the same for many things."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import (
    SystemClock,
    format_instant,
    parse_instant,
    read_instant,
)
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError, UnexpectedError
from ansible_collections.certfleet.acme.plugins.module_utils._core.name import check_name
from ansible_collections.certfleet.acme.plugins.module_utils._core.number import LARGEST, check_number
from ansible_collections.certfleet.acme.plugins.module_utils._core.polling import parse_retry_after, rounds
from ansible_collections.certfleet.acme.plugins.module_utils._core.workers import do_each
from hypothesis import given
from hypothesis import strategies as st

from .fakes import START, FakeClock

SECONDS = st.floats(0, 10_000, allow_nan=False)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001


@given(st.integers(0, 10**6))
def test_retry_after_means_the_same_in_seconds_and_as_a_date(seconds: int) -> None:
    date = format_datetime(START + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(str(seconds), START) == seconds
    assert parse_retry_after(date, START) == seconds


@given(st.text(max_size=60))
def test_no_text_in_retry_after_is_an_error(text: str) -> None:
    found = parse_retry_after(text, START)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        (" 7 ", 7.0),
        ("²", None),
        ("Mon, 23 Nov 2026 03:59:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 04:01:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 04:01:00 -0000", 60.0),
        ("Monday, 23-Nov-26 04:01:00 GMT", 60.0),
        ("Mon Nov 23 04:01:00 2026", 60.0),
        ("9" * 400, LARGEST),
        ("9" * 5000, LARGEST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LARGEST),
    ],
)
def test_forms_of_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, START) == seconds


@given(SECONDS, st.floats(0.01, 3), st.floats(1, 3), st.floats(3, 60))
def test_rounds_begin_at_once_end_at_the_deadline_and_grow_apart(
    patience: float, first: float, factor: float, longest: float
) -> None:
    clock = FakeClock()
    times: list[float] = []
    for number in rounds(clock, patience, first, factor, longest):
        assert number == len(times)
        times.append(clock.monotonic())
        if number > 500:
            break
    else:
        assert times[-1] == pytest.approx(patience)
        assert all(pause <= longest for pause in clock.sleeps)
        assert all(one <= other * (1 + 1e-9) for one, other in zip(clock.sleeps[:-1], clock.sleeps[1:-1], strict=False))
    assert times[0] == 0


def test_a_deadline_that_has_passed_leaves_one_round() -> None:
    clock = FakeClock()
    assert list(rounds(clock, -1)) == [0]
    assert clock.sleeps == []


@given(INSTANTS)
def test_an_instant_comes_back_to_the_second(instant: datetime) -> None:
    assert parse_instant(format_instant(instant)) == instant.replace(microsecond=0)


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    instant = datetime(2026, 11, 23, 5, 0, tzinfo=timezone(timedelta(hours=1)))
    assert format_instant(instant) == "2026-11-23T04:00:00Z"
    assert parse_instant("2026-11-23T05:00:00+01:00") == START


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-23", "2026-11-23T04:00:00", "0001-01-01T00:00:00+14:00", 5, None]
)
def test_text_without_a_zone_is_no_instant(text: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_instant(text)


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2026-11-23T04:00:00", "9" * 5000, 5, True, None, [], {}, b"", START]
)
def test_what_is_no_instant_is_read_as_none(value: object) -> None:
    assert read_instant(value) is None


@given(INSTANTS)
def test_an_instant_is_read_as_it_was_written(instant: datetime) -> None:
    assert read_instant(format_instant(instant)) == instant.replace(microsecond=0)


@given(st.text(max_size=40))
def test_no_text_that_is_read_as_an_instant_is_an_error(text: str) -> None:
    found = read_instant(text)
    assert found is None or found.tzinfo is timezone.utc


def test_the_systems_clock_goes_forward_and_knows_its_zone() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().tzinfo is timezone.utc


def test_one_failure_holds_up_none_of_the_others() -> None:
    def work(number: int) -> int:
        if number % 3 == 0:
            raise Error(f"{number} failed")
        return number * 2

    done, failed = do_each(work, range(10), width=4)
    assert done == {number: number * 2 for number in range(10) if number % 3}
    assert {number: error.message for number, error in failed.items()} == {n: f"{n} failed" for n in (0, 3, 6, 9)}


def test_a_defect_is_the_failure_of_the_item_where_it_comes_to_light() -> None:
    done, failed = do_each(lambda number: 1 // number, [0, 1], width=2)
    assert done == {1: 1}
    assert isinstance(failed[0], UnexpectedError)


def test_nothing_to_do_is_done_at_once() -> None:
    assert do_each(lambda number: number, [], width=8) == ({}, {})


def test_so_many_work_at_a_time_and_no_more() -> None:
    barrier = threading.Barrier(3)
    working: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        working.append(number)
        most.append(len(working))
        barrier.wait(timeout=10)  # none gets past before three are here
        working.remove(number)

    do_each(work, range(9), width=3)
    assert max(most) == 3


@pytest.mark.parametrize("name", ["shop", "shop.example.com", "a", "0", "A-b_c.d", "x" * 253, "xn--bcher-kva.example"])
def test_names_for_folders(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../shop",
        "a/../b",
        "a/b",
        "/etc",
        ".hidden",
        "-rf",
        "_x",
        "a..b",
        "a b",
        "a\n",
        "a\0",
        "ü",
        "x" * 254,
        "*.shop",
        "~root",
        "a\\b",
        "$HOME",
        "a:b",
    ],
)
def test_names_that_climb_hide_or_break_out_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^certificates\[0\]\.name: "):
        check_name(name, "certificates[0].name")


def test_an_error_is_a_result_with_its_details() -> None:
    assert Error("It broke", where="here").result() == {"msg": "It broke", "where": "here"}
    assert InputError("port", 0, "is no port").result() == {"msg": "port: 0 is no port", "option": "port"}


@pytest.mark.parametrize("number", [0, -1, 2**31, math.nan, math.inf])
def test_numbers_that_make_no_sense_are_refused(number: float) -> None:
    with pytest.raises(InputError, match=r"^ttl: \S+ is (less|more) than"):
        check_number("ttl", number, 1)
    assert check_number("ttl", 1, 1) == 1


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The process in a time zone, most of them with daylight saving."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_time_is_the_same_in_every_time_zone_also_when_its_clocks_change() -> None:
    for hours in range(24 * 366):
        instant = datetime(2027, 1, 1, 0, 30, tzinfo=timezone.utc) + timedelta(hours=hours)
        assert parse_instant(format_instant(instant)) == instant
        later = instant + timedelta(minutes=90)
        assert parse_retry_after(format_datetime(later, usegmt=True), instant) == 5400
    assert SystemClock().now().utcoffset() == timedelta(0)
