# SPDX-License-Identifier: GPL-3.0-or-later
"""A frontend that somebody else rules, beside one that is innocent: what the innocent one gets, and what the other does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import ROOM, Lab, Options
from tests.lying import inventory_of, lying_python, silent_python
from tests.playbooks import run_playbook

from .judge import Wanted, problems_of_live
from .matrix import Result

NAME = "hostile frontend"

_OPTIONS = Options(limits=ROOM, retry_after=(0, 0), frontends=2)
_SILENCE = 30
"""Seconds that the hostile one is waited for."""
_LIST: list[dict[str, Any]] = [
    {"name": "own", "domains": ["own.fleet.test"], "key": "frontend", "frontends": ["frontends"]},
    {"name": "bank", "domains": ["bank.fleet.test"], "frontends": ["front2"]},
]
_WANTED = [Wanted(each["name"], "ecdsa-p256", frozenset(each["domains"])) for each in _LIST]

_FACTS = {
    "certfleet_frontend_certificates": ["bank"],
    "certfleet_certificates": [{"name": "bank", "frontends": ["front1"]}],
    "omit": ["bank"],
}
ANSWERS: tuple[dict[str, Any] | None, ...] = (
    {},
    {"csrs": []},
    {"csrs": {"own": 1}},
    {"csrs": [{"csr": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"}]},
    {"csrs": [{"csr": 7}] * 9, "installed": "x", "recipient": ["x"], "keyless": 7},
    None,
)
"""What the hostile one adds to its results besides facts; None when it says nothing."""


def rows(times: int, place: Path) -> Iterator[Result]:
    """The row."""
    row, started = Result(NAME), time.monotonic()
    with Lab(_OPTIONS) as lab:
        for number in range(times * len(ANSWERS)):
            folder = place / str(number)
            folder.mkdir(parents=True)
            _Fleet(lab, folder, ANSWERS[number % len(ANSWERS)]).play(row)
    row.seconds = time.monotonic() - started
    yield row


@dataclass
class _Fleet:
    """A new store and two new frontends, one of which is hostile."""

    lab: Lab
    folder: Path
    answer: dict[str, Any] | None
    problems: list[str] = field(default_factory=list)

    def play(self, row: Result) -> None:
        """Renew, deploy and report, and see who has what."""
        output = self._renew()
        faults = [list(problems_of_live(each.folder(self.folder / "front2"), each)) for each in _WANTED]
        self.problems += [
            f"the innocent one: {each} {fault}" for each, fault in zip(_WANTED, faults, strict=True) if fault
        ]
        stolen = (self.folder / "front1/certificates/bank").exists()
        self.problems += ["the hostile one got the other's key"] * stolen
        self.problems += ["nothing was reported"] * (not (self.folder / "page.html").exists())
        self.problems += ["a traceback was shown"] * ("Traceback (most recent call last)" in output)
        row.times += 1
        row.wanted += len(_WANTED)
        row.obtained += faults.count([])
        row.lost += stolen + len(_WANTED) - faults.count([])
        row.problems += [f"{self.answer}: {problem}" for problem in self.problems]

    def _renew(self) -> str:
        path = self.folder / "python3"
        python = silent_python(path) if self.answer is None else lying_python(path, _FACTS, **self.answer)
        inventory = inventory_of(self.folder / "more.yml", {"front1": {"ansible_python_interpreter": python}})
        variables = {
            "certfleet_certificates": [{**each, "key_types": ["ecdsa-p256"], "profile": "classic"} for each in _LIST],
            "certfleet_terms_agreed": True,
            "certfleet_store": str(self.folder / "store"),
            "certfleet_frontend_path": f"{self.folder}/{{{{ inventory_hostname }}}}",
            "certfleet_fail_on": "never",
            "certfleet_host_timeout": _SILENCE,
            "certfleet_report_page": str(self.folder / "page.html"),
        }
        return run_playbook(self.lab, "certfleet.acme.renew", "-i", str(inventory), variables=variables).output
