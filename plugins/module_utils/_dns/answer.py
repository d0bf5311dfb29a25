# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions as messages, and what an answer to one says."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import dns.flags
import dns.ipv4
import dns.ipv6
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from .._core.plain import cut
from .record import TxtRecord, normal_name
from .sections import Message, Record

# What resolvers ask for since the DNS flag day of 2020, with the DO bit that those of a CA set.
PAYLOAD = 1232
MALFORMED = "MALFORMED"

MOST_REMEMBERED = 8 << 20
"""How many bytes of answers are remembered at once."""

_ADDRESS: dict[int, tuple[int, Callable[[bytes], str]]] = {
    dns.rdatatype.A: (4, dns.ipv4.inet_ntoa),
    dns.rdatatype.AAAA: (16, dns.ipv6.inet_ntoa),
}
"""How long an address is, and how it is written."""


def make_query(name: str, record_type: str) -> bytes:
    """A question as a validating resolver puts it, but not asking for recursion."""
    before, after = _frame(record_type)
    return secrets.token_bytes(2) + before + dns.name.from_text(name).to_digestable() + after


@cache
def _frame(record_type: str) -> tuple[bytes, bytes]:
    """What a question has after its ID and after its name: the same for all names, and most of the work."""
    query = dns.message.make_query(dns.name.root, record_type, flags=0, use_edns=0, payload=PAYLOAD, want_dnssec=True)
    wire = query.to_wire()
    return wire[2:12], wire[13:]


class Answer(NamedTuple):
    """What a server says about one name; names are in their normal form.

    ``alias`` is the target of a CNAME at the name, ``zone`` the owner of the SOA
    record in the answer or beside its absence (RFC 2308 §3), ``below`` a zone
    that the name was delegated to, ``hosts`` the targets of NS records at the
    name and ``addresses`` all A and AAAA records by their owner. ``size`` is the
    whole message's in bytes, and ``text_size`` what it would be with nothing but the
    TXT records at the name: signatures and name servers can't be swept.
    """

    rcode: str
    authoritative: bool
    alias: str | None
    records: tuple[TxtRecord, ...]
    values: frozenset[str]
    zone: str | None
    below: str | None
    hosts: tuple[str, ...]
    addresses: dict[str, tuple[str, ...]]
    size: int
    text_size: int = 0

    @property
    def problem(self) -> str | None:
        """Why this is no authoritative statement about the name, or None when it is one."""
        if self.rcode not in ("NOERROR", "NXDOMAIN"):
            return self.rcode
        if self.authoritative:
            return None
        return f"not authoritative, refers to the servers of {cut(self.below)}" if self.below else "not authoritative"


def read_answer(wire: bytes, name: str) -> Answer:
    """What a message says about the name asked for; a broken one has the rcode MALFORMED."""
    try:
        return _read(Message(wire), normal_name(dns.name.from_text(name)), name)
    except (ValueError, IndexError, struct.error):
        return Answer(MALFORMED, False, None, (), frozenset(), None, None, (), {}, len(wire))


def _read(message: Message, owner: str, name: str) -> Answer:
    sections = message.sections()
    answer, authority, additional = map(_of_the_internet, (sections.answer, sections.authority, sections.additional))
    records = _texts(message, name, _at(owner, answer, dns.rdatatype.TXT))
    aliases = _targets(message, _at(owner, answer, dns.rdatatype.CNAME))
    return Answer(
        rcode=dns.rcode.to_text(dns.rcode.Rcode.make(sections.rcode)),
        authoritative=bool(message.flags & dns.flags.AA),
        alias=aliases[-1] if aliases else None,
        records=records,
        values=frozenset(record.value for record in records),
        zone=_owner([*answer, *authority], dns.rdatatype.SOA),
        below=_owner(authority, dns.rdatatype.NS),
        hosts=_targets(message, _at(owner, answer, dns.rdatatype.NS)),
        addresses=_addresses(message, [*answer, *additional]),
        size=len(message.wire),
        text_size=_text_size(name, records),
    )


class AnswerReader:
    """Reads answers and remembers them: servers that agree say the same to the byte, but for the ID."""

    def __init__(self) -> None:
        self._known: dict[bytes, Answer] = {}
        self._size = 0

    def read(self, wire: bytes, name: str) -> Answer:
        """What a message says about the name asked for; see :func:`read_answer`."""
        answer = self._known.get(wire[2:])
        if answer is None:
            answer = read_answer(wire, name)
            self._remember(wire[2:], answer)
        return answer

    def _remember(self, wire: bytes, answer: Answer) -> None:
        """Remember an answer, but not all that a server may think of: what was read takes twenty times its bytes."""
        self._size += len(wire)
        if self._size > MOST_REMEMBERED:
            self._known.clear()
            self._size = len(wire)
        self._known[wire] = answer


def _of_the_internet(section: list[Record]) -> list[Record]:
    """The records of class IN: what others hold is anybody's guess, and anybody may send some."""
    return [record for record in section if record.kind == dns.rdataclass.IN]


def _at(owner: str, section: list[Record], type_: int) -> list[Record]:
    return [record for record in section if record.type == type_ and record.owner == owner]


def _owner(section: list[Record], type_: int) -> str | None:
    return next((record.owner for record in section if record.type == type_), None)


def _targets(message: Message, records: list[Record]) -> tuple[str, ...]:
    """The names that the records lead to, each once."""
    found: dict[str, None] = {}
    for record in records:
        target, end = message.name(record.start)
        if end != record.end:
            raise ValueError("a name has another length than its record")
        found[target] = None
    return tuple(found)


def _text_size(name: str, records: Sequence[TxtRecord]) -> int:
    """Header, question, OPT record, and records whose owner name is compressed (RFC 1035 §4.1.4)."""
    texts = sum(12 + sum(len(part) + 1 for part in record.strings) for record in records)
    return 12 + len(dns.name.from_text(name).to_wire() or b"") + 4 + 11 + texts


def _texts(message: Message, name: str, records: list[Record]) -> tuple[TxtRecord, ...]:
    """The values, each once; the smallest TTL is that of all (RFC 2181 §5.2), and a negative one is 0 (§8)."""
    ttl = min((record.ttl if record.ttl < 1 << 31 else 0 for record in records), default=0)
    found = dict.fromkeys(_strings(message.wire[record.start : record.end]) for record in records)
    return tuple(TxtRecord(name, b"".join(strings).decode("latin-1"), strings, ttl) for strings in found)


def _strings(data: bytes) -> tuple[bytes, ...]:
    """The character-strings of a TXT record (RFC 1035 §3.3.14)."""
    strings, place = [], 0
    while place < len(data):
        end = place + 1 + data[place]
        strings.append(data[place + 1 : end])
        place = end
    if not data or place != len(data):
        raise ValueError("a TXT record ends too early")
    return tuple(strings)


def _addresses(message: Message, section: list[Record]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for record in section:
        if record.type in _ADDRESS:
            length, text = _ADDRESS[record.type]
            if record.end - record.start != length:
                raise ValueError("an address has another length")
            address = text(message.wire[record.start : record.end])
            found.setdefault(record.owner, {})[address] = None
    return {owner: tuple(addresses) for owner, addresses in found.items()}
