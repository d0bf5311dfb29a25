# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks that jump, and time zones with daylight saving: the engine knows UTC only, and believes no memory of the future."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import count
from typing import Any

import pytest

from tests.chaos.kills import Scene, options
from tests.chaos.nursery import Nursery
from tests.lab import Lab

YEAR = 365 * 86400.0
HOUR = 3600.0
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia")
CHANGES = ("2027-03-28T01:00:00", "2026-10-25T01:00:00", "2027-03-14T05:30:00", "2027-04-03T15:00:00")
"""When clocks are put forward or back somewhere of these (UTC)."""


@pytest.fixture(scope="module")
def quick_lab() -> Iterator[Lab]:
    with Lab(options()) as lab:
        yield lab


@pytest.fixture(scope="module")
def make_scene(quick_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Scene]]:
    folder, numbers = tmp_path_factory.mktemp("clock"), count()
    with Nursery(folder / "nursery") as nursery:

        def make() -> Scene:
            scene = Scene(quick_lab, nursery, folder, next(numbers))
            assert scene.register().status == 0
            return scene

        yield make


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    return make_scene()


@pytest.mark.parametrize("jump", [YEAR, -YEAR, 2 * HOUR], ids=["a year ahead", "a year behind", "two hours ahead"])
def test_what_a_wrong_clock_has_written_blocks_nothing_once_it_is_right(scene: Scene, jump: float) -> None:
    scene.keep(clock=jump)
    right = scene.keep().result
    assert right["counts"]["issued"] + right["counts"]["valid"] == 3, right["certificates"]
    (refused,) = [entry for entry in right["certificates"] if entry["name"] == "refused"]
    if refused["status"] == "deferred":
        soon = datetime.fromisoformat(refused["next_attempt"]).timestamp() - datetime.now(timezone.utc).timestamp()
        assert soon <= 60
    assert scene.keep().result["orders"] == 0


def test_certificates_survive_a_clock_that_jumps_and_comes_back(scene: Scene) -> None:
    assert scene.keep().result["counts"]["issued"] == 3
    orders = scene.orders
    live = {each: (each.folder(scene.store) / "live" / "cert.pem").read_bytes() for each in scene.wanted}
    away = scene.keep(clock=YEAR).result
    assert away["counts"]["failed"] >= 3, "what the CA issues now has expired by that clock"
    assert scene.keep().result["counts"]["valid"] == 3
    assert scene.keep(clock=-YEAR).result["counts"]["valid"] == 3
    assert {each: (each.folder(scene.store) / "live" / "cert.pem").read_bytes() for each in scene.wanted} == live
    assert scene.orders - orders <= 3, "one try at most by the clock that was wrong"


@pytest.mark.parametrize("zone", ZONES)
def test_in_every_time_zone_the_same_is_done_at_the_change_of_the_clocks(scene: Scene, zone: str) -> None:
    issued = scene.keep(environment={"TZ": zone}).result
    assert issued["counts"]["issued"] == 3
    for path in scene.store.rglob("*.json"):
        assert not [text for text in instants(json.loads(path.read_text())) if not text.endswith("Z")]
    now = datetime.now(timezone.utc).timestamp()
    for change in CHANGES:
        moment = datetime.fromisoformat(f"{change}+00:00").timestamp() - now
        for seconds in (-1.0, 1.0, HOUR - 1, HOUR + 1):
            expected, found = (look(scene, moment + seconds, each) for each in ("UTC", zone))
            assert expected == found


def look(scene: Scene, clock: float, zone: str) -> list[Any]:
    """What the plan is and what the store tells, with a clock and a time zone; without what passes with each second."""
    plan = scene.keep(more={"_ansible_check_mode": True}, clock=clock, environment={"TZ": zone}).result
    listed = scene.run("store_info", {}, clock=clock, environment={"TZ": zone}).result["certificates"]
    return [
        [(each["status"], each["reason"], each["renew_at"]) for each in plan["certificates"]],
        [{name: value for name, value in each.items() if name != "days_left"} for each in listed],
    ]


def instants(value: Any) -> list[str]:
    """Every text in a JSON value that begins like an instant."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in instants(each)]
    if isinstance(value, list):
        return [text for each in value for text in instants(each)]
    return [value] if isinstance(value, str) and value[:2] == "20" and value[10:11] == "T" else []
