# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of a message (RFC 1035 §4.1), read in a time that its length limits.

dnspython builds and checks each name label by label, and a message of 64 KiB can hold thousands of long names that
are compressed to two bytes: it takes 20 seconds to read. Anybody can be the name server that sends such messages.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

LONGEST_NAME = 255
MOST_POINTERS = 127
_OPT = 41
_SPECIAL = '"().;\\@$'
# as dnspython writes the bytes of a label (RFC 4343 §2.1), in lower case
_TEXTS = tuple(
    f"\\{chr(each)}" if chr(each) in _SPECIAL else chr(each).lower() if 0x20 < each < 0x7F else f"\\{each:03}"
    for each in range(256)
)


class Record(NamedTuple):
    """A record: the owner is in its normal form, and ``start`` and ``end`` are where its data lies."""

    owner: str
    type: int
    kind: int
    ttl: int
    start: int
    end: int


class Sections(NamedTuple):
    """Answer, authority and additional records, and the code of the answer (RFC 6891 §6.1.3)."""

    rcode: int
    answer: list[Record]
    authority: list[Record]
    additional: list[Record]


class Message:
    """A message in wire form; ValueError for one that is broken."""

    def __init__(self, wire: bytes) -> None:
        self.wire = wire
        self._tails: dict[int, tuple[str, int]] = {}

    @property
    def flags(self) -> int:
        """The header's flags, with the lower half of the code."""
        return int.from_bytes(self.wire[2:4], "big")

    def sections(self) -> Sections:
        """All records."""
        try:
            flags, questions, *counts = struct.unpack_from("!HHHHH", self.wire, 2)
            place = 12
            for _number in range(questions):
                place = self.name(place)[1] + 4
            sections: list[list[Record]] = []
            for count in counts:
                records, place = self._records(place, count)
                sections.append(records)
        except (IndexError, struct.error) as error:
            raise ValueError("the message ends too early") from error
        if place != len(self.wire):
            raise ValueError("the message has bytes behind its end, or ends too early")
        options = [record for section in sections for record in section if record.type == _OPT]
        if len(options) > 1:
            raise ValueError("the message has two OPT records")
        extended = options[0].ttl >> 24 << 4 if options else 0
        return Sections(flags & 0x0F | extended, *sections)

    def _records(self, place: int, count: int) -> tuple[list[Record], int]:
        records = []
        for _number in range(count):
            owner, place = self.name(place)
            number, kind, ttl, length = struct.unpack_from("!HHIH", self.wire, place)
            start, place = place + 10, place + 10 + length
            records.append(Record(owner, number, kind, ttl, start, place))
        return records, place

    def name(self, place: int) -> tuple[str, int]:
        """The normal form of the name that begins at a place, and where it ends."""
        labels, size, end, target = self._labels(place)
        if target is not None:
            text, more = self._tail(target)
            labels, size = [*labels, *([text] if text else [])], size + more
        if size >= LONGEST_NAME:
            raise ValueError("a name is too long")
        return ".".join(labels) or ".", end

    def _tail(self, place: int) -> tuple[str, int]:
        """The text and the size of what a pointer leads to, which is read once."""
        found = self._tails.get(place)
        if found is None:
            labels, size = [], 0
            target: int | None = place
            for _pointer in range(MOST_POINTERS):
                if target is None:
                    break
                more, length, _end, target = self._labels(target)
                labels += more
                size += length
            if target is not None or size >= LONGEST_NAME:
                raise ValueError("a name is too long")
            found = self._tails[place] = ".".join(labels), size
        return found

    def _labels(self, place: int) -> tuple[list[str], int, int, int | None]:
        """The labels up to the name's end or a pointer: their size, where they end, and where the pointer leads."""
        wire, start = self.wire, place
        labels: list[str] = []
        while True:
            length = wire[place]
            if length >= 0xC0:
                target = (length & 0x3F) << 8 | wire[place + 1]
                if target >= start:
                    raise ValueError("a name points forward")
                return labels, place - start, place + 2, target
            if length > 0x3F or place - start >= LONGEST_NAME:
                raise ValueError("a name is too long, or has labels of an unknown type")
            if not length:
                return labels, place - start, place + 1, None
            label = wire[place + 1 : place + 1 + length]
            labels.append("".join(map(_TEXTS.__getitem__, label)))
            place += 1 + length
