# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""http-01 in a run: the answers on every web server before the CA looks (RFC 8555 §8.3).

They are put on this host, where web servers redirect challenges to it. Only
Ansible can put them on others, so what needs that is parked until the next
call of the module, which is told what has its answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..._acme.challenge import http_01
from ..._core.errors import Error
from ..._http.challenge import ChallengeFile
from ..._http.verification import DEFAULT_RULES, Rules, Verdict, verify
from ..._http.webroot import place, take_away
from . import steps
from .run import Attempt, Placement, Run


@dataclass(frozen=True)
class Web:
    """How http-01 is answered: the folder on this host, how to look, for how many seconds, and what others have placed.

    ``unplaced`` is why they could not do so for a certificate, whose hosts are not what they have to be.
    """

    webroot: str
    rules: Rules = DEFAULT_RULES
    wait: float = 30.0
    placed: frozenset[str] = frozenset()
    unplaced: Mapping[str, Error] = field(default_factory=dict)


class WebAnswers:
    """The files that the attempts of a run need."""

    challenge = "http-01"

    def __init__(self, run: Run, web: Web) -> None:
        self._run = run
        self._web = web
        self._files: dict[Attempt, tuple[ChallengeFile, ...]] = {}
        self._here: list[ChallengeFile] = []

    def prepare(self) -> None:
        """Find out what is needed, and park what needs answers on other hosts that nobody has placed yet."""
        found = steps.answers_of(self._run, "http-01", http_01)
        for attempt, answers in found.items():
            files = tuple(
                ChallengeFile(identifier.value, path.rpartition("/")[2], content)
                for identifier, (path, content) in answers
            )
            hosts, target = attempt.decision.wanted.challenge_hosts, attempt.decision.target
            if not files:
                continue
            self._files[attempt] = files
            if not hosts:
                self._here += files
            elif problem := self._web.unplaced.get(str(target)):
                attempt.failure = problem
            elif str(target) not in self._web.placed:
                attempt.parked = True
                self._run.placements.append(Placement(target, hosts, files))

    def publish(self) -> None:
        """Have the files on this host, and look at every address of every name; who lacks one fails."""
        try:
            place(self._web.webroot, self._here)
        except Error as error:
            for attempt in self._run.going:
                if attempt in self._files and not attempt.decision.wanted.challenge_hosts:
                    attempt.failure = error
        going = [attempt for attempt in self._run.going if attempt in self._files]
        for addresses in dict.fromkeys(attempt.decision.wanted.challenge_addresses for attempt in going):
            alike = [each for each in going if each.decision.wanted.challenge_addresses == addresses]
            self._verify(alike, addresses)

    def withdraw(self) -> None:
        """Have none of them on this host any more."""
        try:
            take_away(self._web.webroot, self._here)
        except Error as error:
            self._run.note(f"Answers to challenges are left: {error.message}")

    def _verify(self, attempts: list[Attempt], addresses: tuple[str, ...]) -> None:
        # RSA and ECDSA need one and the same file
        files = list(dict.fromkeys(file for attempt in attempts for file in self._files[attempt]))
        wrong: dict[ChallengeFile, list[Verdict]] = {}
        for verdict in verify(files, addresses, self._web.wait, self._run.clock, rules=self._web.rules):
            if verdict.problem:
                wrong.setdefault(verdict.file, []).append(verdict)
        for attempt in attempts:
            lacking = {file: wrong[file] for file in self._files[attempt] if file in wrong}
            if lacking:
                attempt.failure = _describe(lacking)


def _describe(lacking: dict[ChallengeFile, list[Verdict]]) -> Error:
    sentences = [verdict.sentence() for verdicts in lacking.values() for verdict in verdicts]
    return Error(
        f"The answer to the challenge is not at every address: {'; '.join(sentences)}",
        identifiers={file.identifier: [verdict.problem for verdict in found] for file, found in lacking.items()},
        verdicts=sentences,
    )
