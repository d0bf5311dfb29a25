# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions as messages, and what an answer to one says."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from .record import TxtRecord, normal_name

# What resolvers ask for since the DNS flag day of 2020, with the DO bit that those of a CA set.
PAYLOAD = 1232
MALFORMED = "MALFORMED"

MOST_REMEMBERED = 8 << 20
"""How many bytes of answers are remembered at once."""

# A record of class ANY, when it is the first of its type that this process reads, makes dnspython take
# those of class IN for mere bytes from then on. Types that only class IN has are therefore loaded before.
for _type, _address in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1")):
    dns.rdata.from_text("IN", _type, _address)


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
        return f"not authoritative, refers to the servers of {self.below}" if self.below else "not authoritative"


def read_answer(wire: bytes, name: str) -> Answer:
    """What a message says about the name asked for; a broken one has the rcode MALFORMED."""
    try:
        message = dns.message.from_wire(wire, keyring=False)
    except (dns.exception.DNSException, ValueError):
        return Answer(MALFORMED, False, None, (), frozenset(), None, None, (), {}, len(wire))
    owner = dns.name.from_text(name)
    answer, authority, additional = map(_of_the_internet, (message.answer, message.authority, message.additional))
    records = tuple(_texts(name, _find(answer, owner, dns.rdatatype.TXT)))
    alias = _find(answer, owner, dns.rdatatype.CNAME)
    return Answer(
        rcode=dns.rcode.to_text(message.rcode()),
        authoritative=bool(message.flags & dns.flags.AA),
        alias=normal_name(alias[0].target) if alias else None,
        records=records,
        values=frozenset(record.value for record in records),
        zone=_owner(answer + authority, dns.rdatatype.SOA),
        below=_owner(authority, dns.rdatatype.NS),
        hosts=tuple(normal_name(item.target) for item in _find(answer, owner, dns.rdatatype.NS) or ()),
        addresses=_addresses(answer + additional),
        size=len(wire),
        text_size=_text_size(owner, records),
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


def _of_the_internet(section: list[dns.rrset.RRset]) -> list[dns.rrset.RRset]:
    """The records of class IN: dnspython reads others as mere bytes, whatever their type, and anybody may send some."""
    return [rrset for rrset in section if rrset.rdclass == dns.rdataclass.IN]


def _find(
    section: list[dns.rrset.RRset], owner: dns.name.Name, kind: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    return next((rrset for rrset in section if rrset.rdtype == kind and rrset.name == owner), None)


def _owner(section: list[dns.rrset.RRset], kind: dns.rdatatype.RdataType) -> str | None:
    return next((normal_name(rrset.name) for rrset in section if rrset.rdtype == kind), None)


def _text_size(owner: dns.name.Name, records: Sequence[TxtRecord]) -> int:
    """Header, question, OPT record, and records whose owner name is compressed (RFC 1035 §4.1.4)."""
    texts = sum(12 + sum(len(part) + 1 for part in record.strings) for record in records)
    return 12 + len(owner.to_wire() or b"") + 4 + 11 + texts


def _texts(name: str, rrset: dns.rrset.RRset | None) -> list[TxtRecord]:
    if rrset is None:
        return []
    found = [tuple(item.strings) for item in rrset]
    return [TxtRecord(name, b"".join(strings).decode("latin-1"), strings, rrset.ttl) for strings in found]


def _addresses(section: list[dns.rrset.RRset]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for rrset in section:
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name = normal_name(rrset.name)
            found[name] = found.get(name, ()) + tuple(item.address for item in rrset)
    return found
