# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that come too fast: waited with, sent again, and from then on sent at a pace that the CA bears."""

from __future__ import annotations

import time
from collections import deque

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import PATIENCE
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import new_order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import PausedError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import Problem, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._acme.throttle import Throttle, is_plain
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier

from tests.unit.plugins.module_utils._acme.fakes import HOST, Answer, FakeCa, FakeClock, refusal

THING = f"{HOST}/thing"
PAGE = Answer(429, content=b"<html>Too Many Requests</html>")
LIMIT = "urn:ietf:params:acme:error:rateLimited"


def busy(seconds: str) -> Answer:
    return Answer(429, content=b"<html>Too Many Requests</html>", headers={"Retry-After": seconds})


@pytest.fixture
def thing(ca: FakeCa, registered: Session) -> FakeCa:
    ca.routes["/thing"] = lambda _seen: Answer(document={})
    ca.seen.clear()
    return ca


@pytest.mark.parametrize("answer", [PAGE, busy("3"), refusal("rateLimited", 429, "slow down", Retry_After="3")])
def test_it_is_sent_again_and_nothing_is_remembered(
    thing: FakeCa, registered: Session, clock: FakeClock, answer: Answer
) -> None:
    thing.script["/thing"] = deque([answer] * 3)
    assert registered.post(THING, {}).status_code == 200
    assert len(thing.paths()) == 4
    assert clock.seconds >= (9 if answer.headers else 0.7)
    assert registered.pauses.as_dict() == {}


def test_a_new_order_that_came_too_fast_is_made_once(thing: FakeCa, registered: Session) -> None:
    document = {"status": "pending", "identifiers": [], "authorizations": [], "finalize": THING}
    made = Answer(201, document, {"Location": f"{HOST}/order/1"})
    thing.script["/new-order"] = deque([busy("1"), made])
    assert new_order(registered, [Identifier("dns", "a.test")]).url == f"{HOST}/order/1"


def test_an_unsigned_request_is_sent_again_too(thing: FakeCa, registered: Session) -> None:
    thing.script["/thing"] = deque([busy("1")])
    assert registered.get(THING, "renewalInfo", "the thing").status_code == 200


def test_the_patience_ends(thing: FakeCa, registered: Session, clock: FakeClock) -> None:
    thing.routes["/thing"] = lambda _seen: PAGE
    with pytest.raises(ProblemError, match="HTTP 429"):
        registered.post(THING, {})
    assert PATIENCE / 4 < clock.seconds <= 2 * PATIENCE
    sent, spent = len(thing.paths()), clock.seconds
    for _again in range(5):
        with pytest.raises(ProblemError, match="HTTP 429"):
            registered.post(THING, {})
    # what little of it is left is not enough for much
    assert len(thing.paths()) - sent < 5 * 4
    assert clock.seconds <= PATIENCE * 2 + spent


def test_a_pause_longer_than_the_patience_ends_this_kind_of_request(
    thing: FakeCa, registered: Session, clock: FakeClock
) -> None:
    thing.script["/thing"] = deque([busy("31")])
    with pytest.raises(ProblemError):
        registered.post(THING, {}, kind="thing")
    with pytest.raises(PausedError):
        registered.post(THING, {}, kind="thing")
    assert clock.seconds == 0
    assert len(thing.paths()) == 1


def test_a_kind_that_is_paused_meanwhile_is_not_sent_again(thing: FakeCa, registered: Session) -> None:
    def answer(_seen: object) -> Answer:
        registered.pauses.note("thing", ProblemError("x", "ca.test", Problem(LIMIT, "later", 429), 3600.0))
        return busy("1")

    thing.routes["/thing"] = answer
    with pytest.raises(PausedError):
        registered.post(THING, {}, kind="thing")
    assert len(thing.paths()) == 1


@pytest.mark.parametrize(
    ("kind", "status", "retry_after", "detail", "plain"),
    [
        ("about:blank", 429, None, "busy", True),
        ("about:blank", 429, 1.0, "busy", True),
        ("about:blank", 503, 1.0, "busy", True),
        ("about:blank", 503, None, "busy", False),
        ("about:blank", 500, 1.0, "broken", False),
        (LIMIT, 429, 1.0, "slow down", True),
        (LIMIT, 429, 0.0, "slow down", True),
        (LIMIT, 429, None, "too many new orders (300) from this account", False),
        (LIMIT, 429, 1.0, 'too many failed authorizations (5) for "a.test"', False),
        (LIMIT, 429, 1.0, "too many certificates (5) for this exact set of identifiers", False),
        ("urn:ietf:params:acme:error:unauthorized", 403, 1.0, "no", False),
    ],
)
def test_what_is_waited_out(kind: str, status: int, retry_after: float | None, detail: str, plain: bool) -> None:
    error = ProblemError("the new order", "ca.test", Problem(kind, detail, status), retry_after)
    assert is_plain(error, ["a.test"]) is plain


class Limited:
    """Takes so many requests a second and no more, like nginx without a burst."""

    def __init__(self, clock: FakeClock, throttle: Throttle, rate: float, retry_after: float | None) -> None:
        self.clock, self.throttle, self.rate, self.retry_after = clock, throttle, rate, retry_after
        self.last = float("-inf")
        self.taken = self.refused = 0

    def ask(self) -> None:
        self.throttle.wait_turn()
        self.clock.seconds += 0.005
        if self.clock.seconds - self.last < 1 / self.rate:
            self.refused += 1
            raise ProblemError("x", "ca.test", Problem("about:blank", "busy", 429), self.retry_after)
        self.last = self.clock.seconds
        self.taken += 1


@pytest.mark.parametrize(("rate", "refusals"), [(2.0, 2.0), (15.0, 0.2), (30.0, 0.2), (100.0, 0.2)])
def test_the_pace_comes_close_to_what_the_ca_takes(clock: FakeClock, rate: float, refusals: float) -> None:
    """Within a third, and with few refusals where the first pace is not far off."""
    throttle = Throttle(clock, 16, 120.0)
    limited = Limited(clock, throttle, rate, None)
    count = int(30 * rate)
    for _request in range(count):
        throttle.patiently(limited.ask)
    assert limited.taken == count
    assert limited.refused < refusals * count
    assert clock.seconds < 1.3 * count / rate


def test_a_longer_pause_is_kept_by_all(clock: FakeClock) -> None:
    throttle = Throttle(clock, 16, 120.0)
    times: list[float] = []

    def ask() -> None:
        throttle.wait_turn()
        times.append(clock.seconds)
        if len(times) == 1:
            raise ProblemError("x", "ca.test", Problem("about:blank", "busy", 503), 20.0)

    def another() -> None:
        with pytest.raises(ProblemError):
            ask()
        throttle._put_off(20.0, 0.0)
        ask()

    another()
    assert times == [0.0, 20.0]


def test_where_nothing_is_refused_it_costs_microseconds() -> None:
    throttle = Throttle(SystemClock(), 16, 120.0)
    began = time.perf_counter()
    for _request in range(10_000):
        throttle.patiently(throttle.wait_turn)
    assert time.perf_counter() - began < 1.0
