# SPDX-License-Identifier: GPL-3.0-or-later
"""A frontend gets its own keys and no others', whatever it answers; its neighbour gets what is meant for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.playbooks import Played

from .conftest import Fleet
from .lying import inventory_of, lying_python

ELSEWHERE = {"front1": ["shop"], "front2": ["shop", "bank"], "front3": []}
"""The certificates that the inventory has for each frontend."""


def delivered(fleet: Fleet, host: str) -> set[str]:
    folder = fleet.folder / host / "certificates"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def deploy_beside_a_liar(fleet: Fleet, facts: dict[str, Any], *arguments: str, playbook: str | Path = "") -> Played:
    """Deploy with a front1 that lies."""
    hosts: dict[str, dict[str, Any]] = {
        host: {"certfleet_frontend_certificates": names} for host, names in ELSEWHERE.items()
    }
    hosts["front1"]["ansible_python_interpreter"] = lying_python(fleet.folder / "python3", facts)
    inventory = inventory_of(fleet.folder / "more.yml", hosts, certfleet_store=str(fleet.store))
    variables = {"certfleet_frontend_path": f"{fleet.folder}/{{{{ inventory_hostname }}}}"}
    return fleet.play(playbook or "certfleet.acme.deploy", "-i", str(inventory), *arguments, variables=variables)


@pytest.mark.parametrize(
    "facts",
    [
        {"certfleet_frontend_certificates": ["shop", "bank"]},
        {"certfleet_frontend_certificates": "all"},
        {"certfleet_certificates": [{"name": "bank", "domains": ["bank.test"], "frontends": ["front1"]}]},
        {"omit": ["shop", "bank"], "inventory_hostname": "front2", "group_names": ["bank"]},
    ],
    ids=lambda facts: "-".join(facts),
)
def test_facts_of_a_frontend_get_it_no_key_of_others(fleet: Fleet, facts: dict[str, Any]) -> None:
    for name in ("shop", "bank"):
        fleet.issue(name, "ecdsa-p256")
    played = deploy_beside_a_liar(fleet, facts)
    assert played.status == 0, played.output
    assert delivered(fleet, "front1") == {"shop"}
    assert delivered(fleet, "front2") == {"shop", "bank"}
    assert delivered(fleet, "front3") == set()
