# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for all hostnames of a zone, as docs/playbooks.md shows it (G30)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.lab import Lab
from tests.options import tsig_keys
from tests.playbooks import run_playbook

PLAYBOOK = """
- hosts: validation_hosts[0]
  gather_facts: false
  tasks:
    - certfleet.acme.hostnames_info:
        zones: "{{ zones }}"
        tsig_keys: "{{ keys }}"
        include: "{{ include }}"
      register: found
    - ansible.builtin.set_fact:
        certfleet_certificates: >-
          {{ found.hostnames | certfleet.acme.certificate_groups(common={'key_types': ['ecdsa-p256'], 'profile': 'classic'}) }}
- import_playbook: certfleet.acme.renew
"""


def test_a_hostname_more_is_one_order_more(lab: Lab, tmp_path: Path) -> None:
    playbook = tmp_path / "zones.yml"
    playbook.write_text(PLAYBOOK)
    source = next(each for each in lab.responders if each.name == "bind")
    key, *_others = tsig_keys(lab)
    zone = {"zone": "fleet.test", "address": source.addresses[0], "port": source.port, "tsig_key": key["name"]}
    variables: dict[str, Any] = {
        "zones": [zone],
        "keys": [key],
        "certfleet_terms_agreed": True,
        "certfleet_store": str(tmp_path / "store"),
        "certfleet_frontend_path": str(tmp_path / "{{ inventory_hostname }}"),
    }
    for include, said in (
        (["^front1"], "1 orders; 1 issued"),
        (["^front[12]"], "1 orders; 1 issued, 1 valid"),
        (["^front[12]"], "0 orders; 2 valid"),
    ):
        played = run_playbook(lab, playbook, variables={**variables, "include": include})
        assert played.status == 0, played.output
        assert said in played.output
    installed = tmp_path / "front3" / "certificates" / "front2.fleet.test" / "ecdsa-p256" / "live" / "fullchain.pem"
    assert installed.exists()
