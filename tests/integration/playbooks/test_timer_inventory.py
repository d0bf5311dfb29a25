# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewals with the inventory that role ``renewal_timer`` writes: groups of one's own, and a host that is both."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.certfleet.acme.plugins.plugin_utils.renewal_inventory import renewal_inventory

from tests.lab import Lab
from tests.modules import environment


def write_inventory(lab: Lab, folder: Path, certificates: list[dict[str, Any]]) -> Path:
    """What the timer of the lab's validation host has, who is a frontend, too; here nobody needs SSH."""
    known = yaml.safe_load(lab.inventory.read_text())["all"]
    validator = known["children"]["validation_hosts"]["hosts"]["validator"]
    fronts = known["children"]["frontends"]["hosts"]
    text = renewal_inventory(
        {
            **known["vars"],
            "certfleet_terms_agreed": True,
            "certfleet_certificates": certificates,
            "certfleet_store": str(folder / "store"),
            "certfleet_frontend_path": "FOLDER",
        },
        host="validator",
        host_variables=validator,
        frontends=["validator", "front1"],
        hostvars={"validator": validator, **fronts},
        groups={
            "frontends": ["validator", *fronts],
            "webs": ["validator", "front1", "elsewhere"],
            "world": ["validator", "front1", "front2"],
        },
        frontend_variables={"ansible_connection": "local"},
    )
    file = folder / "inventory.yml"
    file.write_text(text.replace("FOLDER", f"'{folder}/{{{{ inventory_hostname }}}}'"))
    return file


def renew(inventory: Path) -> tuple[int, str]:
    command = ["ansible-playbook", "-i", str(inventory), "certfleet.acme.renew"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=False, cwd=inventory.parent, timeout=240
    )
    return done.returncode, done.stdout + done.stderr


def test_a_host_that_is_both_gets_one_certificate_and_groups_are_found(lab: Lab, tmp_path: Path) -> None:
    common = {"key_types": ["ecdsa-p256"], "profile": "classic"}
    certificates = [
        {**common, "name": "own", "domains": ["own.fleet.test"], "key": "frontend", "frontends": ["webs"]},
        {**common, "name": "good", "domains": ["good.fleet.test"], "frontends": ["world"]},
        {**common, "name": "named", "domains": ["named.fleet.test"], "frontends": ["validator"]},
    ]
    inventory = write_inventory(lab, tmp_path, certificates)
    status, said = renew(inventory)
    assert status == 0, said
    assert "4 orders; 4 issued" in said
    found = {
        host: {path.name for path in (tmp_path / host / "certificates").iterdir()} for host in ("validator", "front1")
    }
    assert found == {"validator": {"own", "good", "named"}, "front1": {"own", "good"}}
    assert {path.name for path in (tmp_path / "store" / "certificates").iterdir()} == {
        "own@validator",
        "own@front1",
        "good",
        "named",
    }
    status, said = renew(inventory)
    assert status == 0, said
    assert "0 orders; 4 valid" in said
    assert "SOMEBODY HAS TO ACT" not in said
