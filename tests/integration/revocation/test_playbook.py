# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook `revoke`: replaced, deployed, and only then revoked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.lab import Lab
from tests.playbooks import Played, run_playbook

GOOD = {"name": "good", "domains": ["good.fleet.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}
BAD = {"name": "bad", "domains": ["www.blocked.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}


class Plays:
    """Playbooks with the variables of one test."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder

    def run(self, playbook: str, *certificates: dict[str, Any], arguments: tuple[str, ...] = (), **more: Any) -> Played:
        variables = {
            "certfleet_terms_agreed": True,
            "certfleet_store": str(self.folder / "store"),
            "certfleet_frontend_path": str(self.folder / "{{ inventory_hostname }}"),
            "certfleet_frontend_reload_command": "true",
            "certfleet_frontend_test_command": "true",
            "certfleet_dns_wait": 20,
            "certfleet_certificates": list(certificates),
            **more,
        }
        return run_playbook(self.lab, f"certfleet.acme.{playbook}", *arguments, variables=variables)

    def serial(self, host: str) -> str:
        """The serial number of what a frontend has."""
        path = self.folder / host / "certificates/good/ecdsa-p256/live/cert.pem"
        return f"{x509.load_pem_x509_certificate(path.read_bytes()).serial_number:x}"


@pytest.fixture
def plays(lab: Lab, tmp_path: Path) -> Plays:
    plays = Plays(lab, tmp_path)
    played = plays.run("renew", GOOD)
    assert played.status == 0, played.output
    return plays


def test_all_frontends_have_another_certificate_when_the_first_is_revoked(lab: Lab, plays: Plays) -> None:
    first = plays.serial("front1")
    checked = plays.run("revoke", GOOD, arguments=("--check",), certfleet_revoke=["good"])
    assert checked.status == 0, checked.output
    assert lab.status_of(first)[0] == "Valid"

    # what fails for others does not matter
    played = plays.run("revoke", GOOD, BAD, certfleet_revoke=["good"], certfleet_revoke_reason="key_compromise")
    assert played.status == 0, played.output
    (second,) = {plays.serial(host) for host in ("front1", "front2", "front3")}
    assert lab.status_of(first) == ("Revoked", 1)
    assert lab.status_of(second)[0] == "Valid"


def test_what_is_not_wanted_any_more_is_not_replaced_and_so_not_revoked(lab: Lab, plays: Plays) -> None:
    played = plays.run("revoke", {**GOOD, "name": "other"}, certfleet_revoke=["good"])
    assert played.status != 0
    assert "Not replaced yet, and so not revoked: good ecdsa-p256." in " ".join(played.output.split())
    assert lab.status_of(plays.serial("front1"))[0] == "Valid"


@pytest.mark.parametrize("more", [{}, {"certfleet_revoke": "good"}, {"certfleet_revoke": []}])
def test_names_have_to_be_given(plays: Plays, more: dict[str, Any]) -> None:
    played = plays.run("revoke", GOOD, **more)
    assert played.status != 0
    assert "certfleet_revoke is no list of names" in played.output
