# SPDX-License-Identifier: GPL-3.0-or-later
"""The action group's defaults reach every module of the collection."""

from __future__ import annotations

from pathlib import Path

from tests.lab import Lab
from tests.playbooks import run_playbook

PLAYBOOK = """
- hosts: validator
  gather_facts: false
  module_defaults:
    group/certfleet.acme.acme:
      directory: "{{ certfleet_directory }}"
      ca_bundle: "{{ certfleet_ca_bundle }}"
      store: "{{ here }}/store"
      account: main
  vars:
    site: [{domains: [grouped.fleet.test], key_types: [ecdsa-p256], profile: classic}]
  tasks:
    - certfleet.acme.directory_info:
    - certfleet.acme.account: {terms_agreed: true}
    - certfleet.acme.order: {certificates: "{{ site }}"}
      register: placed
    - certfleet.acme.dns01:
        records: "{{ placed.dns_records }}"
        responders: "{{ certfleet_dns_responders }}"
        tsig_keys: "{{ certfleet_tsig_keys }}"
      when: placed.dns_records | length > 0
    - certfleet.acme.certificates:
        certificates: "{{ site }}"
        responders: "{{ certfleet_dns_responders }}"
        tsig_keys: "{{ certfleet_tsig_keys }}"
    - certfleet.acme.store_info:
    - certfleet.acme.certificate_install: {state: prepared, path: "{{ here }}/frontend"}
      register: frontend
    - certfleet.acme.certificate_fetch: {names: [all], recipient: "{{ frontend.recipient }}"}
      register: delivery
    - certfleet.acme.certificate_install: {path: "{{ here }}/frontend", bundle: "{{ delivery.bundle }}"}
"""


def test_every_module_takes_the_defaults_of_the_group(lab: Lab, tmp_path: Path) -> None:
    playbook = tmp_path / "group.yml"
    playbook.write_text(PLAYBOOK)
    played = run_playbook(lab, playbook, variables={"here": str(tmp_path)})
    assert played.status == 0, played.output
    assert (tmp_path / "frontend/certificates/grouped.fleet.test/ecdsa-p256/live/privkey.pem").exists()
