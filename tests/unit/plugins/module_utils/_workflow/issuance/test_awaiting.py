# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for orders, with a CA and a clock in memory."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import Order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import PausedError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.awaiting import (
    await_issued,
    await_ready,
)
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.run import Attempt, Run
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import decide
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock, Seen

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)


class SlowCa(FakeCa):
    """Orders that turn from one status to another at a time of their own."""

    def __init__(self, clock: FakeClock, early: str, late: str, retry_after: str | None) -> None:
        super().__init__()
        self.clock = clock
        self.early, self.late, self.retry_after = early, late, retry_after
        self.done_at: dict[str, float] = {}
        self.looks: Counter[str] = Counter()
        self.times: dict[str, list[float]] = {}
        self.troubles: dict[str, deque[Answer]] = {}

    def add(self, path: str, seconds: float) -> None:
        """An order that is done so many seconds from now."""
        self.done_at[path] = self.clock.monotonic() + seconds
        self.routes[path] = self._order

    def _order(self, seen: Seen) -> Answer:
        self.looks[seen.path] += 1
        self.times.setdefault(seen.path, []).append(self.clock.monotonic())
        if self.troubles.get(seen.path):
            return self.troubles[seen.path].popleft()
        done = self.clock.monotonic() >= self.done_at[seen.path]
        document: dict[str, Any] = {
            "status": self.late if done else self.early,
            "identifiers": [{"type": "dns", "value": f"site{seen.path.rpartition('/')[2]}.example.com"}],
            "authorizations": [],
            "finalize": f"{HOST}/finalize",
            **({"certificate": f"{HOST}/certificate"} if done and self.late == "valid" else {}),
        }
        headers = {"Retry-After": self.retry_after} if self.retry_after and not done else {}
        return Answer(document=document, headers=headers)


def make_run(ca: SlowCa, seconds: list[float], width: int = 1, patience: float = 60.0) -> Run:
    """A run whose orders are done after so many seconds each."""
    network = Network(transport=ca, clock=ca.clock)
    key = AccountKey(ec.generate_private_key(ec.SECP256R1()))
    session = Session(network, fetch_directory(network, DIRECTORY), key)
    session = session.for_account(register(session, [], terms_agreed=True).url)
    attempts = []
    for number, each in enumerate(seconds):
        ca.add(f"/order/{number}", each)
        (wanted,) = parse_wanted([{"domains": [f"site{number}.example.com"], "key_types": ["ecdsa-p256"]}])
        attempts.append(Attempt(decide(wanted, {}, "https://ca.example/directory", NOW)[0]))
    run = Run(session, CertificateStore(Files("/nowhere")), ca.clock, attempts, width, patience)
    for number, attempt in enumerate(attempts):
        order = Order(f"{HOST}/order/{number}", ca.early, (), (), f"{HOST}/finalize", retry_after=_seconds(ca))
        run.take(attempt, order)
    return run


def _seconds(ca: SlowCa) -> float | None:
    return float(ca.retry_after) if ca.retry_after and ca.early == "processing" else None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_orders_that_are_done_are_read_once(clock: FakeClock) -> None:
    ca = SlowCa(clock, "pending", "ready", "1")
    run = make_run(ca, [0.0] * 50, width=4)
    await_ready(run)
    assert set(ca.looks.values()) == {1}
    assert {attempt.placed_order.status for attempt in run.going} == {"ready"}


def test_the_pause_that_the_ca_asks_for_is_kept(clock: FakeClock) -> None:
    ca = SlowCa(clock, "processing", "valid", "3")
    run = make_run(ca, [4.0])
    await_issued(run)
    times = [time - NOW.timestamp() for time in ca.times["/order/0"]]
    assert times == [3.0, 6.0]


def test_a_pause_of_a_day_between_two_looks_is_not_believed(clock: FakeClock) -> None:
    ca = SlowCa(clock, "processing", "valid", "86400")
    run = make_run(ca, [4.0], patience=120.0)
    await_issued(run)
    assert run.attempts[0].failure is None
    assert clock.seconds == pytest.approx(60.0)


def test_what_was_done_meanwhile_is_part_of_the_pause(clock: FakeClock) -> None:
    ca = SlowCa(clock, "processing", "valid", "3")
    run = make_run(ca, [0.0])
    clock.sleep(2.0)
    await_issued(run)
    assert clock.slept[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("retry_after", ["1", None])
def test_a_slow_ca_is_not_asked_for_every_order_again_and_again(clock: FakeClock, retry_after: str | None) -> None:
    ca = SlowCa(clock, "pending", "ready", retry_after)
    run = make_run(ca, [3.0] * 200)
    await_ready(run)
    assert len(run.going) == 200
    # each one once, and a few each time to find out that it is too early
    assert sum(ca.looks.values()) <= 200 + 4 * 10


def test_some_orders_that_hang_do_not_hold_up_the_others(clock: FakeClock) -> None:
    ca = SlowCa(clock, "pending", "ready", "1")
    hanging = [1000.0] * 10
    run = make_run(ca, hanging + [0.0] * 100, patience=20.0)
    await_ready(run)
    assert [attempt.failure is not None for attempt in run.attempts] == [True] * 10 + [False] * 100
    late = max(ca.times[f"/order/{number}"][-1] for number in range(10, 110))
    assert late - NOW.timestamp() <= 3.0
    assert "was not validated within 20 s" in str(run.attempts[0].failure)


def test_patience_ends_before_a_pause_that_is_too_long(clock: FakeClock) -> None:
    ca = SlowCa(clock, "processing", "valid", "86400")
    run = make_run(ca, [1.0], patience=30.0)
    await_issued(run)
    assert not ca.looks
    assert clock.monotonic() - NOW.timestamp() == pytest.approx(30.0)
    assert run.attempts[0].failure is not None


BUSY = Answer(503, content=b"<html>busy</html>")
BUSY_FOR_5 = Answer(503, content=b"<html>busy</html>", headers={"Retry-After": "5"})
BUSY_FOR_A_DAY = Answer(503, content=b"<html>busy</html>", headers={"Retry-After": "86400"})


@pytest.mark.parametrize(
    "trouble",
    [BUSY, BUSY_FOR_5, Answer(content=b'{"status'), Answer(500, {"type": "about:blank", "detail": "oops"})],
    ids=["busy", "busy for 5 s", "half an answer", "a defect"],
)
def test_a_look_that_tells_nothing_is_repeated(clock: FakeClock, trouble: Answer) -> None:
    ca = SlowCa(clock, "pending", "ready", None)
    run = make_run(ca, [0.0, 0.0])
    ca.troubles["/order/0"] = deque([trouble])
    await_ready(run)
    assert [attempt.placed_order.status for attempt in run.going] == ["ready", "ready"]
    assert clock.monotonic() - NOW.timestamp() < 10


def test_trouble_that_does_not_end_is_told_when_patience_ends(clock: FakeClock) -> None:
    ca = SlowCa(clock, "processing", "valid", None)
    run = make_run(ca, [0.0], patience=30.0)
    ca.troubles["/order/0"] = deque([BUSY] * 1000)
    await_issued(run)
    assert "busy" in str(run.attempts[0].failure)
    assert clock.monotonic() - NOW.timestamp() == pytest.approx(30.0, abs=1.0)


def test_a_pause_that_is_longer_than_patience_is_not_waited_for(clock: FakeClock) -> None:
    ca = SlowCa(clock, "pending", "ready", None)
    run = make_run(ca, [0.0] * 20, width=1)
    ca.troubles["/order/0"] = deque([BUSY_FOR_A_DAY])
    await_ready(run)
    assert clock.monotonic() == NOW.timestamp()
    assert isinstance(run.attempts[0].failure, ProblemError)
    assert {type(attempt.failure) for attempt in run.attempts[1:]} == {PausedError}
    assert sum(ca.looks.values()) == 1


def test_an_order_that_the_ca_does_not_know_is_not_waited_for(clock: FakeClock) -> None:
    ca = SlowCa(clock, "pending", "ready", None)
    run = make_run(ca, [0.0])
    del ca.routes["/order/0"]
    await_ready(run)
    assert "HTTP 404" in str(run.attempts[0].failure)
    assert clock.monotonic() == NOW.timestamp()
