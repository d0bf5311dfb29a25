# SPDX-License-Identifier: GPL-3.0-or-later
"""What the CA asked to leave alone is left alone, as long as it asked for, and nothing else is."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import fetch_order, new_order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import PausedError, Pauses
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import Problem, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock, refusal

LIMITS = {
    "account": "too many new orders (300) from this account in the last 3h0m0s, retry after 2026-11-23 05:00:00 UTC: "
    "see https://letsencrypt.org/docs/rate-limits/#new-orders-per-account",
    "domain": 'too many certificates (50) already issued for "example.com" in the last 168h0m0s, retry after …: '
    "see https://letsencrypt.org/docs/rate-limits/#new-certificates-per-registered-domain",
    "validations": 'too many failed authorizations (5) for "a.example.com" in the last 1h0m0s, retry after …',
    "exact set": "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s",
}


def error(status: int = 429, retry_after: float | None = 60.0, detail: str = "busy") -> ProblemError:
    problem = Problem("urn:ietf:params:acme:error:rateLimited", detail, status)
    return ProblemError("the new order", "ca.test", problem, retry_after)


def paused(pauses: Pauses, kind: str, *names: str) -> bool:
    try:
        pauses.check(kind, names)
    except PausedError:
        return True
    return False


@pytest.mark.parametrize("status", [429, 503])
def test_one_kind_of_request_is_paused_until_the_time_is_over(clock: FakeClock, status: int) -> None:
    pauses = Pauses(clock)
    pauses.note("newOrder", error(status))
    with pytest.raises(
        PausedError, match=r"of the kind newOrder until 2026-11-23T04:01:00Z: rateLimited: busy"
    ) as raised:
        pauses.check("newOrder")
    assert raised.value.details["until"] == "2026-11-23T04:01:00Z"
    assert raised.value.details["kind"] == "newOrder"
    assert raised.value.details["problem"]["detail"] == "busy"
    assert not paused(pauses, "order")
    clock.sleep(60)
    assert not paused(pauses, "newOrder")


def test_a_limit_is_one_whatever_its_status(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    pauses.note("newOrder", error(403))
    assert paused(pauses, "newOrder")


OTHER = ProblemError("the new order", "ca.test", Problem("urn:ietf:params:acme:error:unauthorized", "no", 403), 60.0)


@pytest.mark.parametrize("refused", [error(retry_after=None), error(retry_after=0.0), OTHER])
def test_without_a_time_or_for_another_reason_nothing_is_paused(clock: FakeClock, refused: ProblemError) -> None:
    pauses = Pauses(clock)
    pauses.note("newOrder", refused)
    assert not paused(pauses, "newOrder")
    assert pauses.as_dict() == {}


def test_the_longer_of_two_pauses_counts(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    pauses.note("order", error(retry_after=100))
    pauses.note("order", error(retry_after=10))
    clock.sleep(50)
    assert paused(pauses, "order")


def test_what_is_kept_holds_in_a_later_run(clock: FakeClock) -> None:
    kept: list[dict[str, Any]] = []
    pauses = Pauses(clock, keep=kept.append)
    pauses.note("newOrder", error())
    pauses.note("newOrder", error(retry_after=1))
    assert len(kept) == 1
    assert kept[0]["newOrder"] == {
        "since": "2026-11-23T04:00:00Z",
        "until": "2026-11-23T04:01:00Z",
        "problem": error().problem.as_dict(),
    }
    assert paused(Pauses(clock, kept[0]), "newOrder")
    clock.sleep(61)
    assert not paused(Pauses(clock, kept[0]), "newOrder")


def test_what_is_over_is_not_kept(clock: FakeClock) -> None:
    kept: list[dict[str, Any]] = []
    pauses = Pauses(clock, keep=kept.append)
    pauses.note("order", error(retry_after=10))
    clock.sleep(11)
    pauses.note("finalize", error())
    assert list(kept[-1]) == ["finalize"]


@pytest.mark.parametrize(
    "entry",
    [
        {"since": "2026-11-23T05:00:00Z", "until": "2026-11-23T06:00:00Z", "problem": {}},
        {"since": "2026-10-01T00:00:00Z", "until": "2036-01-01T00:00:00Z", "problem": {}},
        {"since": "2026-11-23T03:59:00Z", "until": "soon", "problem": {}},
        {"since": "2026-11-23T03:59:00Z", "until": "2026-11-23T06:00:00Z", "problem": "busy"},
        {"until": "2026-11-23T06:00:00Z"},
        {"since": None, "until": 5, "problem": {}},
        "2026-11-23T06:00:00Z",
    ],
    ids=[
        "written by a clock that was ahead",
        "longer than any limit",
        "no instant",
        "no problem",
        "no begin",
        "numbers",
        "text",
    ],
)
def test_what_makes_no_sense_holds_up_nothing(clock: FakeClock, entry: Any) -> None:
    assert not paused(Pauses(clock, {"newOrder": entry}), "newOrder")


def test_no_pause_is_longer_than_a_week(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    pauses.note("newOrder", error(retry_after=float("inf")))
    clock.sleep(timedelta(days=7).total_seconds() - 1)
    assert paused(pauses, "newOrder")
    clock.sleep(1)
    assert not paused(pauses, "newOrder")


def test_an_overloaded_ca_is_left_alone_for_a_day_at_most(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    pauses.note("directory", error(503, retry_after=10 * 365 * 86400.0))
    kept = pauses.as_dict()
    assert kept["directory"]["until"] == "2026-11-24T04:00:00Z"
    # as an earlier version wrote it, or somebody else
    lasting = {"directory": {**kept["directory"], "until": "2036-11-20T04:00:00Z"}}
    clock.sleep(timedelta(days=1).total_seconds() - 1)
    for each in (pauses, Pauses(clock, lasting)):
        with pytest.raises(PausedError, match="the kind directory until 2026-11-24T04:00:00Z") as raised:
            each.check("directory")
        assert raised.value.until == clock.now() + timedelta(seconds=1)
    clock.sleep(1)
    assert not paused(pauses, "directory")
    assert not paused(Pauses(clock, lasting), "directory")


def test_a_store_that_is_full_does_not_hide_what_the_ca_said(clock: FakeClock) -> None:
    def keep(_pauses: Mapping[str, Any]) -> None:
        raise StoreError("The disk is full")

    pauses = Pauses(clock, keep=keep)
    pauses.note("newOrder", error())
    assert paused(pauses, "newOrder")


@pytest.mark.parametrize(
    ("limit", "ordered", "held_up", "free"),
    [
        ("account", ["a.example.com"], [["a.example.com"], ["b.test"]], []),
        (
            "domain",
            ["a.example.com"],
            [["b.example.com"], ["b.test", "c.d.example.com"]],
            [["b.test"], ["example.com"]],
        ),
        ("domain", ["example.com"], [["example.com"]], [["a.example.com"]]),
        ("validations", ["a.example.com", "b.test"], [["a.example.com"]], [["b.test"], ["b.a.example.com"]]),
        ("exact set", ["a.example.com"], [], [["a.example.com"], ["b.test"]]),
    ],
)
def test_a_limit_of_a_domain_holds_up_no_other(
    clock: FakeClock, limit: str, ordered: list[str], held_up: list[list[str]], free: list[list[str]]
) -> None:
    pauses = Pauses(clock)
    pauses.note("newOrder", error(detail=LIMITS[limit]), ordered)
    again = Pauses(clock, pauses.as_dict())
    for each in (pauses, again):
        assert all(paused(each, "newOrder", *names) for names in held_up)
        assert not any(paused(each, "newOrder", *names) for names in free)


def test_a_domain_in_a_subproblem_counts_too(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    part = {
        "type": "urn:ietf:params:acme:error:rateLimited",
        "detail": "x",
        "identifier": {"type": "dns", "value": "b.test"},
    }
    problem = Problem.from_json(
        {"type": "urn:ietf:params:acme:error:rateLimited", "status": 429, "subproblems": [part]}
    )
    pauses.note("newOrder", ProblemError("the new order", "ca.test", problem, 60.0), ["a.test", "b.test"])
    assert list(pauses.as_dict()) == ["newOrder b.test"]


def test_an_overloaded_ca_is_meant_as_a_whole_whatever_names_its_page_has(clock: FakeClock) -> None:
    pauses = Pauses(clock)
    pauses.note("newOrder", error(503, detail="ca.example.com is busy"), ["www.ca.example.com"])
    assert list(pauses.as_dict()) == ["newOrder"]


# through a session


def refused_for(seconds: str) -> Answer:
    return refusal("rateLimited", 429, "slow down", Retry_After=seconds)


@pytest.fixture
def busy(ca: FakeCa, registered: Session) -> FakeCa:
    """A CA that takes no new orders for a minute."""
    ca.seen.clear()
    ca.script["/new-order"] = deque([refused_for("60")])
    return ca


def test_after_a_refusal_no_more_of_that_kind_is_sent(busy: FakeCa, registered: Session) -> None:
    names = [Identifier("dns", "a.test")]
    with pytest.raises(ProblemError):
        new_order(registered, names)
    for _again in range(3):
        with pytest.raises(PausedError):
            new_order(registered, names)
    assert busy.paths() == ["/new-order"]
    with pytest.raises(ProblemError, match="HTTP 404"):
        fetch_order(registered, f"{HOST}/order/1")


def test_a_date_counts_like_seconds(ca: FakeCa, registered: Session, clock: FakeClock) -> None:
    date = format_datetime(clock.now() + timedelta(hours=1), usegmt=True)
    ca.script["/order/1"] = deque([Answer(503, content=b"<html>busy</html>", headers={"Retry-After": date})])
    with pytest.raises(ProblemError):
        fetch_order(registered, f"{HOST}/order/1")
    with pytest.raises(PausedError) as raised:
        fetch_order(registered, f"{HOST}/order/2")
    assert raised.value.until == clock.now() + timedelta(hours=1)


def test_threads_that_come_later_send_nothing(busy: FakeCa, registered: Session) -> None:
    def order(number: int) -> str:
        try:
            new_order(registered, [Identifier("dns", f"{number}.test")])
        except (ProblemError, PausedError) as raised:
            return type(raised).__name__
        return "ordered"

    assert order(0) == "ProblemError"
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(order, range(1, 50))) == {"PausedError"}
    assert busy.paths() == ["/new-order"]


def test_a_nonce_that_is_refused_pauses_all_that_needs_one(ca: FakeCa, network: Network, session: Session) -> None:
    busy = Answer(503, headers={"Retry-After": "60"})
    ca.script["/nonce"] = deque([busy])
    other = Session(network, fetch_directory(network, DIRECTORY), session.key)
    for raised in (ProblemError, PausedError, PausedError):
        with pytest.raises(raised):
            other.post(f"{HOST}/thing", {})
    assert ca.paths("HEAD") == ["/nonce"]
    assert ca.paths() == []


def test_an_unsigned_request_is_paused_too(ca: FakeCa, session: Session) -> None:
    ca.script["/renewal/1"] = deque([Answer(503, headers={"Retry-After": "60"})])
    with pytest.raises(ProblemError):
        session.get(f"{HOST}/renewal/1", "renewalInfo", "to show renewal information")
    with pytest.raises(PausedError):
        session.get(f"{HOST}/renewal/2", "renewalInfo", "to show renewal information")


def test_another_key_of_the_account_keeps_the_same_pauses(busy: FakeCa, registered: Session) -> None:
    with pytest.raises(ProblemError):
        new_order(registered, [Identifier("dns", "a.test")])
    with pytest.raises(PausedError):
        new_order(registered.with_key(registered.key, registered.account_url), [Identifier("dns", "a.test")])
