# SPDX-License-Identifier: GPL-3.0-or-later
"""What name servers send (RFC 1035, RFC 2136, RFC 8945)."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.update
from ansible_collections.certfleet.acme.plugins.module_utils._dns.answer import make_query, read_answer
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import TsigKey
from ansible_collections.certfleet.acme.plugins.module_utils._dns.update import read_refusal
from ansible_collections.certfleet.acme.plugins.module_utils._dns.wire import is_answer

NAME = "_acme-challenge.shop.example"
QUERY = make_query(NAME, "TXT")
KEY = TsigKey("key.example", "hmac-sha256", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")


def _reply(*records: tuple[str, str, str, str], rcode: int = 0) -> bytes:
    """An answer in wire form with these records: owner, class, type and data."""
    message = dns.message.make_response(dns.message.from_wire(QUERY))
    message.flags |= dns.flags.AA
    message.set_rcode(dns.rcode.Rcode(rcode))
    for number, (owner, kind_class, kind, data) in enumerate(records):
        section = (message.answer, message.authority, message.additional)[number % 3]
        section.append(dns.rrset.from_text(f"{owner}.", 60, kind_class, kind, data))
    return message.to_wire()


def _of_class_64(wire: bytes) -> bytes:
    """The same with the records of address in a class that nobody knows."""
    return wire.replace(b"\0\x01\0\x01\0\0\0\x3c", b"\0\x01\0\x40\0\0\0\x3c")


def _signed() -> bytes:
    update = dns.update.UpdateMessage("shop.example.")
    update.use_tsig(KEY.to_dnspython())
    wire = bytearray(update.to_wire())
    wire[2] |= 0x80
    return bytes(wire)


REPLIES = (
    _reply((NAME, "IN", "TXT", '"value" "more"')),
    _reply((NAME, "IN", "CNAME", "a\\.b\\000.shop.example."), ("shop.example", "IN", "NS", "ns\\@.shop.example.")),
    _reply((NAME, "IN", "NS", "ns.shop.example."), (NAME, "IN", "A", "192.0.2.1"), (NAME, "IN", "AAAA", "2001:db8::1")),
    _of_class_64(_reply((NAME, "IN", "A", "192.0.2.1"))),
    _reply((NAME, "CH", "TXT", '"chaos"'), ("shop.example", "IN", "SOA", "a. b. 1 2 3 4 5"), rcode=3),
    _reply(rcode=5),
    _signed(),
)


def read_message(wire: bytes) -> None:
    """An answer to a question, to an update, and the names in it asked for in turn."""
    is_answer(QUERY, wire)
    found = read_answer(wire, NAME)
    for name in (found.alias, found.zone, found.below, *found.hosts, *found.addresses):
        if name is not None:
            make_query(name, "A")
    for key in (None, KEY):
        read_refusal(wire, b"m" * 32, key)
