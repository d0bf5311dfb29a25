# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages as the engine reads them and as dnspython does."""

from __future__ import annotations

import struct

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.answer import MALFORMED, make_query, read_answer
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import normal_name
from ansible_collections.certfleet.acme.plugins.module_utils._dns.sections import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import domain, inputs, servers

NAME = domain.NAME
# the identifier is drawn by lot elsewhere; tests have to be called the same in every process
QUERY = b"\0\1" + make_query(NAME, "TXT")[2:]
WIRES = inputs.broken_bytes(domain.REPLIES) | servers.ANSWERS.map(lambda answers: answers[0].to(QUERY))


def of_class_in(section: list[dns.rrset.RRset], kind: str, owner: str = "") -> list[dns.rrset.RRset]:
    wanted = dns.rdatatype.from_text(kind)
    found = [each for each in section if each.rdclass == dns.rdataclass.IN and each.rdtype == wanted]
    return [each for each in found if not owner or each.name == dns.name.from_text(owner)]


@settings(max_examples=500, deadline=None)
@given(WIRES)
def test_what_dnspython_reads_is_read_alike(wire: bytes) -> None:
    try:
        message = dns.message.from_wire(wire, keyring=False)
    except (dns.exception.DNSException, ValueError):
        return
    answer, authority, additional = message.answer, message.authority, message.additional
    ours = read_answer(wire, NAME)
    assert ours.rcode == dns.rcode.to_text(message.rcode())
    texts = {tuple(item.strings) for rrset in of_class_in(answer, "TXT", NAME) for item in rrset}
    assert {record.strings for record in ours.records} == texts
    assert {record.ttl for record in ours.records} == {rrset.ttl for rrset in of_class_in(answer, "TXT", NAME)}
    aliases = [normal_name(item.target) for rrset in of_class_in(answer, "CNAME", NAME) for item in rrset]
    assert ours.alias == (aliases[-1] if aliases else None)
    hosts = {normal_name(item.target) for rrset in of_class_in(answer, "NS", NAME) for item in rrset}
    assert set(ours.hosts) == hosts
    zones = [normal_name(rrset.name) for rrset in of_class_in(answer + authority, "SOA")]
    assert ours.zone == (zones[0] if zones else None)
    below = [normal_name(rrset.name) for rrset in of_class_in(authority, "NS")]
    assert ours.below == (below[0] if below else None)
    addresses = {
        (normal_name(rrset.name), item.address)
        for kind in ("A", "AAAA")
        for rrset in of_class_in(answer + additional, kind)
        for item in rrset
    }
    assert {(owner, each) for owner, several in ours.addresses.items() for each in several} == addresses


@given(st.lists(st.binary(min_size=1, max_size=63), max_size=3))
def test_a_name_has_the_form_that_names_have_everywhere(labels: list[bytes]) -> None:
    name = dns.name.Name([*labels, b""])
    wire = name.to_wire()
    assert wire
    assert Message(wire).name(0) == (normal_name(name), len(wire))


def reply(*records: bytes) -> bytes:
    return QUERY[:2] + struct.pack("!HHHHH", 0x8400, 1, len(records), 0, 0) + QUERY[12:-11] + b"".join(records)


class Counting(Message):
    """Counts the runs of labels that are read."""

    read = 0

    def _labels(self, place: int) -> tuple[list[str], int, int, int | None]:
        self.read += 1
        return super()._labels(place)


def test_thousands_of_long_names_take_no_longer_than_a_large_message_may() -> None:
    head = struct.pack("!HHIH", dns.rdatatype.NS, dns.rdataclass.IN, 60, 5)
    first = b"\1a" * 100 + b"\xc0\x0c" + head[:8] + b"\0\2\xc0\x0c"
    place = struct.pack("!H", 0xC000 | len(reply()))
    names = [b"\2" + struct.pack("!H", number) + place for number in range(3200)]
    wire = reply(first, *(name + head + name for name in names))
    assert len(wire) < 65536
    message = Counting(wire)
    assert len(message.sections().answer) == 3201
    assert message.read < 10_000, "of the hundred labels in each name, all but a few were read for another one"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        QUERY[:11],
        reply(b"\xc0\xff" + bytes(10)),
        reply(b"\xc0" + bytes([len(reply())]) + bytes(10)),
        reply(b"\x40" + bytes(10)),
        reply(b"\1a" * 127 + b"\xc0\x0c" + bytes(10)),
        reply() + b"\0",
        reply(b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, 0)),
        reply(b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, 2) + b"\5a"),
        reply(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 3) + b"abc"),
        reply(b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 3) + b"\xc0\x0c\0"),
        reply(*[b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)] * 2),
    ],
)
def test_a_broken_message_says_nothing(wire: bytes) -> None:
    assert read_answer(wire, NAME).rcode == MALFORMED
