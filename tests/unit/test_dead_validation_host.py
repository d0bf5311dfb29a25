# SPDX-License-Identifier: GPL-3.0-or-later
"""The first of several validation hosts is dead: one sentence says what that means, and frontends keep what they have."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.modules import environment

HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
# nobody listens at port 1
DEAD = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
SENTENCE = "nothing is issued, renewed or deployed until it is back or another validation host has taken over"


@dataclass(frozen=True)
class Fleet:
    """Two validation hosts, of which the first is dead, and two frontends that would count their reloads."""

    folder: Path

    @property
    def reloads(self) -> Path:
        """What each reload of a web server writes to."""
        return self.folder / "reloads"

    def play(self, playbook: str, *arguments: str) -> tuple[int, str]:
        """Status and output of a playbook, by its name in the collection or its file."""
        inventory = {
            "all": {
                "vars": {
                    "certfleet_directory": "https://ca.test/directory",
                    "certfleet_certificates": [{"name": "shop", "domains": ["shop.test"]}],
                    "certfleet_frontend_certificates": "all",
                    "certfleet_frontend_path": f"{self.folder}/{{{{ inventory_hostname }}}}",
                    "certfleet_frontend_reload_command": f"touch {self.reloads}",
                    "certfleet_revoke": ["shop"],
                },
                "children": {
                    "validation_hosts": {"hosts": {"dead": DEAD, "standby": HERE}},
                    "frontends": {"hosts": {"web1": HERE, "web2": HERE}},
                },
            }
        }
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
        command = ["ansible-playbook", "-i", "inventory.yml", *arguments, playbook]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), check=False, cwd=self.folder, timeout=120
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.mark.parametrize(
    ("playbook", "arguments"),
    [
        ("renew", ()),
        ("renew", ("--check",)),
        ("deploy", ()),
        ("deploy", ("--limit", "web2")),
        ("retry", ()),
        ("revoke", ()),
        ("report", ()),
    ],
)
def test_one_sentence_says_what_can_and_can_not_go_on(fleet: Fleet, playbook: str, arguments: tuple[str, ...]) -> None:
    status, said = fleet.play(f"certfleet.acme.{playbook}", *arguments)
    assert status != 0
    words = " ".join(said.split())
    assert "dead, the first of the group validation_hosts, can't be reached, and it has the store:" in words
    assert SENTENCE in words
    assert not fleet.reloads.exists()
    for host in ("web1", "web2"):
        assert f"[{host}]: UNREACHABLE" not in said
        assert not (fleet.folder / host).exists()


def test_it_is_the_same_after_a_play_that_it_was_lost_in(fleet: Fleet) -> None:
    """As in `site`, which goes on with the other validation hosts."""
    plays = [
        {"hosts": "validation_hosts", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]},
        {"ansible.builtin.import_playbook": "certfleet.acme.renew"},
    ]
    (fleet.folder / "plays.yml").write_text(yaml.safe_dump(plays))
    status, said = fleet.play(str(fleet.folder / "plays.yml"))
    assert status != 0
    assert SENTENCE in " ".join(said.split())
    for host in ("web1", "web2"):
        assert f"[{host}]: UNREACHABLE" not in said
