# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on which responder, before anything is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .._core.errors import Error
from .holdings import Holdings
from .record import TxtRecord
from .responder import Responder
from .update import Change
from .zone import LocationError, Place

Origins = Mapping[TxtRecord, Sequence[TxtRecord]]

# Records at their owner names that belong on a primary of a zone.
Assigned = tuple[Responder, str, list[TxtRecord]]


@dataclass(frozen=True)
class Plan:
    """Changes at the primaries.

    ``origins`` leads from a record at its owner name back to the records that
    the caller named (several, when CNAME records bring names together), and
    ``holdings`` is what the primaries held when they were asked. ``gone`` are
    values to withdraw that a responder, given by name, turned out not to hold.
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    origins: Origins = field(default_factory=dict)
    failed: Mapping[TxtRecord, Error] = field(default_factory=dict)
    holdings: Holdings = field(default_factory=Holdings)
    gone: tuple[tuple[str, TxtRecord], ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything has to be sent."""
        return bool(self.changes)

    def additions(self) -> set[tuple[str, TxtRecord]]:
        """The records that are added, each with its responder's name."""
        return {(change.responder.name, record) for change in self.changes for record in change.add}

    def hidden_hosts(self) -> list[str]:
        """The hosts that have no address as long as the values that are added are there (see :mod:`.wildcard`)."""
        owners = {record.name for change in self.changes for record in change.add}
        return [place.hides for place in self.places.values() if place.hides and place.owner in owners]


def place_records(
    records: Iterable[TxtRecord], places: Mapping[str, Place], unplaced: Mapping[str, Error]
) -> tuple[dict[TxtRecord, list[TxtRecord]], dict[TxtRecord, Error]]:
    """Move records to the owner names where they are written; those that have no place fail."""
    origins: dict[TxtRecord, list[TxtRecord]] = defaultdict(list)
    failed: dict[TxtRecord, Error] = {}
    for record in dict.fromkeys(records):
        place = places.get(record.name)
        if place is None:
            failed[record] = unplaced[record.name]
        else:
            origins[TxtRecord(place.owner, record.value, record.strings)].append(record)
    return origins, failed


def by_zone(origins: Origins, places: Mapping[str, Place]) -> dict[str, list[TxtRecord]]:
    """The records at their owner names, by zone."""
    zones: dict[str, list[TxtRecord]] = defaultdict(list)
    for record, sources in origins.items():
        zones[places[sources[0].name].zone].append(record)
    return zones


def primaries_of(responders: Sequence[Responder], zone: str) -> list[Responder]:
    """The responders that take updates of a zone."""
    return [responder for responder in responders if responder.updates and responder.serves(zone)]


def without_primary(zone: str, name: str) -> LocationError:
    """The error for a zone that no listed responder takes updates for."""
    return LocationError(f"No responder that takes updates serves zone {zone}, where the value for {name} belongs")


def real_changes(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Those changes that change something."""
    return tuple(change for change in changes if change.add or change.remove)


def merged(assigned: Iterable[Assigned]) -> list[Assigned]:
    """The same with each responder and zone, and each of their records, only once."""
    found: dict[tuple[Responder, str], dict[TxtRecord, None]] = defaultdict(dict)
    for responder, zone, records in assigned:
        found[responder, zone].update(dict.fromkeys(records))
    return [(responder, zone, list(records)) for (responder, zone), records in found.items()]
