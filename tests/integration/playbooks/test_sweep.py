# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that removes what other tools have left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.playbooks import run_playbook

LISTED = [
    {"name": "swept", "domains": ["swept.fleet.test", "*.swept.fleet.test", "swept.shop.test"]},
    {"name": "web", "domains": ["web.fleet.test"], "challenge": "http-01"},
]
SWEPT = ("_acme-challenge.swept.fleet.test", "_acme-challenge.swept.shop.test")
KEPT = ("_acme-challenge.web.fleet.test", "_acme-challenge.unlisted.fleet.test", "swept.fleet.test")


@pytest.fixture(autouse=True)
def leftovers(lab: Lab) -> Iterator[None]:
    for owner in (*SWEPT, *KEPT):
        lab.add_txt("bind", owner, "left-by-another-tool")
    yield
    lab.remove_every_txt()


def listed_in(how: str, folder: Path) -> dict[str, Any]:
    if how == "variable":
        return {"certfleet_certificates": LISTED}
    (folder / "list.json").write_text(json.dumps(LISTED), encoding="utf-8")
    return {"certfleet_certificates_file": str(folder / "list.json")}


@pytest.mark.parametrize("how", ["variable", "file"])
def test_only_challenge_names_of_the_list_are_swept(lab: Lab, tmp_path: Path, how: str) -> None:
    variables = {**listed_in(how, tmp_path), "certfleet_store": str(tmp_path / "store")}
    checked = run_playbook(lab, "certfleet.acme.sweep", "--check", variables=variables)
    assert (checked.status, checked.changes["validator"]) == (0, 1), checked.output
    assert all(lab.txt("bind", owner) for owner in SWEPT)

    swept = run_playbook(lab, "certfleet.acme.sweep", variables=variables)
    assert (swept.status, swept.changes["validator"]) == (0, 1), swept.output
    assert not any(lab.txt("bind", owner) for owner in SWEPT)
    assert all(lab.txt("bind", owner) for owner in KEPT)

    again = run_playbook(lab, "certfleet.acme.sweep", variables=variables)
    assert (again.status, again.changes["validator"]) == (0, 0), again.output
