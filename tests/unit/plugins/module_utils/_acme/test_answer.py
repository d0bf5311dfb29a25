# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals: problem documents whole, Retry-After in both forms, web pages instead of problems."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from email.utils import format_datetime

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.answer import read_links, read_object
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session

from tests.unit.plugins.module_utils._acme.fakes import HOST, Answer, FakeCa, FakeClock, refusal

THING = f"{HOST}/thing"
HOUR = timedelta(hours=1)


def refusal_of(ca: FakeCa, session: Session, answer: Answer) -> ProblemError:
    """The error that this answer leads to."""
    ca.script["/thing"] = deque([answer])
    with pytest.raises(ProblemError) as raised:
        session.post(THING, {}, "the thing")
    return raised.value


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["90", "Mon, 23 Nov 2026 04:01:30 GMT"])
def test_retry_after_is_kept_in_seconds(ca: FakeCa, registered: Session, status: int, header: str) -> None:
    error = refusal_of(ca, registered, refusal("rateLimited", status, "slow down", Retry_After=header))
    assert error.retry_after == 90
    assert error.details["retry_after"] == 90
    assert error.message == "The CA at ca.test refused the thing: rateLimited: slow down (it asks to come back in 90 s)"


@pytest.mark.parametrize("behind", [-200, 0, 200])
def test_a_date_counts_from_that_of_the_answer(ca: FakeCa, registered: Session, clock: FakeClock, behind: int) -> None:
    sent = clock.now() - timedelta(seconds=behind)
    dates = {"Date": format_datetime(sent, usegmt=True), "Retry-After": format_datetime(sent + HOUR, usegmt=True)}
    error = refusal_of(ca, registered, Answer(503, headers=dates))
    assert error.retry_after == 3600
    ca.script["/thing"] = deque([Answer(headers=dates)])
    assert registered.retry_after(registered.post(THING, {}, kind="another")) == 3600


def test_a_date_counts_from_ours_where_the_answer_has_none(ca: FakeCa, registered: Session, clock: FakeClock) -> None:
    until = format_datetime(clock.now() + HOUR, usegmt=True)
    error = refusal_of(ca, registered, Answer(503, headers={"Date": "yesterday", "Retry-After": until}))
    assert error.retry_after == 3600


def test_a_conflict_keeps_its_document(ca: FakeCa, registered: Session) -> None:
    error = refusal_of(ca, registered, refusal("alreadyReplaced", 409, "replaced by another order"))
    assert error.is_("alreadyReplaced")
    assert error.problem.status == 409


def test_a_web_page_becomes_a_problem_with_its_status(ca: FakeCa, registered: Session) -> None:
    page = b"<html><head><title>503</title></head><body><h1>Service\n Unavailable</h1></body></html>"
    error = refusal_of(ca, registered, Answer(503, content=page, headers={"Retry-After": "7000"}))
    assert error.problem.type == "about:blank"
    assert error.problem.status == 503
    assert error.retry_after == 7000
    assert "HTTP 503: Reason 503 Service Unavailable" in error.message


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"no": "problem"}'])
def test_any_other_body_becomes_a_problem_too(ca: FakeCa, registered: Session, content: bytes) -> None:
    error = refusal_of(ca, registered, Answer(500, content=content))
    assert error.problem.status == 500
    assert len(error.message) < 400


def test_a_document_without_a_status_takes_the_answers(ca: FakeCa, registered: Session) -> None:
    assert refusal_of(ca, registered, refusal("malformed", 400)).problem.status == 400


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]", b"{", b'"x"'])
def test_a_success_that_is_no_json_object_is_told(ca: FakeCa, registered: Session, content: bytes) -> None:
    ca.script["/thing"] = deque([Answer(200, content=content)])
    with pytest.raises(NetworkError, match=r"ca\.test answered the thing with something that is no JSON object"):
        read_object(registered.post(THING, {}), "the thing")


def test_links_are_read_by_relation_and_made_absolute(ca: FakeCa, registered: Session) -> None:
    header = f'<{HOST}/dir>;rel="index", </cert/1/alt>; rel="alternate", <{HOST}/cert/2>;title="x";rel="alternate"'
    ca.script["/thing"] = deque([Answer(document={}, headers={"Link": header})])
    response = registered.post(THING, {})
    assert read_links(response, "alternate") == [f"{HOST}/cert/1/alt", f"{HOST}/cert/2"]
    assert read_links(response, "up") == []
