# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of every kind in one list, by `renew` and `deploy`; `script/test versions` plays it with other ansible-core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.playbooks import Played, run_playbook

COMMON = {"key_types": ["ecdsa-p256"], "profile": "classic"}
DNS = {**COMMON, "name": "dns", "domains": ["dns.fleet.test", "*.dns.fleet.test"]}
OWN = {**COMMON, "name": "own", "domains": ["own.fleet.test"], "key": "frontend", "frontends": ["front1"]}
WEB = {**COMMON, "name": "web", "domains": ["fronts.fleet.test"], "challenge": "http-01"}

Play = Callable[..., Played]


@pytest.fixture
def play(lab: Lab, tmp_path: Path) -> Play:
    """Run a playbook of the collection on the lab, with a second validation host whose folder for answers nobody knows."""
    (tmp_path / "more.ini").write_text(
        '[validation_hosts]\nlost ansible_connection=local certfleet_frontend_webroot="{{ nowhere }}/challenges"\n'
    )

    def run(name: str, *arguments: str) -> Played:
        addresses = [each.address for each in lab.frontends]
        webs = [
            {**WEB, "challenge_addresses": addresses, "challenge_hosts": ["frontends"]},
            {**WEB, "name": "bad", "domains": ["front1.fleet.test"], "challenge_addresses": addresses[:1]}
            | {"challenge_hosts": ["lost"]},
        ]
        variables: dict[str, Any] = {
            "certfleet_terms_agreed": True,
            "certfleet_store": str(tmp_path / "store"),
            "certfleet_frontend_path": str(tmp_path / "{{ inventory_hostname }}"),
            "certfleet_certificates": [DNS, *webs, OWN],
            "certfleet_http_port": lab.validation_ports[0],
            "certfleet_http_wait": 0,
            "certfleet_http01_allowed_networks": ["127.0.0.0/8"],  # where the lab is
        }
        more = ("-i", str(tmp_path / "more.ini"))
        return run_playbook(lab, f"certfleet.acme.{name}", *more, *arguments, variables=variables)

    return run


def test_every_kind_is_issued_and_deployed_beside_one_that_can_not_be(play: Play, tmp_path: Path) -> None:
    expected = play("renew", "--check")
    assert expected.status == 0, expected.output
    assert "If this were no check: 4 issued" in expected.output
    assert [path.name for path in tmp_path.iterdir()] == ["more.ini"]

    played = play("renew")
    assert "3 issued, 1 failed" in played.output, played.output
    assert "lost: the answers to challenges could not be made present: its variable" in played.output
    live = "certificates/{}/ecdsa-p256/live/privkey.pem"
    on_front1 = [name for name in ("dns", "web", "own", "bad") if (tmp_path / "front1" / live.format(name)).exists()]
    assert on_front1 == ["dns", "web", "own"]
    assert "PRIVATE KEY" not in played.output
    # what a later version no longer does
    assert "DEPRECATION WARNING" not in played.output
    # the play fails over the one, after all else is done
    assert played.status != 0
    assert "1 certificate could not be issued\\nbad (ecdsa-p256): " in played.output

    again = play("deploy")
    assert again.status == 0, again.output
    assert set(again.changes.values()) == {0}
