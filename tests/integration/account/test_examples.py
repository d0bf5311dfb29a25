# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the documentation are tasks that run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.certfleet.acme.plugins.modules import account as account_module
from ansible_collections.certfleet.acme.plugins.modules import directory_info

from tests.integration.account.conftest import MAC_KEY, Account, play
from tests.lab import Lab
from tests.options import ca

BINDING = {"vault_binding_key_id": "kid-1", "vault_binding_key": MAC_KEY}


def examples(text: str, lab: Lab, **replacements: Any) -> list[dict[str, Any]]:
    """The tasks, with the lab's CA in place of the real ones."""
    tasks: list[dict[str, Any]] = yaml.safe_load(text)
    for task in tasks:
        for name, options in task.items():
            if name.startswith("certfleet.acme."):
                options.update(ca(lab))
                options |= {key: value for key, value in replacements.items() if key in options or key == "store"}
    return tasks


@pytest.fixture
def lab_with_customers(lab: Lab) -> Iterator[Lab]:
    """The lab with a CA that can bind accounts and doesn't insist."""
    lab.restart_ca(external_accounts={"kid-1": MAC_KEY})
    yield lab
    lab.restart_ca(external_accounts={})


@pytest.fixture
def account_key(lab_with_customers: Lab, account: Account, tmp_path: Path) -> Path:
    """The key of an account that another client has made."""
    other = tmp_path / "other"
    account(terms_agreed=True, store=str(other))
    (path,) = other.rglob("key.pem")
    return path


def test_the_examples_of_account_run(lab_with_customers: Lab, account_key: Path, store: Path, tmp_path: Path) -> None:
    tasks = examples(account_module.EXAMPLES, lab_with_customers, store=str(store), key_file=str(account_key))
    # two CAs in the examples are one here
    tasks[1]["certfleet.acme.account"]["account"] = "bound"
    results = play(lab_with_customers, tmp_path, [{**task, "vars": BINDING} for task in tasks])
    assert [each["actions"] for each in results] == [
        ["register"],
        ["register"],
        ["adopt"],
        ["change key"],
        ["deactivate", "remove from store"],
    ]


def test_the_examples_of_directory_info_run(lab: Lab, tmp_path: Path) -> None:
    tasks = examples(directory_info.EXAMPLES, lab)
    # the results are gathered by names of their own
    named = tasks[0].pop("register")
    tasks.insert(1, {"ansible.builtin.set_fact": {named: "{{ result_0 }}"}})
    results = play(lab, tmp_path, tasks)
    assert set(results[2]["ca.profiles"]) == set(lab.options.profiles)
