# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of the CA's window, and the instant that is chosen in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.renewal import (
    Renewal,
    Window,
    choose_instant,
    note_not_replaceable,
    read_renewal,
    usable_part,
)
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import Target
from hypothesis import given
from hypothesis import strategies as st

ID = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
OTHER = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AQ"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
WINDOW = Window(NOW + timedelta(days=3), NOW + timedelta(days=5))
KNOWN = Renewal(
    ID,
    window=WINDOW,
    chosen=NOW + timedelta(days=4),
    explanation="https://ca.example/why",
    asked=NOW,
    next_ask=NOW + timedelta(hours=6),
    not_replaceable="alreadyReplaced",
)
TARGET = Target("shop", "ecdsa-p256")
# anything that may stand in a file of JSON
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
INSTANTS = st.timedeltas(timedelta(days=-9000), timedelta(days=9000)).map(lambda ago: NOW - ago)
SHARES = st.floats(0, 1)


@pytest.fixture(params=["America/New_York", "Australia/Lord_Howe", "UTC"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The machine's own time zone, with daylight saving and without."""
    monkeypatch.setitem(os.environ, "TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_what_is_written_is_read_again() -> None:
    assert read_renewal(KNOWN.as_section(), ID) == KNOWN


def test_what_is_known_of_another_certificate_counts_for_nothing() -> None:
    assert read_renewal(KNOWN.as_section(), OTHER) == Renewal(OTHER)


@pytest.mark.parametrize("section", [None, [], "text", 7, {}, {"certificate_id": 7}])
def test_a_section_that_is_none_counts_for_nothing(section: object) -> None:
    assert read_renewal(section, ID) == Renewal(ID)


@given(st.dictionaries(st.sampled_from(sorted(KNOWN.as_section())), JSON))
def test_a_broken_section_is_never_fatal_and_never_gives_an_instant_outside_its_window(broken: dict[str, Any]) -> None:
    read = read_renewal({**KNOWN.as_section(), **broken, "certificate_id": ID}, ID)
    assert read.chosen is None or (read.window is not None and read.chosen in read.window)
    assert read.window is None or read.window.start < read.window.end
    read.may_ask(NOW)


def test_an_instant_outside_the_window_is_not_believed() -> None:
    section = {**KNOWN.as_section(), "chosen": "2026-11-23T04:00:00Z"}
    assert read_renewal(section, ID) == replace(KNOWN, chosen=None)


@pytest.mark.parametrize(
    ("asked", "next_ask", "may"),
    [
        (None, None, True),
        (timedelta(hours=-5), timedelta(hours=1), False),
        (timedelta(hours=-6), timedelta(0), True),
        (timedelta(minutes=4), timedelta(hours=1), False),
        # the clock went ahead when it was asked, and back since then
        (timedelta(minutes=6), timedelta(hours=1), True),
        (timedelta(days=400), timedelta(days=400), True),
        # no pause is longer than a day, whatever is written
        (timedelta(hours=-1), timedelta(days=2), True),
    ],
)
def test_when_the_ca_may_be_asked_again(asked: timedelta | None, next_ask: timedelta | None, may: bool) -> None:
    known = Renewal(
        ID, asked=None if asked is None else NOW + asked, next_ask=None if next_ask is None else NOW + next_ask
    )
    assert known.may_ask(NOW) is may


@given(INSTANTS, st.timedeltas(timedelta(seconds=1), timedelta(days=30)), SHARES)
def test_the_instant_lies_in_the_window(start: datetime, length: timedelta, share: float) -> None:
    window = Window(start, start + length)
    assert choose_instant(window, [], share) in window


def test_instants_are_spread_over_the_whole_window() -> None:
    instants = [choose_instant(WINDOW, [], share) for share in (0.0, 0.25, 0.5, 1.0)]
    assert [(instant - WINDOW.start) / timedelta(hours=12) for instant in instants] == [0, 1, 2, 4]


def test_the_certificates_of_a_site_share_an_instant_where_their_windows_allow_it() -> None:
    inside, outside = WINDOW.start + timedelta(hours=7), WINDOW.end + timedelta(hours=1)
    assert choose_instant(WINDOW, [outside, inside], 0.5) == inside
    assert choose_instant(WINDOW, [outside], 0.5) in WINDOW


BEGIN, END = NOW - timedelta(days=45), NOW + timedelta(days=45)
FIRST, LAST = datetime(1, 1, 1, tzinfo=timezone.utc), datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)


def test_a_window_within_the_lifetime_is_used_as_it_is() -> None:
    assert usable_part(WINDOW, BEGIN, END) == WINDOW


def test_a_window_in_the_past_is_used_as_that_is_how_a_ca_says_at_once() -> None:
    past = Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    assert usable_part(past, BEGIN, END) == past
    assert usable_part(past, NOW, NOW + timedelta(days=90)) == past, "right after it was issued, too"


@pytest.mark.parametrize(
    "window",
    [
        Window(END, END + timedelta(days=1)),
        Window(END + timedelta(days=100), END + timedelta(days=101)),
        Window(END - timedelta(days=4), END - timedelta(days=3)),  # too late to try again
        Window(datetime(1, 1, 1, tzinfo=timezone.utc), datetime(1, 1, 2, tzinfo=timezone.utc)),
        Window(BEGIN - timedelta(days=92), BEGIN - timedelta(days=91)),
    ],
)
def test_a_window_that_makes_no_sense_for_the_certificate_is_not_used(window: Window) -> None:
    assert usable_part(window, BEGIN, END) is None


@pytest.mark.parametrize(("begin", "end"), [(BEGIN, LAST), (FIRST, END), (FIRST, LAST), (LAST, BEGIN)])
def test_a_lifetime_of_thousands_of_years_is_no_reason_to_fail(begin: datetime, end: datetime) -> None:
    part = usable_part(WINDOW, begin, end)
    assert part in (None, WINDOW)


def test_of_a_window_that_reaches_beyond_the_end_the_part_before_it_is_used() -> None:
    window = Window(END - timedelta(days=10), END + timedelta(days=10))
    assert usable_part(window, BEGIN, END) == Window(END - timedelta(days=10), END - timedelta(days=4.5))


@given(INSTANTS, st.timedeltas(timedelta(seconds=1), timedelta(days=400)), INSTANTS, SHARES)
def test_no_window_ever_has_a_certificate_renewed_after_its_end(
    start: datetime, length: timedelta, begin: datetime, share: float
) -> None:
    end = begin + timedelta(days=90)
    part = usable_part(Window(start, start + length), begin, end)
    assert part is None or choose_instant(part, [], share) < end


def test_daylight_saving_and_the_time_zone_change_nothing(zone: str) -> None:
    # in New York 01:30 came twice on 2026-11-01, and 02:30 never on 2027-03-14
    for start in (datetime(2026, 11, 1, 5, 30, tzinfo=timezone.utc), datetime(2027, 3, 14, 6, 30, tzinfo=timezone.utc)):
        window = Window(start, start + timedelta(hours=2))
        known = Renewal(ID, window, choose_instant(window, [], 0.5), asked=start, next_ask=window.end)
        section = known.as_section()
        assert section["end"] == (start + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ"), zone
        read = read_renewal(section, ID)
        assert read == known
        assert [read.may_ask(start + timedelta(minutes=minutes)) for minutes in (0, 60, 119, 120)] == [False] * 3 + [
            True
        ]


@pytest.fixture
def store(tmp_path: Path) -> CertificateStore:
    return CertificateStore(Files(str(tmp_path / "store")))


def test_what_can_not_be_replaced_is_remembered_beside_the_window(store: CertificateStore) -> None:
    known = replace(KNOWN, not_replaceable=None)
    store.update_state("shop", "ecdsa-p256", failures=2, renewal=known.as_section())
    note_not_replaceable(store, TARGET, ID, "alreadyReplaced: there is an order")
    state = store.state("shop", "ecdsa-p256")
    assert read_renewal(state["renewal"], ID) == replace(known, not_replaceable="alreadyReplaced: there is an order")
    assert state["failures"] == 2


def test_what_can_not_be_replaced_is_remembered_without_a_window_and_ends_with_the_certificate(
    store: CertificateStore,
) -> None:
    note_not_replaceable(store, TARGET, ID, "malformed")
    section = store.state("shop", "ecdsa-p256")["renewal"]
    assert read_renewal(section, ID).not_replaceable == "malformed"
    assert read_renewal(section, OTHER).not_replaceable is None
