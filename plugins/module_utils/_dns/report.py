# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of publishing, verifying or withdrawing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .._core.errors import Error
from .plan import Origins
from .publication import Update
from .record import TxtRecord
from .tolerance import Judgement, Lack, name_zones
from .verdict import Verdict
from .zone import Place

# What fits into one UDP datagram everywhere (the DNS flag day of 2020).
LARGEST_RESPONSE = 1232


class PropagationError(Error):
    """A value is not on every responder, or not gone from every one."""


@dataclass(frozen=True)
class Report:
    """``failed`` has the records that did not get there, each with the reason; the others did.

    ``unreached`` has those that some primaries took and others did not, as they
    could not be reached: whether that matters is for the verification to say.
    ``messages`` counts UPDATE messages by responder. ``notes`` are sentences
    about what is worth knowing and stopped nothing.
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    updates: Sequence[Update] = ()
    verdicts: Sequence[Verdict] = ()
    failed: Mapping[TxtRecord, Error] = field(default_factory=dict)
    unreached: Mapping[TxtRecord, Error] = field(default_factory=dict)
    messages: Mapping[str, int] = field(default_factory=dict)
    changed: bool = False
    notes: Sequence[str] = ()

    def after(self, published: Report) -> Report:
        """The same, with the failures of a verification explained by what kept the values from a primary before."""
        failed = {
            record: PropagationError(f"{published.unreached[record].message}. {error.message}", **error.details)
            if record in published.unreached
            else error
            for record, error in self.failed.items()
        }
        return replace(self, failed=failed)


def failed_updates(updates: Sequence[Update], origins: Origins) -> dict[TxtRecord, Error]:
    """The records that a responder did not take, each with the errors of all that did not."""
    errors: dict[TxtRecord, dict[str, Error]] = defaultdict(dict)
    for update in updates:
        if update.error:
            for edit in update.edits:
                for record in origins.get(edit.record, [edit.record]):
                    errors[record].setdefault(update.error.message, update.error)
    return {record: _joined(list(found.values())) for record, found in errors.items()}


def unreached_records(
    updates: Sequence[Update], origins: Origins, count_primaries: Callable[[str], int]
) -> set[TxtRecord]:
    """Those records of :func:`failed_updates` that nobody refused, and that not all primaries of a zone failed to take.

    What was to be removed is never among them: nobody looks later whether it is gone.
    """
    silent: dict[TxtRecord, set[str]] = defaultdict(set)
    unforgiven: set[TxtRecord] = set()
    for update in updates:
        if update.error is None:
            continue
        for edit in update.edits:
            silent[edit.record].add(update.responder)
            primaries = count_primaries(update.zone)
            if not (update.is_unreached and edit.adding and len(silent[edit.record]) < primaries):
                unforgiven.add(edit.record)
    forgiven = silent.keys() - unforgiven
    return {origin for record in forgiven for origin in origins.get(record, [record])}


def unreached_notes(updates: Sequence[Update]) -> list[str]:
    """A sentence for each primary that could not be reached."""
    zones: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for update in updates:
        if update.error is not None and update.is_unreached:
            details = update.error.details
            zones[update.responder, details["address"], details["code"]].append(update.zone)
    return [
        f"{responder} {address} took no update of {name_zones(found)} ({code})"
        for (responder, address, code), found in zones.items()
    ]


def _joined(errors: Sequence[Error]) -> Error:
    if len(errors) == 1:
        return errors[0]
    return Error(". ".join(error.message for error in errors), refusals=[error.details for error in errors])


def failed_verdicts(judgement: Judgement, origins: Origins) -> dict[TxtRecord, Error]:
    """The records that are lacking somewhere, each with the addresses that lack it."""
    return {
        origin: _propagation_error(origin, lack)
        for record, lack in judgement.failed.items()
        for origin in origins.get(record, [record])
    }


def _propagation_error(record: TxtRecord, lack: Lack) -> PropagationError:
    state = "not gone from" if lack.verdicts[0].absent else "not on"
    sentences = [verdict.sentence() for verdict in lack.verdicts]
    message = f"The value for {record.name} is {state} every responder: {'; '.join(sentences)}"
    if lack.silence and not lack.strict:
        message += f". Only {lack.verified} of {lack.responders} responders verified, and more than half have to"
    unlisted = ", ".join(dict.fromkeys(f"{v.responder} {v.where}" for v in lack.verdicts if not v.listed))
    if unlisted:
        message += (
            f". Not among the responders, but named by the NS records of the zone: {unlisted}. "
            "check_name_servers=false leaves such servers out"
        )
    return PropagationError(message, name=record.name, verdicts=sentences)


def size_notes(verdicts: Sequence[Verdict]) -> list[str]:
    """A note for each responder that has more values at a name than fit into one UDP datagram."""
    largest: dict[tuple[str, str], Verdict] = {}
    for verdict in verdicts:
        known = largest.setdefault((verdict.responder, verdict.zone), verdict)
        if verdict.largest_text > known.largest_text:
            largest[verdict.responder, verdict.zone] = verdict
    return [
        f"An answer of {responder} about {verdict.largest_name} has {verdict.largest_text} bytes, more than the "
        f"{LARGEST_RESPONSE} that fit into one datagram: sweep values that nobody needs any more"
        for (responder, _zone), verdict in largest.items()
        if verdict.largest_text > LARGEST_RESPONSE
    ]


def noting_what_is_left(report: Report) -> Report:
    """The same with a note for each reason why values could not be withdrawn: nobody waits for a withdrawal."""
    reasons = dict.fromkeys(error.message for error in report.failed.values())
    left = [f"{reason}. Values may be left there; the next run withdraws them" for reason in reasons]
    return replace(report, notes=[*report.notes, *left])
