# SPDX-License-Identifier: GPL-3.0-or-later
"""Nonces go round: one thread asks for all, and whoever waits gets the next one that an answer brings."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.nonces import Nonces
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import PausedError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from urllib3 import HTTPResponse

from tests.unit.plugins.module_utils._acme.conftest import make_key
from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock

WIDTH = 16
THING = f"{HOST}/thing"


@pytest.fixture
def thing(ca: FakeCa, registered: Session) -> FakeCa:
    """The CA with one more resource, and no nonce at hand."""
    ca.routes["/thing"] = lambda _seen: Answer(document={})
    ca.seen.clear()
    registered.network._pool = registered._signing._pool = Nonces(registered.network.clock)
    return ca


def post_all(session: Session, count: int = WIDTH) -> list[Exception | None]:
    """Send so many requests at once; what each failed with."""
    begin = threading.Barrier(count)

    def post(_number: int) -> Exception | None:
        begin.wait()
        try:
            session.post(THING, {})
        except (NetworkError, ProblemError, PausedError) as error:
            return error
        return None

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(post, range(count)))


def test_many_threads_begin_with_one_question(thing: FakeCa, registered: Session) -> None:
    assert post_all(registered) == [None] * WIDTH
    assert thing.paths("HEAD") == ["/nonce"]


def test_answers_without_a_nonce_hold_up_nobody(thing: FakeCa, registered: Session) -> None:
    headers = {"Replay-Nonce": ""}
    thing.routes["/thing"] = lambda _seen: Answer(document={}, headers=headers)
    assert post_all(registered) == [None] * WIDTH
    assert len(thing.paths("HEAD")) == WIDTH


def test_what_a_question_failed_with_is_told_to_all_that_waited(thing: FakeCa, registered: Session) -> None:
    thing.before["/nonce"] = deque([requests.ReadTimeout("late")] * WIDTH)
    release = hold(thing, "/nonce")
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(post_all, registered)
        release(0.2)
        errors = sent.result()
    assert {type(error) for error in errors} == {NetworkError}
    assert not any(error.uncertain for error in errors if isinstance(error, NetworkError))
    # on a busy machine a thread may come so late that it asks once more
    assert len(thing.paths("HEAD")) < WIDTH / 2


def hold(ca: FakeCa, path: str) -> Callable[[float], None]:
    """Have the CA wait with requests for this path; what is returned lets them go on after so many seconds."""
    gate = threading.Event()
    send = ca.send

    def late(request: requests.PreparedRequest, *args: object, **more: object) -> requests.Response:
        if request.url == HOST + path:
            gate.wait(10)
        return send(request, *args, **more)

    ca.send = late  # type: ignore[method-assign]

    def release(seconds: float) -> None:
        threading.Event().wait(seconds)
        gate.set()

    return release


def test_a_refused_question_stops_nobody_who_has_a_nonce(thing: FakeCa, registered: Session) -> None:
    registered.post(THING, {})
    nonces = registered._signing._pool
    thing.script["/nonce"] = deque([Answer(503, headers={"Retry-After": "3600"})] * WIDTH)
    spare = nonces.take(lambda: "")
    nonces.give_back()
    with pytest.raises(ProblemError):
        registered.post(THING, {})
    with pytest.raises(PausedError):
        registered.post(THING, {})
    nonces.add(spare)
    assert post_all(registered) == [None] * WIDTH
    assert len(thing.paths("HEAD")) == 2


def test_a_question_that_is_refused_for_a_moment_is_asked_again(
    thing: FakeCa, registered: Session, clock: FakeClock
) -> None:
    thing.script["/nonce"] = deque([Answer(503, headers={"Retry-After": "1"})] * 2)
    registered.post(THING, {})
    assert clock.seconds >= 2
    assert registered.pauses.as_dict() == {}


def test_a_request_that_hangs_holds_up_nobody() -> None:
    nonces = Nonces(SystemClock())
    assert nonces.take(lambda: "first") == "first"
    assert nonces.take(lambda: "second") == "second"


class Front(FakeCa):
    """A CA behind a server that turns every second signed request away."""

    count = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.count += request.method == "POST"
        if request.method == "POST" and self.count % 2:
            raw = HTTPResponse(io.BytesIO(b"busy"), {}, 429, reason="Too Many Requests", preload_content=False)
            return self.build_response(request, raw)
        return super().send(request, *args, **kwargs)


def test_a_nonce_that_the_ca_has_never_seen_is_used_again(clock: FakeClock) -> None:
    ca = Front()
    network = Network(transport=ca, clock=clock)
    session = Session(network, fetch_directory(network, DIRECTORY), make_key())
    for _again in range(5):
        register(session, [], terms_agreed=True)
    assert ca.paths("HEAD") == ["/nonce"]
    assert ca.count == 10
