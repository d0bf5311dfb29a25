# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls-alpn-01 in a run: this host answers by itself while the CA looks (RFC 8737), so that it is for a single host."""

from __future__ import annotations

from dataclasses import dataclass

from ..._acme.challenge import tls_alpn_01
from ..._core.errors import Error
from ..._x509.alpn import AlpnServer, Answer
from . import steps
from .run import Attempt, Run


@dataclass(frozen=True)
class Listener:
    """Where the CA comes to: an address of this host, all of them when it is empty, and a port."""

    address: str = ""
    port: int = 443


class AlpnAnswers:
    """The certificates that the attempts of a run need, and the server that shows them."""

    challenge = "tls-alpn-01"

    def __init__(self, run: Run, listener: Listener) -> None:
        self._run = run
        self._listener = listener
        self._server: AlpnServer | None = None
        self._answers: dict[Attempt, dict[str, Answer]] = {}

    def prepare(self) -> None:
        """Find out what is needed; what needs another certificate for a name that has one is parked, such as RSA beside ECDSA."""
        shown: dict[str, Answer] = {}
        for attempt, found in steps.answers_of(self._run, "tls-alpn-01", tls_alpn_01).items():
            answers = {name: Answer(identifier, digest) for identifier, (name, digest) in found}
            if any(shown.get(name, answer) != answer for name, answer in answers.items()):
                attempt.parked = True
            else:
                shown.update(answers)
                self._answers[attempt] = answers

    def publish(self) -> None:
        """Listen, if anything is needed; all that need it fail when something else does so already."""
        going = [attempt for attempt in self._run.going if self._answers.get(attempt)]
        if not going:
            return
        shown = {name: answer for attempt in going for name, answer in self._answers[attempt].items()}
        try:
            self._server = AlpnServer(self._listener.address, self._listener.port, shown)
        except Error as error:
            for attempt in going:
                attempt.failure = error

    def withdraw(self) -> None:
        """Listen no more."""
        if self._server:
            self._server.close()
