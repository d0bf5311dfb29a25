# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's playbooks, run by name, from the CA to the web servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.playbooks import Played, run_playbook

GOOD = {"name": "good", "domains": ["good.fleet.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}
BAD = {"name": "bad", "domains": ["www.blocked.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}


class Plays:
    """The playbook `renew` with variables for one test."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.reloads = folder / "reloads"
        self.variables: dict[str, Any] = {
            "certfleet_terms_agreed": True,
            "certfleet_store": str(folder / "store"),
            "certfleet_frontend_path": str(folder / "{{ inventory_hostname }}"),
            # a web server's reload, as far as the playbook can tell: it is counted
            "certfleet_frontend_reload_command": f"sh -c 'echo {{{{ inventory_hostname }}}} >> {self.reloads}'",
            "certfleet_frontend_test_command": "true",
            "certfleet_dns_wait": 20,
        }

    def renew(self, *certificates: dict[str, Any], arguments: tuple[str, ...] = ()) -> Played:
        variables = {**self.variables, "certfleet_certificates": list(certificates)}
        return run_playbook(self.lab, "certfleet.acme.renew", *arguments, variables=variables)


@pytest.fixture
def plays(lab: Lab, tmp_path: Path) -> Plays:
    return Plays(lab, tmp_path)


def live(folder: Path, host: str, name: str) -> Path:
    return folder / host / "certificates" / name / "ecdsa-p256" / "live" / "fullchain.pem"


def test_check_mode_on_bare_machines_changes_nothing_and_says_so(plays: Plays, tmp_path: Path) -> None:
    played = plays.renew(GOOD, arguments=("--check", "--diff"))
    assert played.status == 0, played.output
    assert played.changes["validator"] > 0
    assert list(tmp_path.iterdir()) == []


def test_the_report_comes_even_when_no_frontend_could_be_served(plays: Plays) -> None:
    plays.variables["certfleet_frontend_test_command"] = "false"
    played = plays.renew(GOOD)
    assert played.status != 0
    assert "1 orders; 1 issued" in played.output


def test_the_second_run_changes_nothing(plays: Plays, tmp_path: Path) -> None:
    played = plays.renew(GOOD)
    assert played.status == 0, played.output
    assert min(played.changes.values()) > 0
    assert live(tmp_path, "front2", "good").exists()
    assert sorted(plays.reloads.read_text().split()) == ["front1", "front2", "front3"]

    played = plays.renew(GOOD)
    assert played.status == 0, played.output
    assert set(played.changes.values()) == {0}
    assert len(plays.reloads.read_text().split()) == 3
    assert "0 orders; 1 valid" in played.output
    assert "PRIVATE KEY" not in played.output


def test_what_could_be_issued_is_deployed_before_the_play_fails_over_the_rest(plays: Plays, tmp_path: Path) -> None:
    played = plays.renew(GOOD, BAD)
    assert played.status != 0
    assert "1 certificate could not be issued\\nbad (ecdsa-p256): " in played.output
    assert live(tmp_path, "front3", "good").exists()
    assert not live(tmp_path, "front3", "bad").exists()


def test_a_frontend_that_is_built_anew_costs_no_order(plays: Plays, tmp_path: Path) -> None:
    plays.renew(GOOD)
    before = live(tmp_path, "front1", "good").read_bytes()
    (tmp_path / "front1").rename(tmp_path / "gone")
    played = plays.renew(GOOD)
    assert played.status == 0, played.output
    assert "0 orders" in played.output
    assert (played.changes["front1"] > 0, played.changes["front2"], played.changes["front3"]) == (True, 0, 0)
    assert live(tmp_path, "front1", "good").read_bytes() == before


def test_a_reload_that_failed_is_repeated_by_the_next_play(plays: Plays, tmp_path: Path) -> None:
    reload = plays.variables["certfleet_frontend_reload_command"]
    plays.variables["certfleet_frontend_reload_command"] = "false"
    assert plays.renew(GOOD).status != 0
    assert live(tmp_path, "front1", "good").exists()

    plays.variables["certfleet_frontend_reload_command"] = reload
    assert plays.renew(GOOD).status == 0
    assert sorted(plays.reloads.read_text().split()) == ["front1", "front2", "front3"]

    played = plays.renew(GOOD)
    assert set(played.changes.values()) == {0}, played.output


def test_a_name_that_no_certificate_has_is_told_and_the_others_are_deployed(plays: Plays, tmp_path: Path) -> None:
    plays.variables["certfleet_frontend_certificates"] = ["good", "goood"]
    played = plays.renew(GOOD)
    assert played.status == 0, played.output
    assert "Not delivered: goood" in played.output
    assert live(tmp_path, "front1", "good").exists()


def test_a_certificate_that_is_damaged_in_the_store_is_told_and_the_others_are_deployed(
    plays: Plays, tmp_path: Path
) -> None:
    other = {**GOOD, "name": "other", "domains": ["other.fleet.test"]}
    assert plays.renew(GOOD, other).status == 0
    (tmp_path / "front1").rename(tmp_path / "gone")
    (tmp_path / "store/certificates/other/ecdsa-p256/live/privkey.pem").write_bytes(b"damaged")
    played = plays.renew(GOOD, other)
    assert played.status == 0, played.output
    assert "Not delivered: other: " in played.output
    assert live(tmp_path, "front1", "good").exists()
    assert not live(tmp_path, "front1", "other").exists()
