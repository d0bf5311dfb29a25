# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that a play of `site` has not reached are trusted by the others as before; its own plays, run by Ansible."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.import_graph import ROOT
from tests.modules import environment

KEYS = {host: f"ssh-ed25519 AAAA{host} certfleet@{host}" for host in ("dead", "alive", "former")}


def play_of_site(name: str) -> dict[str, Any]:
    plays = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text(encoding="utf-8"))
    (play,) = [each for each in plays if each["name"] == name]
    return dict(play)


@pytest.mark.parametrize("name", ["Set the frontends up", "Serve the sites whose certificates came"])
def test_the_key_of_a_validation_host_that_was_not_reached_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / ".ssh").mkdir()
    before = [f"restrict {KEYS['dead']}", f"restrict {KEYS['alive']}-of-before", f"restrict {KEYS['former']}"]
    (tmp_path / ".ssh" / "authorized_keys").write_text("\n".join(["# Ansible managed", *before, ""]))
    seen = {
        "certfleet_timer_public_key": KEYS["alive"],
        "certfleet_modules_python": {"stat": {"exists": True}},
    }
    reached = {"hosts": "alive", "gather_facts": False, "tasks": [{"ansible.builtin.set_fact": seen}]}
    first = play_of_site("Set the frontends up")
    show = [{"ansible.builtin.debug": {"msg": "{{ certfleet_frontend_authorized_keys | sort }}"}}]
    plays = [reached, {**first, "roles": []}, {**play_of_site(name), "roles": [], "tasks": show}]
    plays[-1].pop("pre_tasks", None)
    (tmp_path / "plays.yml").write_text(yaml.safe_dump(plays))
    (tmp_path / "inventory.yml").write_text(
        yaml.safe_dump(
            {
                "validation_hosts": {"hosts": {"dead": {}, "alive": {}}},
                "frontends": {
                    "hosts": {"web1": {}},
                    "vars": {
                        "ansible_connection": "local",
                        "ansible_python_interpreter": sys.executable,
                        "certfleet_home": str(tmp_path),
                    },
                },
            }
        )
    )
    command = ["ansible-playbook", "-i", "inventory.yml", "plays.yml"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=False, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.rpartition("TASK [debug]")[2]
    assert [key in told for key in KEYS.values()] == [True, True, False]
    assert "-of-before" not in told
