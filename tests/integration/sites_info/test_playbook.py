# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for all sites of the frontends, as docs/playbooks.md shows it, with real web servers (G30)."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.lab import Lab
from tests.lab.programs import program, server_environment
from tests.modules import ROOT
from tests.playbooks import run_playbook


def playbook() -> list[dict[str, Any]]:
    """The playbook of the page, word for word."""
    page = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n# sites\.yml\n(.*?)```", page, re.DOTALL)
    plays: list[dict[str, Any]] = yaml.safe_load(text)
    return plays


def test_a_site_more_is_one_order_more(lab: Lab, tmp_path: Path) -> None:
    plays = playbook()
    group = "certfleet.acme.certificate_groups(size=50)"
    facts = plays[0]["tasks"][1]["ansible.builtin.set_fact"]
    assert group in facts["certfleet_certificates"]
    # one each, to see what comes and what stays
    common = "common={'key_types': ['ecdsa-p256'], 'profile': 'classic'}"
    facts["certfleet_certificates"] = facts["certfleet_certificates"].replace("size=50", common)
    # each frontend of the lab has its nginx with a configuration elsewhere
    plays[0]["environment"] = {"PATH": f"{tmp_path}/{{{{ inventory_hostname }}}}:/usr/bin:/bin"}
    (tmp_path / "sites.yml").write_text(yaml.safe_dump(plays))
    nginx = program("nginx")
    for frontend in lab.frontends:
        wrapper = tmp_path / frontend.name / "nginx"
        wrapper.parent.mkdir()
        words = [nginx, "-e", "stderr", "-p", str(frontend.folder), "-c", str(frontend.folder / "nginx.conf")]
        settings = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in server_environment().items())
        wrapper.write_text(f'#!/bin/sh\n{settings}exec {shlex.join(words)} "$@"\n')
        wrapper.chmod(0o755)
    variables = {
        "certfleet_terms_agreed": True,
        "certfleet_store": str(tmp_path / "store"),
        "certfleet_frontend_path": str(tmp_path / "{{ inventory_hostname }}"),
    }
    first, second, _third = lab.frontends
    for frontend, names, said in (
        (first, "shop.fleet.test wiki.internal", "1 orders; 1 issued"),
        (second, "blog.fleet.test shop.fleet.test", "1 orders; 1 issued, 1 valid"),
    ):
        site = frontend.folder / "sites" / "more.conf"
        site.write_text(f"server {{ listen {frontend.address}:{frontend.http_port}; server_name {names}; }}\n")
        subprocess.run(frontend.reload, check=True)
        played = run_playbook(lab, tmp_path / "sites.yml", variables=variables)
        assert played.status == 0, played.output
        assert said in played.output
