# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the primaries hold at some names right now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .._core.errors import Error
from .answer import AnswerReader, make_query
from .exchange import Exchange, Query, Reply
from .record import TxtRecord, parents_of
from .responder import Responder


@dataclass(frozen=True)
class Holdings:
    """The TXT records by responder name and owner; where there was no answer, why, and whether it was silence."""

    records: dict[tuple[str, str], tuple[TxtRecord, ...]] = field(default_factory=dict)
    problems: dict[tuple[str, str], str] = field(default_factory=dict)
    silent: set[tuple[str, str]] = field(default_factory=set)

    def forgiving(self) -> Holdings:
        """The same without the problems of responders that are silent where another one answered."""
        answered = {owner for _responder, owner in self.records}
        problems = {
            key: problem for key, problem in self.problems.items() if key not in self.silent or key[1] not in answered
        }
        return replace(self, problems=problems)

    def at(self, responder: str, owner: str) -> tuple[TxtRecord, ...]:
        """The records a responder holds; none when it did not answer."""
        return self.records.get((responder, owner), ())

    def lacks(self, responder: str, record: TxtRecord) -> bool:
        """Whether a responder was asked, answered, and does not hold the record."""
        return record not in self.records.get((responder, record.name), (record,))

    def still_held(self, responder: str, records: Sequence[TxtRecord]) -> tuple[TxtRecord, ...]:
        """Those of the records that a responder holds or may hold, in the form it holds them in."""
        held = {found: found for record in records for found in self.at(responder, record.name)}
        return tuple(held.get(record, record) for record in records if not self.lacks(responder, record))

    def with_ttl(self, responder: str, record: TxtRecord) -> TxtRecord:
        """The record with the TTL that the records at its name have, if there are any."""
        return replace(record, ttl=next((held.ttl for held in self.at(responder, record.name)), None))

    def problem(self, responder: Responder, owner: str) -> str | None:
        """Why nobody knows what a responder holds at a name, or None when that is known."""
        if (responder.name, owner) in self.records:
            return None
        return self.problems.get((responder.name, owner), f"{responder.name}: its host name has no address")


def unknown_holdings(name: str, problem: str) -> Error:
    """The error for a name about which a primary does not say what it holds."""
    return Error(f"What {name} holds can't be found out: {problem}")


def read_holdings(exchange: Exchange, lookups: Iterable[tuple[Responder, str]]) -> Holdings:
    """Ask each responder for its owner names, all at once, at its first address that answers."""
    holdings, reader = Holdings(), AnswerReader()
    pending = [(responder, owner, 0) for responder, owner in dict.fromkeys(lookups) if responder.endpoints]
    wires = {owner: make_query(owner, "TXT") for _responder, owner, _rank in pending}
    while pending:
        queries = [Query(responder.endpoints[rank], "udp", wires[owner]) for responder, owner, rank in pending]
        again = []
        for (responder, owner, rank), outcome in zip(pending, exchange.ask(queries), strict=True):
            key = (responder.name, owner)
            answer = reader.read(outcome.wire, owner) if isinstance(outcome, Reply) else None
            if answer is not None and answer.problem is None:
                holdings.records[key] = answer.records
                holdings.problems.pop(key, None)
                continue
            reason = answer.problem if answer is not None else getattr(outcome, "reason", None)
            holdings.problems[key] = f"{responder.name} {responder.endpoints[rank]}: {reason}"
            if answer is not None:
                holdings.silent.discard(key)
            elif rank == 0:
                holdings.silent.add(key)
            if rank + 1 < len(responder.endpoints):
                again.append((responder, owner, rank + 1))
        pending = again
    return holdings


def without_wildcards(exchange: Exchange, holdings: Holdings, responders: Iterable[Responder]) -> Holdings:
    """The same without values that only come from a wildcard: they can't be removed at the name itself."""
    by_name = {responder.name: responder for responder in responders}
    above = {
        (responder, owner): [f"*.{parent}" for parent in parents_of(owner)]
        for (responder, owner), records in holdings.records.items()
        if records
    }
    lookups = [(by_name[responder], name) for (responder, _owner), names in above.items() for name in names]
    wild = read_holdings(exchange, lookups)
    kept = dict(holdings.records)
    for (responder, owner), names in above.items():
        values = {record.value for name in names for record in wild.at(responder, name)}
        kept[responder, owner] = tuple(record for record in kept[responder, owner] if record.value not in values)
    return Holdings(kept, holdings.problems)
