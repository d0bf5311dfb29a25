# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending changes to all responders at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._core.errors import Error
from .exchange import Endpoint, Exchange, Outcome, Query, Reply
from .record import TxtRecord
from .update import Change, Edit, build_update, chunks, fits, not_reached, read_refusal, refused, too_large

# Updates are written to disk by the server, and signed anew in a signed zone.
PATIENCE = 4.0
# An answer may hold all that was sent (RFC 2136 §3.8) and a signature, and reading more takes time.
BESIDE = 1024
# One bad name makes a server refuse the whole message. The message is then
# divided to find it; when so many pieces are all refused, it is not about names.
PIECES = 64
# What is said before anything is changed (RFC 2136 §3.1 to §3.4.1, RFC 8945 §5.2). SERVFAIL comes later, and also
# from a server that waited in vain for the one it passed the update on to.
UNDONE = ("FORMERR", "NOTIMP", "REFUSED", "NOTAUTH", "NOTZONE", "BADKEY", "BADSIG", "BADTIME")
ABOUT_NAMES = ("REFUSED", "NOTAUTH", "NOTZONE", "FORMERR", "BADKEY")


@dataclass(frozen=True)
class Update:
    """What became of some edits at one responder; ``error`` is None when it confirmed them.

    ``undone`` says that the error proves that nothing was changed.
    """

    responder: str
    address: str
    zone: str
    edits: tuple[Edit, ...]
    seconds: float
    error: Error | None
    undone: bool = False

    @property
    def is_unreached(self) -> bool:
        """Whether it failed as the responder gave no answer."""
        return self.error is not None and self.error.details.get("code") in ("TIMEOUT", "UNREACHABLE")

    def as_dict(self) -> dict[str, object]:
        """The update as a module returns it."""
        return {
            "responder": self.responder,
            "address": self.address,
            "zone": self.zone,
            "added": sum(edit.adding for edit in self.edits),
            "removed": sum(not edit.adding for edit in self.edits),
            "seconds": round(self.seconds, 3),
            "problem": self.error.message if self.error else None,
        }


@dataclass(frozen=True)
class _Parcel:
    """Edits for one message; ``rank`` counts the addresses that were tried before."""

    change: Change
    edits: tuple[Edit, ...]
    rank: int = 0

    @property
    def endpoint(self) -> Endpoint:
        return self.change.responder.endpoints[self.rank]

    @property
    def tried(self) -> str:
        """All addresses that it was sent to."""
        return ", ".join(map(str, self.change.responder.endpoints[: self.rank + 1]))


class Publication:
    """The sending of some changes: collects what became of them and counts the messages.

    With ``rehearsing`` the messages have no effect: they only show what a responder would say to the changes.
    """

    def __init__(self, exchange: Exchange, ttl: int, timeout: float, *, rehearsing: bool = False) -> None:
        self._exchange = exchange
        self._ttl = ttl
        self._patience = PATIENCE * timeout
        self._rehearsing = rehearsing
        self.updates: list[Update] = []
        self.messages: Counter[str] = Counter()

    def send(self, changes: Sequence[Change]) -> None:
        """Send each change in as few messages as possible, to each responder's first address that answers."""
        parcels = [_Parcel(change, edits) for change in changes for edits in chunks(change)]
        for parcel in [parcel for parcel in parcels if not parcel.change.responder.endpoints]:
            self._unresolved(parcel)
        parcels = [parcel for parcel in parcels if parcel.change.responder.endpoints]
        # chunks() leaves such a value alone in its parcel
        for parcel in [parcel for parcel in parcels if not fits(parcel.edits[0])]:
            self._settle(parcel, 0.0, too_large(parcel.change.responder, parcel.change.zone, parcel.edits[0]))
        parcels = [parcel for parcel in parcels if fits(parcel.edits[0])]
        while parcels:
            parcels = self._round(parcels)

    def _round(self, parcels: list[_Parcel]) -> list[_Parcel]:
        """Send every parcel once; the parcels that have to be sent again, elsewhere or in pieces."""
        wires = [self._build(parcel) for parcel in parcels]
        queries = [
            Query(parcel.endpoint, "tcp", wire, len(wire) + BESIDE)
            for parcel, (wire, _mac) in zip(parcels, wires, strict=True)
        ]
        outcomes = self._exchange.ask(queries, self._patience)
        again: list[_Parcel] = []
        divisible: dict[int, list[tuple[_Parcel, float, Error]]] = defaultdict(list)
        accepted: set[int] = set()
        for parcel, (_wire, mac), outcome in zip(parcels, wires, outcomes, strict=True):
            self.messages[parcel.change.responder.name] += 1
            error = self._judge(parcel, mac, outcome)
            if error is None:
                accepted.add(id(parcel.change))
                self._settle(parcel, outcome.seconds, None)
            elif not isinstance(outcome, Reply) and parcel.rank + 1 < len(parcel.change.responder.endpoints):
                again.append(_Parcel(parcel.change, parcel.edits, parcel.rank + 1))
            elif error.details["code"] in ABOUT_NAMES and len(parcel.edits) > 1:
                divisible[id(parcel.change)].append((parcel, outcome.seconds, error))
            else:
                self._settle(parcel, outcome.seconds, error)
        for change, refusals in divisible.items():
            again.extend(self._divide(refusals, hopeless=change not in accepted and len(refusals) >= PIECES))
        return again

    def _build(self, parcel: _Parcel) -> tuple[bytes, bytes]:
        change = parcel.change
        return build_update(change.zone, parcel.edits, self._ttl, change.responder.tsig_key, self._rehearsing)

    def _divide(self, refusals: list[tuple[_Parcel, float, Error]], hopeless: bool) -> Iterator[_Parcel]:
        for parcel, seconds, error in refusals:
            if hopeless:
                self._settle(parcel, seconds, error)
                continue
            middle = len(parcel.edits) // 2
            yield _Parcel(parcel.change, parcel.edits[:middle], parcel.rank)
            yield _Parcel(parcel.change, parcel.edits[middle:], parcel.rank)

    def _judge(self, parcel: _Parcel, mac: bytes, outcome: Outcome) -> Error | None:
        responder, zone = parcel.change.responder, parcel.change.zone
        if not isinstance(outcome, Reply):
            return not_reached(responder, parcel.tried, zone, outcome.kind.upper(), outcome.reason)
        refusal = read_refusal(outcome.wire, mac, responder.tsig_key)
        return refused(responder, parcel.endpoint, zone, refusal) if refusal else None

    def _settle(self, parcel: _Parcel, seconds: float, error: Error | None) -> None:
        change = parcel.change
        # an address that was tried before, and gave no answer, may have done it
        undone = error is not None and error.details["code"] in UNDONE and parcel.rank == 0
        self.updates.append(
            Update(change.responder.name, str(parcel.endpoint), change.zone, parcel.edits, seconds, error, undone)
        )

    def _unresolved(self, parcel: _Parcel) -> None:
        responder = parcel.change.responder
        host = ", ".join(responder.unresolved)
        error = not_reached(responder, host, parcel.change.zone, "UNREACHABLE", "the host name has no address")
        self.updates.append(Update(responder.name, host, parcel.change.zone, parcel.edits, 0.0, error))


def certainly_not_added(updates: Sequence[Update]) -> set[tuple[str, TxtRecord]]:
    """Each value that a responder did not take, for certain, with the responder's name."""
    return {
        (update.responder, edit.record) for update in updates if update.undone for edit in update.edits if edit.adding
    }


def confirmed_gone(updates: Sequence[Update]) -> Iterator[tuple[str, TxtRecord]]:
    """Each value that a responder confirmed to be gone, with the responder's name."""
    for update in updates:
        if update.error is None:
            for edit in update.edits:
                if not edit.adding:
                    yield update.responder, edit.record
