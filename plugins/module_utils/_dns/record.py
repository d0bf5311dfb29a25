# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value of a TXT RRset, which is all that this layer ever writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import dns.exception
import dns.name

from .._core.errors import InputError

LONGEST_STRING = 255
CHALLENGE_LABEL = "_acme-challenge"


@dataclass(frozen=True, order=True)
class TxtRecord:
    """A value at an owner name (lower case, ASCII, no final dot).

    ``strings`` are the character-strings as a server holds them; they are only
    set on records that were read, because removing a value takes the very same
    division into strings (RFC 2136 §2.5.4). ``ttl`` (in seconds) is set where
    the name has records already: all records of a set have the same.
    """

    name: str
    value: str
    strings: tuple[bytes, ...] = field(default=(), compare=False, repr=False)
    ttl: int | None = field(default=None, compare=False, repr=False)

    def wire_strings(self) -> tuple[bytes, ...]:
        """The value as character-strings of at most 255 bytes (RFC 1035 §3.3.14)."""
        if self.strings:
            return self.strings
        raw = self.value.encode("latin-1")
        return tuple(raw[start : start + LONGEST_STRING] for start in range(0, len(raw), LONGEST_STRING))


def normal_name(name: dns.name.Name) -> str:
    """The text of a name as this layer compares it."""
    return name.to_text(omit_final_dot=True).lower()


def parse_name(text: str, option: str, fewest: int = 2) -> str:
    """A name as people write it, in its normal form; InputError when it is none or has fewer labels."""
    try:
        parsed = dns.name.from_text(text.strip(), idna_codec=dns.name.IDNA_2008_Practical)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise InputError(option, text, f"is not a domain name: {error}") from error
    labels = len(parsed.labels) - 1
    if labels < fewest:
        raise InputError(option, text, "is not a full name" if labels else "is not a domain name: it is empty")
    return normal_name(parsed)


def parse_record(name: str, value: str, option: str = "records") -> TxtRecord:
    """A record as people write it; InputError, naming the option, for what can't be published."""
    if not value or not value.isascii() or not value.isprintable():
        raise InputError(option, value, f"is no TXT value for {name}: printable ASCII is needed")
    if len(value) > LONGEST_STRING:
        raise InputError(option, value, f"is too long for {name}: more than {LONGEST_STRING} characters")
    return TxtRecord(parse_name(name, option), value)


def is_within(name: str, zone: str) -> bool:
    """Whether the name is the zone's apex or below it."""
    return zone in (name, "") or name.endswith(f".{zone}")


def parents_of(name: str) -> list[str]:
    """The names above this one that have at least two labels, nearest first."""
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels) - 1)]


def values_by_name(records: Iterable[TxtRecord]) -> dict[str, frozenset[str]]:
    """The values of records by their owner names."""
    values: dict[str, set[str]] = defaultdict(set)
    for record in records:
        values[record.name].add(record.value)
    return {name: frozenset(found) for name, found in values.items()}
