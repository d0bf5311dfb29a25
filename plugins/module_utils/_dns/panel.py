# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The responders as one body to put questions to: the first authoritative answer counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .answer import Answer, make_query, read_answer
from .exchange import Endpoint, Exchange, Query, Silence
from .responder import Responder


class Question(NamedTuple):
    """A name and a record type."""

    name: str
    type: str


class NoAnswer(NamedTuple):
    """Why none of the responders said anything authoritative, one reason an address."""

    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(self.reasons) or "no responder serves it"


class Panel:
    """Asks one address a question, and the next one only when that gave no authoritative answer."""

    def __init__(self, exchange: Exchange, responders: Sequence[Responder]) -> None:
        self._exchange = exchange
        # Primaries first: they know of a change before the others do.
        self._responders = sorted(responders, key=lambda responder: not responder.updates)
        self._silent: set[Endpoint] = set()

    def ask(self, questions: Iterable[Question]) -> dict[Question, Answer | NoAnswer]:
        """The answer to each question, or why there is none."""
        found: dict[Question, Answer | NoAnswer] = {}
        reasons: dict[Question, list[str]] = {question: [] for question in questions}
        asked: dict[Question, set[Endpoint]] = {question: set() for question in reasons}
        while True:
            turns = []
            for question in [question for question in reasons if question not in found]:
                turn = self._next(question, asked[question])
                if turn is None:
                    found[question] = NoAnswer(tuple(reasons[question]))
                else:
                    turns.append((question, *turn))
                    asked[question].add(turn[1])
            if not turns:
                return found
            for question, result in self._round(turns):
                if isinstance(result, Answer):
                    found[question] = result
                else:
                    reasons[question].append(result)

    def _round(self, turns: list[tuple[Question, str, Endpoint]]) -> Iterator[tuple[Question, Answer | str]]:
        """Ask each question once: an answer, or why it is none."""
        queries = [Query(endpoint, "udp", make_query(*question)) for question, _name, endpoint in turns]
        for (question, name, endpoint), outcome in zip(turns, self._exchange.ask(queries), strict=True):
            if isinstance(outcome, Silence):
                self._silent.add(endpoint)
                yield question, f"{name} {endpoint}: {outcome.reason}"
                continue
            answer = read_answer(outcome.wire, question.name)
            yield question, answer if answer.problem is None else f"{name} {endpoint}: {answer.problem}"

    def _next(self, question: Question, asked: set[Endpoint]) -> tuple[str, Endpoint] | None:
        """Where to ask next: of every responder the first address, then the others; silent ones last."""
        left = [
            (endpoint in self._silent, rank, responder.name, endpoint)
            for responder in self._responders
            if responder.serves(question.name)
            for rank, endpoint in enumerate(responder.endpoints)
            if endpoint not in asked
        ]
        if not left:
            return None
        _silent, _rank, name, endpoint = min(left, key=lambda entry: entry[:2])
        return name, endpoint
