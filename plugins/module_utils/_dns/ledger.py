# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was published and not yet withdrawn, on disk, so that nothing is left behind after a crash."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import dns.exception
import dns.name

from .._core.errors import BrokenRecordError, StoreError
from .._core.files import Files
from .plan import Plan
from .record import LONGEST_STRING, TxtRecord

FOLDER = "dns"
_LABEL = r"[!-\-/-~]{1,63}"  # printable ASCII without the dot
_DOMAIN = re.compile(rf"({_LABEL}(\.{_LABEL})*)?")


@dataclass(frozen=True, order=True)
class Entry:
    """A value that a responder may hold: written before the update is sent, so it may never have got there.

    ``name`` is what the value is for, and ``owner`` where it was written.
    """

    responder: str
    zone: str
    owner: str
    value: str
    name: str

    @property
    def record(self) -> TxtRecord:
        """The value at its owner name."""
        return TxtRecord(self.owner, self.value)

    @property
    def origin(self) -> TxtRecord:
        """The value at the name that it is for."""
        return TxtRecord(self.name, self.value)


class Ledger:
    """One file for each responder, ``dns/<responder>.json``, replaced as a whole on every change.

    Whoever uses it keeps other runs out while it does (the store's lock).
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    def entries(self) -> list[Entry]:
        """All values not yet withdrawn, at every responder whose file can be read."""
        found, _problems = self._read_all()
        return found

    def problems(self) -> dict[str, str]:
        """Why it is not known what is left on a responder, by its name."""
        _found, problems = self._read_all()
        return problems

    def note(self, plan: Plan) -> set[tuple[str, TxtRecord]]:
        """Write down what is about to be published; on disk when this returns.

        The values that were not known before are returned, each with its responder's name.
        """
        self._files.sweep(FOLDER)
        added: dict[str, set[Entry]] = defaultdict(set)
        for change in plan.changes:
            responder = change.responder.name
            for record in change.add:
                names = [origin.name for origin in plan.origins.get(record, [record])]
                added[responder].update(
                    Entry(responder, change.zone, record.name, record.value, name) for name in names
                )
        new: set[tuple[str, TxtRecord]] = set()
        for responder, entries in added.items():
            known = self._take(responder)
            if entries - known:
                self._write(responder, known | entries)
            before = {entry.record for entry in known}
            new.update((responder, entry.record) for entry in entries if entry.record not in before)
        return new

    def strike(self, gone: Iterable[tuple[str, TxtRecord]]) -> None:
        """Cross out values that a responder, given by name, confirmed to be gone."""
        by_responder: dict[str, set[TxtRecord]] = defaultdict(set)
        for responder, record in gone:
            by_responder[responder].add(record)
        for responder, records in by_responder.items():
            known = self._take(responder)
            left = {entry for entry in known if entry.record not in records}
            if left != known:
                self._write(responder, left)

    def _read_all(self) -> tuple[list[Entry], dict[str, str]]:
        found: list[Entry] = []
        problems: dict[str, str] = {}
        for responder in [name[:-5] for name in self._files.names(FOLDER) if name.endswith(".json")]:
            try:
                found.extend(sorted(self._read(responder)))
            except StoreError as error:
                problems[responder] = error.message
        return found, problems

    def _take(self, responder: str) -> set[Entry]:
        """What is known, to be written anew; a file of no use is set aside, as it must not end all renewals."""
        try:
            return self._read(responder)
        except StoreError:
            self._files.set_aside(f"{FOLDER}/{responder}.json")
            return set()

    def _read(self, responder: str) -> set[Entry]:
        path = f"{FOLDER}/{responder}.json"
        content = self._files.read_json(path) or {}
        try:
            entries = {Entry(responder=responder, **value) for value in content.get("values", [])}
            if all(_is_sound(entry) for entry in entries):
                return entries
        except TypeError:
            pass
        raise BrokenRecordError(f"The file {self._files.path(path)} is not a ledger")

    def _write(self, responder: str, entries: set[Entry]) -> None:
        path = f"{FOLDER}/{responder}.json"
        values = [asdict(entry) for entry in sorted(entries)]
        for value in values:
            del value["responder"]
        if values:
            self._files.write_json(path, {"values": values})
        else:
            self._files.remove(path)


def _is_sound(entry: Entry) -> bool:
    """Whether it can have been published."""
    names = (entry.owner, entry.zone, entry.name)
    return all(map(_is_name, names)) and 0 < len(entry.value) <= LONGEST_STRING and entry.value.isascii()


def _is_name(text: str) -> bool:
    try:
        return bool(_DOMAIN.fullmatch(text) and dns.name.from_text(text))
    except dns.exception.DNSException:
        return False
