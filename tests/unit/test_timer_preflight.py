# SPDX-License-Identifier: GPL-3.0-or-later
"""What role ``renewal_timer`` refuses before it changes anything; run by Ansible itself."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.modules import environment

GROUPS = {
    "validation_hosts": ["validator", "standby"],
    "frontends": ["web1", "web2"],
    "webs": ["web1", "web2"],
    "databases": ["database"],
}
BY_HTTP = {"name": "shop", "domains": ["shop.test"], "challenge": "http-01"}
BY_DNS = {"name": "mail", "domains": ["mail.test"]}


@dataclass(frozen=True)
class Preflight:
    """The role's first tasks on the first validation host, as ``ansible-playbook`` runs them."""

    folder: Path

    def __call__(self, *certificates: Any, **variables: Any) -> tuple[bool, str]:
        """Whether they succeeded, and what was printed."""
        children = {group: {"hosts": dict.fromkeys(hosts)} for group, hosts in GROUPS.items()}
        known = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "certfleet_directory": "https://ca.test/directory",
            "certfleet_certificates": list(certificates),
            **variables,
        }
        inventory = {"all": {"children": children, "vars": known}}
        role = {"name": "certfleet.acme.renewal_timer", "tasks_from": "preflight"}
        play = {
            "hosts": "validator",
            "gather_facts": False,
            # the role then looks for no facts, which takes long
            "tasks": [
                {"ansible.builtin.set_fact": {"ansible_facts": {"service_mgr": "systemd"}}},
                {"ansible.builtin.include_role": role},
            ],
        }
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
        (self.folder / "play.yml").write_text(yaml.safe_dump([play]))
        command = ["ansible-playbook", "--check", "-i", "inventory.yml", "play.yml"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), check=False, cwd=self.folder, timeout=120
        )
        return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def preflight(tmp_path: Path) -> Preflight:
    return Preflight(tmp_path)


@pytest.mark.parametrize("servers", [{}, {"certfleet_dns_responders": [], "certfleet_tsig_keys": []}])
def test_a_fleet_of_http_01_needs_no_name_servers(preflight: Preflight, servers: dict[str, Any]) -> None:
    passed, said = preflight(BY_HTTP, {**BY_HTTP, "name": "box", "challenge": "tls-alpn-01"}, **servers)
    assert passed, said


def test_certificates_by_dns_01_need_them_and_one_among_others_fails_alone(preflight: Preflight) -> None:
    passed, said = preflight(BY_HTTP, BY_DNS, certfleet_dns_responders=[])
    assert passed, said
    passed, said = preflight(BY_DNS, {**BY_DNS, "name": "other", "challenge": "dns-01"}, certfleet_dns_responders=[])
    assert not passed
    assert "certfleet_dns_responders is empty on validator, and certificate mail needs name servers for dns-01" in said


def test_a_list_in_a_file_is_for_the_modules_to_judge(preflight: Preflight) -> None:
    passed, said = preflight(certfleet_certificates=None, certfleet_certificates_file="/etc/certfleet/list.json")
    assert passed, said


def test_groups_of_ones_own_and_of_validation_hosts_are_taken(preflight: Preflight) -> None:
    passed, said = preflight(
        {**BY_HTTP, "challenge_hosts": ["validation_hosts"], "frontends": ["webs"]},
        {**BY_HTTP, "name": "other", "challenge_hosts": ["webs", "validator"]},
    )
    assert passed, said


def test_hosts_that_the_timer_does_not_reach_are_told_and_stop_nobody(preflight: Preflight) -> None:
    certificates = [{**BY_HTTP, "frontends": ["webs"]}, {**BY_HTTP, "name": "other", "challenge_hosts": ["standby"]}]
    passed, said = preflight(*certificates, certfleet_timer_frontends=["web1"])
    assert passed, said
    assert "certfleet_certificates[0] (shop): frontends: 'webs' has web2, which the timer does not reach" in said
    assert "certfleet_certificates[1] (other): challenge_hosts: the timer does not reach 'standby'" in said
    # a host that only stands by has nothing to reach
    _passed, said = preflight(*certificates, certfleet_timer_frontends=["web1"], certfleet_timer_enabled=False)
    assert "certfleet_certificates[0]" not in said


def test_a_line_with_hosts_that_are_none_of_the_fleet_keeps_no_fleet_from_being_set_up(preflight: Preflight) -> None:
    """It fails alone at each renewal (ADR 0032)."""
    passed, said = preflight({**BY_HTTP, "frontends": ["databases"]}, {**BY_HTTP, "name": "b", "frontends": ["wbes"]})
    assert passed, said


def test_a_host_that_is_its_own_frontend_renews_as_the_user_that_it_comes_as(preflight: Preflight) -> None:
    both = {"certfleet_timer_frontends": ["validator", "web1"]}
    passed, said = preflight(BY_HTTP, **both)
    assert passed, said
    passed, said = preflight(BY_HTTP, **both, certfleet_timer_frontend_user="deploy")
    assert not passed
    assert "certfleet_timer_frontend_user: 'deploy' has to be certfleet_user, certfleet, as validator is a" in said
