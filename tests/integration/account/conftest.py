# SPDX-License-Identifier: GPL-3.0-or-later
"""The module account with the lab's CA and a store of its own for each test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca
from tests.playbooks import run_playbook

MAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

Account = Callable[..., Outcome]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def account(lab: Lab, store: Path) -> Account:
    """Call the module; nothing that it lets be seen may hold a key."""

    def call(*, check: bool = False, **options: Any) -> Outcome:
        outcome = run_module(lab, "account", {**ca(lab), "store": str(store), **options}, check=check, diff=True)
        assert "PRIVATE KEY" not in outcome.output
        assert MAC_KEY not in outcome.output
        return outcome

    return call


@pytest.fixture
def bound_lab(lab: Lab) -> Iterator[Lab]:
    """The lab with a CA that binds accounts to its customers."""
    lab.restart_ca(external_accounts={"kid-1": MAC_KEY}, require_external_account=True)
    yield lab
    lab.restart_ca(external_accounts={}, require_external_account=False)


def files(store: Path) -> dict[str, bytes]:
    """What the store holds, but for its lock."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def play(lab: Lab, folder: Path, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of tasks in one play, in their order."""
    kept = folder / "results.json"
    for number, task in enumerate(tasks):
        task["register"] = f"result_{number}"
    listed = ", ".join(f"result_{number}" for number in range(len(tasks)))
    tasks.append({"ansible.builtin.copy": {"dest": str(kept), "content": "{{ [" + listed + "] | to_json }}"}})
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "validator", "gather_facts": False, "tasks": tasks}]))
    played = run_playbook(lab, playbook, "--diff")
    assert played.status == 0, played.output
    assert "PRIVATE KEY" not in played.output
    results: list[dict[str, Any]] = json.loads(kept.read_text())
    return results
