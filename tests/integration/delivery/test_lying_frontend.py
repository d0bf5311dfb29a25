# SPDX-License-Identifier: GPL-3.0-or-later
"""A frontend gets its own keys and no others', whatever it answers; its neighbour gets what is meant for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lying import inventory_of, lying_python
from tests.playbooks import Played

from .conftest import Fleet

MEANT: dict[str, list[str]] = {"front1": ["shop"], "front2": ["shop", "bank"], "front3": []}
"""The certificates that the inventory has for each frontend."""


def delivered(fleet: Fleet, host: str) -> set[str]:
    folder = fleet.folder / host / "certificates"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def deploy_beside_liars(fleet: Fleet, facts: dict[str, Any], playbook: str | Path = "certfleet.acme.deploy") -> Played:
    """Deploy with a front1 and a front3 that lie."""
    for name in ("shop", "bank"):
        fleet.issue(name, "ecdsa-p256")
    python = lying_python(fleet.folder / "python3", facts)
    hosts: dict[str, dict[str, Any]] = {
        host: {"certfleet_frontend_certificates": names} for host, names in MEANT.items()
    }
    for host in ("front1", "front3"):
        hosts[host]["ansible_python_interpreter"] = python
    hosts["validator"] = {"certfleet_store": str(fleet.store)}
    inventory = inventory_of(fleet.folder / "more.yml", hosts)
    variables = {"certfleet_frontend_path": f"{fleet.folder}/{{{{ inventory_hostname }}}}"}
    return fleet.play(playbook, "-i", str(inventory), variables=variables)


LIES: tuple[dict[str, Any], ...] = (
    {"certfleet_frontend_certificates": ["shop", "bank"]},
    {"certfleet_frontend_certificates": "all"},
    {"certfleet_certificates": [{"name": "bank", "frontends": ["front1", "front3"]}]},
    {"omit": ["shop", "bank"]},
    {"inventory_hostname": "front2", "group_names": ["bank"], "groups": {"bank": ["front1"]}},
    {"certfleet_store": "/nowhere"},
)


@pytest.mark.parametrize("facts", LIES, ids="-".join)
def test_facts_of_a_frontend_get_it_no_key_of_others(fleet: Fleet, facts: dict[str, Any]) -> None:
    deploy_beside_liars(fleet, facts)
    assert delivered(fleet, "front1") <= {"shop"}
    assert delivered(fleet, "front2") == {"shop", "bank"}
    assert delivered(fleet, "front3") == set()


def test_facts_that_were_there_before_get_it_none_either(fleet: Fleet) -> None:
    """Modules of Ansible's own, in a play before, make variables of facts; so does a cache of facts."""
    before = {
        "hosts": "frontends",
        "gather_facts": True,
        "tasks": [
            {"ansible.builtin.command": "true", "changed_when": False},
            {"ansible.builtin.debug": {"var": "certfleet_frontend_certificates"}},
        ],
    }
    playbook = fleet.folder / "play.yml"
    playbook.write_text(yaml.safe_dump([before, {"import_playbook": "certfleet.acme.deploy"}]), encoding="utf-8")
    told = deploy_beside_liars(fleet, {"certfleet_frontend_certificates": ["bank"]}, playbook)
    assert told.status == 0, told.output
    # it is a variable there, in which nobody must trust
    assert '"certfleet_frontend_certificates": [\n        "bank"\n    ]' in told.output
    assert delivered(fleet, "front1") == {"shop"}
    assert delivered(fleet, "front2") == {"shop", "bank"}
    assert delivered(fleet, "front3") == set()


def test_the_list_says_for_whom_certificates_are(fleet: Fleet) -> None:
    for name in ("shop", "bank", "mail"):
        fleet.issue(name, "ecdsa-p256")
    listed = [
        {"name": "shop", "domains": ["shop.test", "*.shop.test"], "frontends": ["front1"]},
        {"name": "bank", "domains": ["bank.test", "*.bank.test"], "frontends": ["banks"]},
        {"name": "mail", "domains": ["mail.test", "*.mail.test"]},
    ]
    inventory = fleet.folder / "more.yml"
    inventory.write_text(yaml.safe_dump({"banks": {"hosts": {"front2": {}}}}), encoding="utf-8")
    asked: dict[str, Any] = {"front1": "all", "front2": ["mail"], "front3": []}
    fleet.deploy(
        "-i",
        str(inventory),
        "-i",
        str(
            inventory_of(
                fleet.folder / "asked.yml", {h: {"certfleet_frontend_certificates": n} for h, n in asked.items()}
            )
        ),
        certfleet_certificates=listed,
    )
    assert [delivered(fleet, f"front{number}") for number in (1, 2, 3)] == [{"shop", "mail"}, {"bank", "mail"}, set()]


def test_what_a_frontend_says_gets_into_no_file_for_later(fleet: Fleet) -> None:
    """The validation host's own inventory decides what frontends get, long after the play; known_hosts whom it trusts."""
    inventory = (
        "{{ {} | certfleet.acme.renewal_inventory(host='validator', host_variables={}, frontends=groups.frontends, "
    )
    inventory += "hostvars=hostvars, carried=['certfleet_frontend_certificates']) }}"
    trusted = "{{ groups.frontends | certfleet.acme.known_hosts(hostvars) | join('\n') }}"
    files = {"inventory": inventory, "known_hosts": trusted}
    tasks = [
        {"ansible.builtin.copy": {"content": text, "dest": f"{fleet.folder}/{name}", "mode": "0600"}, "run_once": True}
        for name, text in files.items()
    ]
    playbook = fleet.folder / "play.yml"
    playbook.write_text(
        yaml.safe_dump(
            [
                {"hosts": "frontends", "gather_facts": True},
                {"hosts": "validator", "gather_facts": False, "tasks": tasks},
            ]
        ),
        encoding="utf-8",
    )
    key = "AAAAC3NzaC1lZDI1NTE5AAAA" + "A" * 44
    facts = {
        "certfleet_frontend_certificates": ["bank"],
        "ssh_host_key_ed25519_public": f"{key}\nfront2 ssh-ed25519 {key}",
        "ssh_host_key_ed25519_public_keytype": "ssh-ed25519",
    }
    played = deploy_beside_liars(fleet, facts, playbook)
    assert played.status == 0, played.output
    known = yaml.safe_load((fleet.folder / "inventory").read_text())["all"]["children"]["frontends"]["hosts"]
    assert {host: of.get("certfleet_frontend_certificates") for host, of in known.items()} == MEANT
    lines = (fleet.folder / "known_hosts").read_text().splitlines()
    assert len({line.split(" ", 1)[0] for line in lines}) == len(lines)
    assert all(line.count(" ") == 2 for line in lines)
    assert key not in "".join(lines)


def test_domains_of_the_inventory_bind_a_frontend_whatever_list_and_facts_say(fleet: Fleet) -> None:
    for name in ("shop", "bank"):
        fleet.issue(name, "ecdsa-p256")
    bound: dict[str, Any] = {
        "certfleet_frontend_domains": ["shop.test"],
        "ansible_python_interpreter": lying_python(
            fleet.folder / "python3", {"certfleet_frontend_domains": ["bank.test"]}
        ),
    }
    inventory = inventory_of(fleet.folder / "bound.yml", {"front1": bound})
    listed = [
        {"name": name, "domains": [f"{name}.test", f"*.{name}.test"], "frontends": ["front1", "front2", "front3"]}
        for name in ("shop", "bank")
    ]
    # whose last domain was taken off
    emptied = inventory_of(fleet.folder / "emptied.yml", {"front3": {"certfleet_frontend_domains": None}})
    played = fleet.deploy("-i", str(inventory), "-i", str(emptied), certfleet_certificates=listed)
    assert "front1 may not have '*.bank.test': certfleet_frontend_domains does not include it" in played.output
    assert [delivered(fleet, f"front{number}") for number in (1, 2, 3)] == [{"shop"}, {"shop", "bank"}, set()]


@pytest.mark.parametrize("stats", [{"data": [1]}, "all"], ids=["odd", "text"])
def test_statistics_of_a_frontend_end_the_play_for_nobody(fleet: Fleet, stats: Any) -> None:
    """Ansible's own process breaks on them; the commands of the web server are asked by a task of ours, too."""
    fleet.issue("shop", "ecdsa-p256")
    python = lying_python(fleet.folder / "python3", {}, ansible_stats=stats)
    inventory = inventory_of(fleet.folder / "liar.yml", {"front1": {"ansible_python_interpreter": python}})
    played = fleet.deploy("-i", str(inventory), certfleet_frontend_reload_command="true")
    assert "PLAY RECAP" in played.output, played.output
    assert delivered(fleet, "front2") == {"shop"}
