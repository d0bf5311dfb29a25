# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as users run it: by ansible-playbook, from the collection by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.playbooks import Played, run_playbook

OPTIONS = {"responders": "{{ certfleet_dns_responders }}", "tsig_keys": "{{ certfleet_tsig_keys }}", "wait": 20}


def play(lab: Lab, folder: Path, tasks: list[dict[str, Any]], *arguments: str) -> Played:
    """Run tasks on the lab's validation host."""
    book = folder / "play.json"
    book.write_text(json.dumps([{"hosts": "validation_hosts", "gather_facts": False, "tasks": tasks}]))
    return run_playbook(lab, book, *arguments)


@pytest.mark.parametrize("options", [(), ("--check", "--diff")])
def test_a_play_publishes_verifies_and_removes_without_showing_a_secret(
    lab: Lab, tmp_path: Path, name: str, value: str, options: tuple[str, ...]
) -> None:
    records = [{"name": name, "value": value}]
    tasks: list[dict[str, Any]] = [
        {"certfleet.acme.dns01": {**OPTIONS, "records": records}, "register": "published"},
        {"assert": {"that": ["published is changed"]}},
        {
            "certfleet.acme.dns01": {**OPTIONS, "records": records, "state": "verified"},
            "when": "not ansible_check_mode",
        },
        {"certfleet.acme.dns01": {**OPTIONS, "records": records, "state": "absent"}},
        {"certfleet.acme.dns01": {**OPTIONS, "records": [{"name": name}], "state": "swept"}, "register": "swept"},
        {"assert": {"that": ["swept is not changed"]}},
    ]
    result = play(lab, tmp_path, tasks, *options)
    assert result.status == 0, result.output
    for key in lab.tsig_keys.values():
        assert key.secret not in result.output
    assert not lab.txt("knot", name)


def test_a_failure_is_one_sentence_that_names_the_address(lab: Lab, tmp_path: Path, name: str, value: str) -> None:
    task = {
        "certfleet.acme.dns01": {
            **OPTIONS,
            "wait": 0,
            "state": "verified",
            "records": [{"name": name, "values": [value]}],
        }
    }
    result = play(lab, tmp_path, [task])
    assert result.status != 0
    knot = lab.responders[0]
    assert f"knot {knot.address}:{knot.port}/udp: 0 of 1 value after 0 s" in result.output
    assert "Traceback" not in result.output
