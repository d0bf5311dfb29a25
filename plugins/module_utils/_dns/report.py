# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of publishing, verifying or withdrawing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .._core.errors import Error
from .plan import Origins
from .publication import Update
from .record import TxtRecord
from .verdict import Verdict
from .zone import Place

# What fits into one UDP datagram everywhere (the DNS flag day of 2020).
LARGEST_RESPONSE = 1232


class PropagationError(Error):
    """A value is not on every responder, or not gone from every one."""


@dataclass(frozen=True)
class Report:
    """``failed`` has the records that did not get there, each with the reason; the others did.

    ``messages`` counts UPDATE messages by responder. ``notes`` are sentences
    about what is worth knowing and stopped nothing.
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    updates: Sequence[Update] = ()
    verdicts: Sequence[Verdict] = ()
    failed: Mapping[TxtRecord, Error] = field(default_factory=dict)
    messages: Mapping[str, int] = field(default_factory=dict)
    changed: bool = False
    notes: Sequence[str] = ()


def failed_updates(updates: Sequence[Update], origins: Origins) -> dict[TxtRecord, Error]:
    """The records that a responder did not take, each with the errors of all that did not."""
    errors: dict[TxtRecord, dict[str, Error]] = defaultdict(dict)
    for update in updates:
        if update.error:
            for edit in update.edits:
                for record in origins.get(edit.record, [edit.record]):
                    errors[record].setdefault(update.error.message, update.error)
    return {record: _joined(list(found.values())) for record, found in errors.items()}


def _joined(errors: Sequence[Error]) -> Error:
    if len(errors) == 1:
        return errors[0]
    return Error(". ".join(error.message for error in errors), refusals=[error.details for error in errors])


def failed_verdicts(verdicts: Sequence[Verdict], origins: Origins) -> dict[TxtRecord, Error]:
    """The records that are lacking somewhere, each with the addresses that lack it."""
    lacking: dict[TxtRecord, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        for record in verdict.lacking:
            lacking[record].append(verdict)
    return {
        origin: _propagation_error(origin, found)
        for record, found in lacking.items()
        for origin in origins.get(record, [record])
    }


def _propagation_error(record: TxtRecord, verdicts: Sequence[Verdict]) -> PropagationError:
    state = "not gone from" if verdicts[0].absent else "not on"
    sentences = [verdict.sentence() for verdict in verdicts]
    message = f"The value for {record.name} is {state} every responder: {'; '.join(sentences)}"
    return PropagationError(message, name=record.name, verdicts=sentences)


def size_notes(verdicts: Sequence[Verdict]) -> list[str]:
    """A note for each responder whose answers are too large for one UDP datagram."""
    largest: dict[tuple[str, str], int] = {}
    for verdict in verdicts:
        key = (verdict.responder, verdict.zone)
        largest[key] = max(largest.get(key, 0), verdict.largest_response)
    return [
        f"An answer of {responder} from zone {zone} has {size} bytes, more than the {LARGEST_RESPONSE} that fit "
        "into one datagram: sweep values that nobody needs any more"
        for (responder, zone), size in largest.items()
        if size > LARGEST_RESPONSE
    ]
