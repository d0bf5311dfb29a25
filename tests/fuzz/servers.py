# SPDX-License-Identifier: GPL-3.0-or-later
"""What name servers send in a whole transfer of a zone (RFC 5936), and in all that a fleet asks them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rrset
import dns.xfr
import dns.zone
from ansible_collections.certfleet.acme.plugins.module_utils._core.hostnames import parse_choice
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import (
    Endpoint,
    Outcome,
    Query,
    Reply,
    Silence,
)
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.hostnames import find_hostnames
from ansible_collections.certfleet.acme.plugins.module_utils._dns.job import Job, parse_targets
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder
from ansible_collections.certfleet.acme.plugins.module_utils._dns.transfer import Source, read_zone, serial_of
from ansible_collections.certfleet.acme.plugins.module_utils._dns.wire import is_answer
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._core.fakes import FakeClock

from . import domain, inputs

ORIGIN = "shop.example"
SOURCE = Source(ORIGIN, Endpoint("192.0.2.53"), None)
SIGNED = Source(ORIGIN, Endpoint("192.0.2.53"), domain.KEY)
QUERY, _SERIAL = dns.xfr.make_query(dns.zone.Zone(ORIGIN), serial=None)
QUERY.id = 7
SOA = (f"{ORIGIN}.", "SOA", "ns.shop.example. admin.shop.example. 7 60 60 60 60")
HOSTS = (
    (f"www.{ORIGIN}.", "A", "192.0.2.1"),
    (f"www.{ORIGIN}.", "AAAA", "2001:db8::1"),
    (f"a\\.b\\000.{ORIGIN}.", "CNAME", f"www.{ORIGIN}."),
    (f"below.{ORIGIN}.", "NS", f"ns.below.{ORIGIN}."),
    (f"*.{ORIGIN}.", "HTTPS", "1 . alpn=h2"),
    ("www.elsewhere.example.", "A", "192.0.2.2"),
)


def _part(*records: tuple[str, str, str]) -> bytes:
    """A message of a transfer with these records: owner, type and data."""
    message = dns.message.make_response(QUERY)
    message.flags |= dns.flags.AA
    message.answer.extend(dns.rrset.from_text(owner, 60, "IN", kind, data) for owner, kind, data in records)
    return message.to_wire()


def _content(kind: str, data: str) -> bytes:
    """All of a record but its owner."""
    rdata = dns.rdata.from_text("IN", kind, data)
    wire = rdata.to_wire() or b""
    return struct.pack("!HHIH", rdata.rdtype, rdata.rdclass, 60, len(wire)) + wire


PARTS = (_part(SOA, *HOSTS, SOA), _part(SOA, HOSTS[0]), _part(*HOSTS[1:], SOA), _part(SOA, SOA), _part())
TRANSFERS = st.lists(inputs.broken_bytes(PARTS), min_size=1, max_size=3)

OWNERS = (
    "",
    "",
    "",
    f"{ORIGIN}.",
    f"*.{ORIGIN}.",
    f"{domain.NAME}.",
    "example.",
    ".",
    f"a\\.b.{ORIGIN}.",
    f"\\000.{ORIGIN}.",
)
RECORDS = (
    ("SOA", "ns.shop.example. admin.shop.example. 7 60 60 60 60"),
    ("TXT", '"value"'),
    ("TXT", '"value" "more"'),
    ("TXT", '""'),
    ("NS", f"ns.{ORIGIN}."),
    ("NS", "."),
    ("NS", "x\\000\\.y.shop.example."),
    ("A", "127.0.0.1"),
    ("A", "192.0.2.1"),
    ("AAAA", "::ffff:127.0.0.1"),
    ("AAAA", "fe80::1"),
    ("CNAME", f"_acme-challenge.other.{ORIGIN}."),
    ("CNAME", "\\." * 20 + f"{ORIGIN}."),
    ("CNAME", f"{domain.NAME}."),
    ("CNAME", "."),
    ("CNAME", ".".join("a" * 120) + "."),
    ("RRSIG", "TXT 8 2 60 20270101000000 20260101000000 1 shop.example. AAAA"),
)
"""Owners, of which an empty one is the name asked for, and what they may have."""


NAMES = {owner: (dns.name.from_text(owner).to_wire() or b"") if owner else b"\xc0\x0c" for owner in OWNERS}
CONTENTS = {record: _content(*record) for record in RECORDS}
"""The same as on the wire, where the name asked for is a pointer to the question (RFC 1035 §4.1.4)."""


class Answer(NamedTuple):
    """What a server says, whatever it is asked: sections of records, and junk that takes the place of other bytes."""

    flags: int
    rcode: int
    sections: list[list[tuple[str, tuple[str, str]]]]
    place: int
    junk: bytes

    def to(self, query: bytes) -> bytes:
        """The whole message, for an update one without records; bytes are only broken after the header."""
        is_update = query[2] & 0x78 == 0x28
        sections = [[], [], []] if is_update else self.sections
        flags = 0x8000 | (query[2] & 0x78) << 8 | self.flags | self.rcode
        head = query[:2] + struct.pack("!HHHHH", flags, not is_update, *map(len, sections))
        question = b"" if is_update else query[12 : query.index(b"\0", 12) + 5]
        records = [NAMES[owner] + CONTENTS[record] for section in sections for owner, record in section]
        body = question + b"".join(records)
        place = self.place % max(1, len(body))
        return head + body[:place] + self.junk + body[place + len(self.junk) :]


SECTION = st.lists(st.tuples(st.sampled_from(OWNERS), st.sampled_from(RECORDS)), max_size=3)
ANSWERS = st.lists(
    st.builds(
        Answer,
        st.sampled_from([int(dns.flags.AA), int(dns.flags.AA), 0, int(dns.flags.AA | dns.flags.TC)]),
        st.sampled_from([0, 0, 0, 0, 3, 2, 5, 9, 15]),
        st.tuples(SECTION, SECTION, SECTION).map(list),
        st.integers(0, 300),
        st.just(b"") | st.binary(max_size=3),
    ),
    min_size=1,
    max_size=6,
)


def read_transfer(wires: Sequence[bytes]) -> None:
    """The names of a zone, the transfer being signed or not."""
    zone = read_zone(SOURCE, QUERY, wires, 5)
    find_hostnames(zone, ("A", "AAAA", "CNAME", "HTTPS"), parse_choice([], [], wildcards=True))
    serial_of(zone)
    signed = dns.message.make_query(ORIGIN, "AXFR", id=7)
    signed.use_tsig(domain.KEY.to_dnspython())
    signed.to_wire()
    read_zone(SIGNED, signed, wires, 5)


class Hostile:
    """A name server whose next answer is the next of these, whatever it is asked."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = cycle(answers)

    def ask(self, queries: Sequence[Query], patience: float | None = None) -> list[Outcome]:
        """An answer to each question, if its beginning makes it one."""
        return [self._answer(query) for query in queries]

    def _answer(self, query: Query) -> Outcome:
        wire = next(self._answers).to(query.wire)
        if not is_answer(query.wire, wire):
            return Silence("timeout", "no answer within 5 s", 5.0)
        return Reply(wire, 0.01)


def ask_fleet(answers: Sequence[Answer]) -> None:
    """All that a list of names can be asked for, at a responder that answers so."""
    responder = Responder("fra", ("192.0.2.53",))
    exchange, clock = Hostile(answers), FakeClock()
    fleet = Fleet(
        [responder],
        clock,
        exchange=exchange,
        validation_zones=[ORIGIN],
        resolve=lambda _host: ["192.0.2.99"],
        routable=lambda _address: True,
    )
    for state, values in (("present", ["value"]), ("absent", ["value"]), ("swept", [])):
        Job(fleet, 0).carry_out(state, parse_targets([{"name": domain.NAME, "values": values}], state)).as_dict()
