# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tasks on one store at the same time, as processes of their own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.chaos.judge import values_left
from tests.chaos.kills import Row, Scene, options
from tests.chaos.nursery import Job, Nursery
from tests.chaos.points import Accident
from tests.lab import Lab
from tests.options import responders, tsig_keys

NUMBERS = count()


@pytest.fixture(scope="module")
def quick_lab() -> Iterator[Lab]:
    with Lab(options()) as lab:
        yield lab


@pytest.fixture(scope="module")
def nurseries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Nursery, Nursery]]:
    folder = tmp_path_factory.mktemp("nurseries")
    with Nursery(folder / "first") as first, Nursery(folder / "second") as second:
        yield first, second


@pytest.fixture
def scenes(quick_lab: Lab, nurseries: tuple[Nursery, Nursery], tmp_path: Path) -> tuple[Scene, Scene]:
    """The same store twice, for a task in each of two processes."""
    number = next(NUMBERS)
    first, second = (Scene(quick_lab, nursery, tmp_path, number) for nursery in nurseries)
    assert first.register().status == 0
    return first, second


@contextmanager
def held(scene: Scene, nursery: Nursery, step: str = "verify") -> Iterator[int]:
    """A task that stands still in the middle of its work; it is killed in the end, if it is still there."""
    pid = nursery.start(scene.job(Accident("stopped", step, 5)))
    assert nursery.wait(pid) is None, "the task did not stop"
    try:
        yield pid
    finally:
        if pid in nursery.running:
            os.kill(pid, signal.SIGKILL)
            nursery.wait(pid)


def test_the_second_says_who_is_at_work_and_leaves_and_reading_goes_on(
    scenes: tuple[Scene, Scene], nurseries: tuple[Nursery, Nursery]
) -> None:
    first, second = scenes
    with held(first, nurseries[0]) as pid:
        sentence = f"Another run works on {first.store} (process {pid})"
        for ended in (
            second.keep(),
            second.register(),
            second.run("order", {"certificates": second.list}),
            second.keep(more={"certificates": []}),
        ):
            assert (ended.status, ended.result["msg"]) == (1, sentence)
        assert second.run("store_info", {}).status == 0
        assert second.keep(more={"_ansible_check_mode": True}).result["counts"]["issued"] == 4
    assert second.keep().result["counts"]["issued"] == 3
    assert first.orders == 3


@pytest.mark.parametrize("step", ["open orders", "verify", "finalize", "store"])
def test_the_lock_dies_with_its_owner(
    scenes: tuple[Scene, Scene], nurseries: tuple[Nursery, Nursery], step: str
) -> None:
    first, second = scenes
    with held(first, nurseries[0], step):
        assert second.keep().status == 1
        before = second.held()
    row = Row(step)
    assert second.keep().result["counts"]["failed"] == 1, "the refused one"
    second.judge(before, row)
    assert row.problems == []


def test_a_task_that_is_asked_to_waits_until_the_other_is_done(
    scenes: tuple[Scene, Scene], nurseries: tuple[Nursery, Nursery]
) -> None:
    first, second = scenes
    with held(first, nurseries[0]) as pid:
        timer = threading.Timer(0.5, os.kill, (pid, signal.SIGCONT))
        timer.start()
        waiter = nurseries[1].start(second.job(more={"lock_wait": 30}))
        done = nurseries[0].wait(pid)
        waited = nurseries[1].wait(waiter)
        timer.join()
    assert done is not None
    assert waited is not None
    assert done.result["counts"]["issued"] == 3
    assert waited.result["counts"]["valid"] == 3
    assert (waited.result["orders"], first.orders) == (0, 3)


def test_waiting_has_an_end(scenes: tuple[Scene, Scene], nurseries: tuple[Nursery, Nursery]) -> None:
    first, second = scenes
    with held(first, nurseries[0]):
        started = time.monotonic()
        ended = second.keep(more={"lock_wait": 1})
        assert time.monotonic() - started >= 1
        assert ended.result["msg"].startswith("Another run works on ")
    assert second.keep().result["counts"]["issued"] == 3


def test_waiting_ends_at_once_when_the_owner_is_killed(
    scenes: tuple[Scene, Scene], nurseries: tuple[Nursery, Nursery]
) -> None:
    first, second = scenes
    with held(first, nurseries[0]) as pid:
        waiter = nurseries[1].start(second.job(more={"lock_wait": 30}))
        timer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
        timer.start()
        waited = nurseries[1].wait(waiter)
        timer.join()
        nurseries[0].wait(pid)
    assert waited is not None
    assert waited.result["counts"]["issued"] == 3
    assert first.orders == 3


@pytest.mark.parametrize("step", ["open orders", "publish", "verify", "await validation", "finalize"])
def test_what_is_asked_to_end_withdraws_its_values_first(
    scenes: tuple[Scene, Scene], nurseries: tuple[Nursery, Nursery], quick_lab: Lab, step: str
) -> None:
    first, second = scenes
    with held(first, nurseries[0], step) as pid:
        assert bool(values_left(quick_lab)) or step not in ("verify", "await validation")
        for number in (signal.SIGTERM, signal.SIGCONT):
            os.kill(pid, number)
        ended = nurseries[0].wait(pid)
    assert ended is not None
    assert (ended.status, ended.result["msg"].partition(" (SIGTERM)")[0]) == (1, "The task was asked to end")
    assert "Traceback" not in ended.output
    assert not values_left(quick_lab)
    assert list(first.store.glob("dns/*.json")) == [], "the ledger"
    assert second.keep().result["counts"]["issued"] == 3, "the lock is free"
    assert first.orders == 3


@pytest.mark.parametrize("state", ["present", "verified"])
def test_dns01_ends_with_a_sentence_when_it_is_asked_to(
    scenes: tuple[Scene, Scene], nurseries: tuple[Nursery, Nursery], quick_lab: Lab, state: str
) -> None:
    first, _second = scenes
    arguments = {
        "responders": responders(quick_lab),
        "tsig_keys": tsig_keys(quick_lab),
        "records": [{"name": "_acme-challenge.ended.fleet.test", "values": ["value"]}],
        "state": state,
        "store": str(first.store),
    }
    pid = nurseries[0].start(Job("dns01", arguments, Accident("stopped", "verify", 5)))
    assert nurseries[0].wait(pid) is None
    for number in (signal.SIGTERM, signal.SIGCONT):
        os.kill(pid, number)
    ended = nurseries[0].wait(pid)
    assert ended is not None
    assert (ended.status, ended.result["msg"].partition(" (SIGTERM)")[0]) == (1, "The task was asked to end")
    assert nurseries[0].run(Job("dns01", {**arguments, "state": "absent"})).status == 0
    assert not values_left(quick_lab)
