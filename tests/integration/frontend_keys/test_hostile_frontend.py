# SPDX-License-Identifier: GPL-3.0-or-later
"""A frontend with keys of its own that answers nonsense, or never: its certificate fails, its neighbour's is issued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lying import inventory_of, lying_python, silent_python
from tests.playbooks import Played

from .test_frontend_keys import SHOP, Fleet

GOOD = {**SHOP, "name": "good", "domains": ["good.fleet.test"], "key": "store", "frontends": ["front2"]}


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    return Fleet(lab, tmp_path)


def renew_with(fleet: Fleet, python: Path | str, **variables: Any) -> Played:
    """Renew with a front1 that has this interpreter."""
    inventory = inventory_of(fleet.folder / "more.yml", {"front1": {"ansible_python_interpreter": str(python)}})
    return fleet.play("renew", SHOP, GOOD, "-i", str(inventory), certfleet_fail_on="never", **variables)


def failures_of(fleet: Fleet) -> list[Any]:
    """What the store remembers of the certificate whose frontend is hostile."""
    path = fleet.store / "certificates/shop@front1/ecdsa-p256/state.json"
    return [json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"csrs": []}, "it was asked for 1 CSRs and returned 0"),
        ({"csrs": None}, "its answer has no list of CSRs"),
        ({"csrs": [{"csr": ["x"]}]}, "one of the CSRs in its answer is no text"),
        ({"csrs": [{"csr": "x"}] * 3}, "it was asked for 1 CSRs and returned 3"),
    ],
    ids=str,
)
def test_nonsense_is_the_failure_of_its_certificate_alone(fleet: Fleet, answer: dict[str, Any], sentence: str) -> None:
    played = renew_with(fleet, lying_python(fleet.folder / "python3", {}, **answer))
    assert "2 issued, 1 failed" in played.output, played.output
    assert f"front1 made no CSR: {sentence}" in played.output
    assert failures_of(fleet)
    assert fleet.key_of("front2")
    assert fleet.live("front2", "good").exists()
    assert not fleet.live("front1", "good").exists()


def test_a_frontend_that_never_answers_holds_nobody_up(fleet: Fleet) -> None:
    played = renew_with(fleet, silent_python(fleet.folder / "python3"), certfleet_host_timeout=15)
    assert "2 issued, 1 failed" in played.output, played.output
    assert "front1 made no CSR: it has not answered within 15 seconds" in played.output
    assert failures_of(fleet)
    assert fleet.key_of("front2")
    assert fleet.live("front2", "good").exists()
