# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every address of every responder gives every value, over UDP and over TCP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .._core.clock import Clock
from .._core.polling import rounds
from .answer import Answer, AnswerReader, make_query
from .exchange import LARGEST_MESSAGE, TRANSPORTS, Endpoint, Exchange, Outcome, Query, Reply, Silence, Transport
from .record import TxtRecord
from .responder import Responder
from .tolerance import ROUNDS, judge
from .verdict import Verdict

# An address that lags usually lacks everything, so it is asked for a few values
# first, and for the rest only when it has those.
SAMPLE = 16

LARGEST_UNLISTED = 4096
"""How many bytes an answer of a server may have that only NS records name: some seventy values of one name."""


class Wanted(NamedTuple):
    """The values wanted in a zone (or wanted gone from it) by owner name, and who has to give them."""

    zone: str
    values: Mapping[str, frozenset[str]]
    responders: Sequence[Responder]
    absent: bool = False


@dataclass
class _Watch:
    """One address and transport, and what it has shown of one zone so far."""

    responder: str
    endpoint: Endpoint
    transport: Transport
    zone: str
    values: Mapping[str, frozenset[str]]
    absent: bool
    listed: bool
    lacking: dict[str, frozenset[str]] = field(default_factory=dict)
    problem: str | None = None
    answered: set[str] = field(default_factory=set)
    seconds: float = 0.0
    largest: int = 0
    largest_text: int = 0
    largest_name: str = ""

    def query(self, wire: bytes) -> Query:
        """The question to this address."""
        return Query(self.endpoint, self.transport, wire, LARGEST_MESSAGE if self.listed else LARGEST_UNLISTED)

    def take(self, owner: str, outcome: Outcome, answer: Answer | None) -> None:
        """Note what an answer shows."""
        if isinstance(outcome, Silence) or answer is None:
            self.problem = outcome.reason if isinstance(outcome, Silence) else None
            return
        self.answered.add(owner)
        self.largest = max(self.largest, answer.size)
        if answer.text_size > self.largest_text:
            self.largest_text, self.largest_name = answer.text_size, owner
        problem = answer.problem
        if problem is not None:
            self.problem = problem
            return
        left = self.values[owner] & answer.values if self.absent else self.values[owner] - answer.values
        if left:
            self.lacking[owner] = left
            self.problem = f"{owner} is a CNAME record there" if answer.alias else None
        else:
            del self.lacking[owner]

    @property
    def is_silent(self) -> bool:
        """Whether it never answered about anything that it lacks."""
        return self.answered.isdisjoint(self.lacking)

    def verdict(self) -> Verdict:
        """What is to be said in the end."""
        lacking = tuple(
            TxtRecord(owner, value) for owner, left in sorted(self.lacking.items()) for value in sorted(left)
        )
        wanted = sum(len(values) for values in self.values.values())
        return Verdict(
            responder=self.responder,
            address=self.endpoint.address,
            port=self.endpoint.port,
            transport=self.transport,
            zone=self.zone,
            wanted=wanted,
            found=wanted - len(lacking),
            lacking=lacking,
            seconds=self.seconds,
            problem=self.problem if lacking else None,
            largest_response=self.largest,
            largest_text=self.largest_text,
            absent=self.absent,
            silent=frozenset(record for record in lacking if record.name not in self.answered),
            largest_name=self.largest_name,
            listed=self.listed,
        )


class Propagation:
    """Asks every address for every value, again and again for what is lacking, until a deadline."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._reader = AnswerReader()

    def watch(self, wanted: Iterable[Wanted], wait_seconds: float, sure_seconds: float | None = None) -> list[Verdict]:
        """One verdict for each zone, address and transport; only what is lacking is asked for again.

        It ends before the deadline when everything is there, and with
        ``sure_seconds`` also when nothing but silence that can be passed over is
        left, for so long at least and in three rounds of questions.
        """
        sought = list(wanted)
        watches = [watch for zone in sought for watch in _watches(zone)]
        unresolved = [verdict for zone in sought for verdict in _unresolved(zone)]
        wires = {owner: make_query(owner, "TXT") for zone in sought for owner in zone.values}
        start = self._clock.monotonic()
        deadline = start + wait_seconds
        for number in rounds(self._clock, deadline):
            everything = number == 0 or self._clock.monotonic() >= deadline
            self._round([watch for watch in watches if watch.lacking], wires, start, everything)
            if not any(watch.lacking for watch in watches):
                break
            sure = sure_seconds is not None and self._clock.monotonic() - start >= sure_seconds
            if sure and number + 1 >= ROUNDS and _is_tolerable(watches, unresolved):
                break
        return [*(watch.verdict() for watch in watches), *unresolved]

    def _round(self, watches: Sequence[_Watch], wires: Mapping[str, bytes], start: float, everything: bool) -> None:
        if everything:
            self._ask([(watch, owner) for watch in watches for owner in watch.lacking], wires, start)
        else:
            samples = [(watch, list(watch.lacking)[:SAMPLE]) for watch in watches]
            self._ask([(watch, owner) for watch, owners in samples for owner in owners], wires, start)
            caught_up = [watch for watch, owners in samples if watch.lacking.keys().isdisjoint(owners)]
            self._ask([(watch, owner) for watch in caught_up for owner in watch.lacking], wires, start)
        now = self._clock.monotonic() - start
        for watch in watches:
            if watch.lacking:
                watch.seconds = now

    def _ask(self, asked: Sequence[tuple[_Watch, str]], wires: Mapping[str, bytes], start: float) -> None:
        queries = [watch.query(wires[owner]) for watch, owner in asked]
        began = self._clock.monotonic() - start
        outcomes = self._exchange.ask(queries) if queries else []
        for (watch, owner), outcome in zip(asked, outcomes, strict=True):
            answer = self._reader.read(outcome.wire, owner) if isinstance(outcome, Reply) else None
            watch.take(owner, outcome, answer)
            watch.seconds = max(watch.seconds, began + outcome.seconds)


def _is_tolerable(watches: Sequence[_Watch], unresolved: Sequence[Verdict]) -> bool:
    """Whether nothing but silence that can be passed over keeps the values from being verified."""
    if not all(watch.is_silent for watch in watches):
        return False
    return not judge([*(watch.verdict() for watch in watches), *unresolved]).failed


def _watches(wanted: Wanted) -> list[_Watch]:
    return [
        _Watch(
            responder.name,
            endpoint,
            transport,
            wanted.zone,
            wanted.values,
            wanted.absent,
            responder.listed,
            dict(wanted.values),
        )
        for responder in wanted.responders
        for endpoint in responder.endpoints
        for transport in TRANSPORTS
    ]


def _unresolved(wanted: Wanted) -> list[Verdict]:
    """A verdict for each host name of a listed responder that has no address."""
    lacking = tuple(
        TxtRecord(owner, value) for owner, values in sorted(wanted.values.items()) for value in sorted(values)
    )
    return [
        Verdict(
            responder.name, host, 0, transport, wanted.zone, len(lacking), 0, lacking, 0.0,
            "the host name has no address", 0, wanted.absent, frozenset(lacking),
        )
        for responder in wanted.responders
        for host in responder.unresolved
        for transport in TRANSPORTS
    ]  # fmt: skip
