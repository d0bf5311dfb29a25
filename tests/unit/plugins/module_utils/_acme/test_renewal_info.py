# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal information."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import PausedError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.renewal_info import (
    BadRenewalInfoError,
    RenewalInfo,
    fetch_renewal_info,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session

from tests.unit.plugins.module_utils._acme.fakes import HOST, Answer, FakeCa, FakeClock, refusal

ID = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
PATH = f"/renewal-info/{ID}"
START, END = "2026-12-01T00:00:00Z", "2026-12-03T00:00:00.123456789Z"
INFO = RenewalInfo(
    datetime(2026, 12, 1, tzinfo=timezone.utc),
    datetime(2026, 12, 3, 0, 0, 0, 123456, tzinfo=timezone.utc),
    None,
    6 * 3600,
)


@pytest.fixture
def asking(ca: FakeCa, open_session: Callable[[], Session]) -> Session:
    """A session with a CA that offers renewal information."""
    ca.routes["/dir"] = lambda _seen: Answer(document=ca.directory() | {"renewalInfo": f"{HOST}/renewal-info/"})
    return open_session()


def serve(ca: FakeCa, document: Any = None, **headers: str) -> None:
    """Have the CA answer this."""
    told = {"suggestedWindow": {"start": START, "end": END}} if document is None else document
    ca.routes[PATH] = lambda _seen: Answer(
        document=told, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def test_the_window_is_fetched_by_an_unsigned_get(ca: FakeCa, asking: Session) -> None:
    serve(ca)
    assert fetch_renewal_info(asking, ID) == INFO
    assert (ca.seen[-1].method, ca.seen[-1].path, ca.seen[-1].protected) == ("GET", PATH, {})
    assert ca.paths() == [], "something was signed"


def test_a_query_stays_behind_the_certificate(ca: FakeCa, open_session: Callable[[], Session]) -> None:
    ca.routes["/dir"] = lambda _seen: Answer(document=ca.directory() | {"renewalInfo": f"{HOST}/renewal-info?ca=1/2"})
    told = {"suggestedWindow": {"start": START, "end": END}}
    ca.routes[f"{PATH}?ca=1/2"] = lambda _seen: Answer(document=told)
    assert fetch_renewal_info(open_session(), ID) == INFO


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        ("21600", 21600),
        ("0", 60),
        ("59", 60),
        ("86401", 86400),
        ("9" * 400, 86400),
        ("soon", 21600),
        ("Mon, 23 Nov 2026 05:00:00 GMT", 3600),
        ("Mon, 23 Nov 2020 05:00:00 GMT", 60),
    ],
)
def test_the_pause_is_what_the_ca_asks_for_within_reason(
    ca: FakeCa, asking: Session, retry_after: str, pause: float
) -> None:
    serve(ca, Retry_After=retry_after)
    assert fetch_renewal_info(asking, ID).pause == pause


def test_an_http_date_is_read_by_our_clock(ca: FakeCa, clock: FakeClock, asking: Session) -> None:
    serve(ca, Retry_After="Mon, 23 Nov 2026 05:00:00 GMT")
    clock.seconds += timedelta(minutes=30).total_seconds()
    assert fetch_renewal_info(asking, ID).pause == 1800


@pytest.mark.parametrize(
    ("page", "read"),
    [
        ("https://ca.example/incident?id=7", "https://ca.example/incident?id=7"),
        ("javascript:alert(1)", None),
        ("https://ca.example/a\nb", None),
        ("https://ca.example/\x1b[2J", None),
        ("https://ca.example/" + "a" * 5000, None),
        (7, None),
        ("", None),
    ],
)
def test_an_explanation_is_the_address_of_a_web_page(ca: FakeCa, asking: Session, page: Any, read: str | None) -> None:
    serve(ca, {"suggestedWindow": {"start": START, "end": END}, "explanationURL": page})
    assert fetch_renewal_info(asking, ID).explanation == read


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "no JSON object"),
        ({}, "missing or not valid"),
        ({"suggestedWindow": None}, "missing or not valid"),
        ({"suggestedWindow": {"start": START}}, "missing or not valid"),
        ({"suggestedWindow": {"start": START, "end": "tomorrow"}}, "missing or not valid"),
        ({"suggestedWindow": {"start": "2026-12-01T00:00:00", "end": END}}, "missing or not valid"),
        ({"suggestedWindow": {"start": START, "end": START}}, "ends before it begins"),
        ({"suggestedWindow": {"start": END, "end": START}}, "ends before it begins"),
    ],
)
def test_what_makes_no_sense_is_told(ca: FakeCa, asking: Session, document: Any, reason: str) -> None:
    serve(ca, document)
    with pytest.raises(BadRenewalInfoError, match=reason):
        fetch_renewal_info(asking, ID)


def test_a_certificate_that_the_ca_does_not_know_is_its_refusal(ca: FakeCa, asking: Session) -> None:
    ca.routes[PATH] = lambda _seen: refusal("malformed", 404, "no such certificate")
    with pytest.raises(ProblemError, match="refused the question for renewal information: malformed: no such cert"):
        fetch_renewal_info(asking, ID)


def test_a_ca_without_renewal_information_is_told(registered: Session) -> None:
    with pytest.raises(NetworkError, match="offers no renewalInfo"):
        fetch_renewal_info(registered, ID)


def test_nothing_is_sent_while_the_ca_wants_to_be_left_alone(ca: FakeCa, clock: FakeClock, asking: Session) -> None:
    ca.routes[PATH] = lambda _seen: refusal("rateLimited", 429, "too many", Retry_After="120")
    with pytest.raises(ProblemError):
        fetch_renewal_info(asking, ID)
    serve(ca)
    count = len(ca.seen)
    with pytest.raises(PausedError):
        fetch_renewal_info(asking, ID)
    assert len(ca.seen) == count
    clock.seconds += 121
    assert fetch_renewal_info(asking, ID) == INFO
