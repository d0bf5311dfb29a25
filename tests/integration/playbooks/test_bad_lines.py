# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists with lines that can't be used: `renew` issues, deploys and reports the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.playbooks import Played, run_playbook


def line(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "domains": [f"{name}.fleet.test"], "key_types": ["ecdsa-p256"], "profile": "classic", **more}


FIRST, LAST = line("first"), line("last")
"""The innocent neighbours."""

BAD: list[Any] = [
    line("under", domains=["my_shop.fleet.test"]),
    line("mail", admin=["nobody"]),
    line("twice"),
    line("Twice", domains=["other.fleet.test"]),
    line("many", domains=[f"n{number}.fleet.test" for number in range(101)]),
    line("unknown", colour="red"),
    line("nowhere", key="frontend", frontends=["no such group"]),
    line("kinds", key_types=["dsa"]),
    line("long", challenge="x" * 5000),
    "a text",
    None,
    [],
    {},
]
SENTENCES = [
    "certificates[1].domains: 'my_shop.fleet.test' has a label that no host name can have: 'my_shop'",
    "certificates[2].admin: 'nobody' is not a mail address",
    "certificates[3].name: 'twice' is the name of another certificate in the list, too",
    "certificates[4].name: 'Twice' is the name of another certificate in the list, too",
    "certificates[5].domains: '101 names' are more than the 100",
    "certificates[6]: 'colour' is not an option of a certificate",
    "certificates[7]: frontends: the inventory has neither a host nor a group 'no such group'",
    "certificates[8].key_types: 'dsa' is not one of",
    "is not one of dns-01, http-01, tls-alpn-01",
    "is not a mapping with at least domains",
    "certificates[11]: None is not a mapping",
    "certificates[12]: [] is not a mapping",
    "certificates[13].domains: None is not a list of at least one name",
]


class Plays:
    """The playbook `renew` with variables for one test."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.page = folder / "page.html"
        self.variables: dict[str, Any] = {
            "certfleet_terms_agreed": True,
            "certfleet_store": str(folder / "store"),
            "certfleet_frontend_path": str(folder / "{{ inventory_hostname }}"),
            "certfleet_dns_wait": 20,
            "certfleet_report_page": str(self.page),
        }

    def renew(self, certificates: Any, *arguments: str, **variables: Any) -> Played:
        variables = {**self.variables, "certfleet_certificates": certificates, **variables}
        return run_playbook(self.lab, "certfleet.acme.renew", *arguments, variables=variables)

    def serves(self, *names: str) -> bool:
        """Whether every frontend has these certificates, and the page names them."""
        live = [
            self.folder / host / "certificates" / name / "ecdsa-p256" / "live" / "fullchain.pem"
            for host in ("front1", "front2", "front3")
            for name in names
        ]
        return all(path.exists() for path in live) and all(
            f"{name}.fleet.test" in self.page.read_text() for name in names
        )


@pytest.fixture
def plays(lab: Lab, tmp_path: Path) -> Plays:
    return Plays(lab, tmp_path)


def test_lines_that_can_not_be_used_stop_no_other(plays: Plays) -> None:
    played = plays.renew([FIRST, *BAD, LAST], certfleet_fail_on="never")
    assert played.status == 0, played.output
    assert plays.serves("first", "last")
    assert "2 orders; 2 issued" in played.output
    page = plays.page.read_text().replace("&#x27;", "'").replace("&#39;", "'")
    for sentence in SENTENCES:
        assert f"{sentence}" in played.output
        assert f"{sentence}" in page
    assert "x" * 210 not in played.output.partition("TASK [Report]")[2].replace('"x', "")
    assert "defect" not in played.output

    again = plays.renew([FIRST, *BAD, LAST], "--check", "--diff")
    assert again.status != 0, "no certificate serves for some of them"
    assert "could not be issued\\nunder (ecdsa-p256): certificates[1].domains: " in again.output
    assert "2 valid" in again.output


def test_a_list_may_be_refused_as_a_whole_and_what_is_there_is_deployed_all_the_same(plays: Plays) -> None:
    assert plays.renew([FIRST]).status == 0
    (plays.folder / "front1").rename(plays.folder / "gone")
    plays.page.unlink()
    played = plays.renew([FIRST, BAD[1], LAST], certfleet_strict=True)
    assert played.status != 0
    assert plays.serves("first")
    assert not (plays.folder / "store/certificates/last").exists()
    assert "certificates[1].admin: 'nobody' is not a mail address" in played.output.rpartition("TASK [")[2]


def test_a_line_that_gets_bad_costs_its_certificate_nothing(plays: Plays) -> None:
    assert plays.renew([FIRST, LAST]).status == 0
    before = (plays.folder / "store/certificates/first/ecdsa-p256/live/fullchain.pem").read_bytes()
    (plays.folder / "front1").rename(plays.folder / "gone")
    played = plays.renew([{**FIRST, "admin": "nobody"}, LAST], certfleet_retry=["first"])
    assert played.status == 0, played.output
    assert "0 orders; 1 valid, 1 failed" in played.output
    assert "SOMEBODY HAS TO ACT: certificates[0].admin: 'nobody' is not a mail address" in played.output
    assert plays.serves("first", "last")
    assert (plays.folder / "front1/certificates/first/ecdsa-p256/live/fullchain.pem").read_bytes() == before


def test_a_list_that_was_left_empty_is_empty(plays: Plays) -> None:
    played = plays.renew(None)
    assert played.status == 0, played.output
    assert "no certificates are listed" in played.output


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"certfleet_run_size": "{{ 1 / 0 }}"}, "division by zero"),
        ({"certfleet_run_size": "many"}, "run_size"),
        ({"certfleet_retry": ["nobody"]}, "retry: 'nobody' is neither"),
    ],
    ids=["no arguments", "no run", "no retry"],
)
def test_whatever_the_task_ends_with_what_is_there_is_deployed_and_reported(
    plays: Plays, variables: dict[str, Any], cause: str
) -> None:
    assert plays.renew([FIRST]).status == 0
    (plays.folder / "front1").rename(plays.folder / "gone")
    plays.page.unlink()
    played = plays.renew([FIRST], **variables)
    assert played.status != 0
    assert plays.serves("first")
    assert cause in played.output.rpartition("TASK [")[2]
