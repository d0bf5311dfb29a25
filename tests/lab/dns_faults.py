# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a name server and those who ask it, as things that are done to messages."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig

from .model import TsigKey

Kind = Literal[
    "slow", "silent", "truncated", "deaf", "refused", "servfail", "lame", "garbage", "broken", "cut", "corrupt", "skewed",
    "strange",
]  # fmt: skip
Over = Literal["udp", "tcp"]
About = Literal["anything", "queries", "updates", "removals"]


@dataclass(frozen=True)
class Fault:
    """One way to misbehave.

    - `slow`: the server does what it is asked, and its answer comes `seconds` later.
    - `silent`: the message gets lost, and nothing comes back.
    - `truncated`: answers over UDP are empty and say that there is more over TCP.
    - `deaf`: TCP connections are closed as soon as they are made.
    - `refused`, `servfail`, `lame`: the server answers so, and does nothing; a lame one refers to others.
    - `garbage`: instead of the answer come one with another ID and noise.
    - `broken`: half of the answer comes, which nobody can read.
    - `cut`: the TCP connection ends in the middle of the answer.
    - `corrupt`: one bit of the answer's signature is another.
    - `strange`: each answer to a query has records of other classes besides, in all its sections.
    - `skewed`: a signed update arrives signed by `key` with a clock `seconds` behind; what the server says is its own.

    `about` which messages, at which of the proxy's `addresses` (all, if none is given), and how many of them (`most`).
    """

    kind: Kind
    seconds: float = 0.0
    key: TsigKey | None = None
    about: About = "anything"
    addresses: frozenset[str] = frozenset()
    most: int | None = None

    def concerns(self, wire: bytes, over: Over, address: str) -> bool:
        """Whether a message that came to one of the proxy's addresses is treated so."""
        if self.addresses and address not in self.addresses:
            return False
        if _OVER.get(self.kind, over) != over:
            return False
        if self.kind in ("corrupt", "skewed") and not is_update(wire):
            return False
        return _SUBJECTS[self.about](wire)


def is_update(wire: bytes) -> bool:
    """Whether a message is an UPDATE (RFC 2136)."""
    return len(wire) > 2 and (wire[2] >> 3) & 15 == 5


def is_removal(wire: bytes) -> bool:
    """Whether a message is an UPDATE that only removes something, which a rehearsal only seems to do."""
    if not is_update(wire) or _REHEARSED in wire:
        return False
    message = dns.message.from_wire(wire, keyring=False)
    return all(rrset.deleting is not None for rrset in message.sections[2])


_REHEARSED = b"certfleet-rehearsal"
_OVER: Mapping[Kind, Over] = {"truncated": "udp", "deaf": "tcp", "cut": "tcp"}
_SUBJECTS: Mapping[About, Callable[[bytes], bool]] = {
    "anything": lambda _wire: True,
    "queries": lambda wire: not is_update(wire),
    "updates": is_update,
    "removals": is_removal,
}


def fail(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """An answer that is nothing but an error, as servers give it without looking further."""
    return wire[:2] + bytes([0x80 | wire[2] & 0x78, int(rcode)]) + bytes(8)


def refer(wire: bytes) -> bytes:
    """The answer of a server that does not have the zone: to a query a referral, to an update NOTAUTH."""
    if is_update(wire):
        return fail(wire, dns.rcode.NOTAUTH)
    answer = dns.message.make_response(dns.message.from_wire(wire))
    parent = dns.name.Name(answer.question[0].name.labels[-2:])
    answer.authority.append(dns.rrset.from_text(parent, 60, "IN", "NS", "ns1.elsewhere.test."))
    return answer.to_wire()


INVENTED: Mapping[str, Callable[[bytes], bytes]] = {
    "refused": lambda wire: fail(wire, dns.rcode.REFUSED),
    "servfail": lambda wire: fail(wire, dns.rcode.SERVFAIL),
    "lame": refer,
}
"""Answers to a message that the server never gets."""


def truncate(answer: bytes) -> list[bytes]:
    """The header with the TC bit, and the question."""
    end = answer.index(b"\0", 12) + 5
    return [answer[:2] + bytes([answer[2] | 0x02]) + answer[3:6] + bytes(6) + answer[12:end]]


def spoil(answer: bytes) -> list[bytes]:
    """The answer to a question that nobody asked, and noise."""
    return [bytes([answer[0] ^ 0xFF]) + answer[1:], secrets.token_bytes(40)]


def corrupt(answer: bytes) -> list[bytes]:
    """The answer with one bit of its signature turned round; as it is when it has none."""
    message = dns.message.from_wire(answer, keyring=False)
    if not message.tsig or not message.tsig[0].mac:
        return [answer]
    place = answer.rfind(message.tsig[0].mac)
    return [answer[:place] + bytes([answer[place] ^ 1]) + answer[place + 1 :]]


STRANGERS = {
    "A": b"\1x\0\0\1",
    "AAAA": b"\0" * 16,
    "CNAME": b"\1x\0",
    "NS": b"\1x\0",
    "SOA": b"\0" * 22,
    "TXT": b"\1x",
}


def add_strangers(answer: bytes) -> list[bytes]:
    """The answer with records of the classes 64 and ANY, which a client may take for addresses, names and texts."""
    if is_update(answer):
        return [answer]
    message = dns.message.from_wire(answer, keyring=False)
    for kind, content in STRANGERS.items():
        for number in (64, dns.rdataclass.ANY):
            rdata = dns.rdata.GenericRdata(dns.rdataclass.RdataClass(number), dns.rdatatype.from_text(kind), content)
            for section in (message.answer, message.authority, message.additional):
                section.append(dns.rrset.from_rdata(message.question[0].name, 60, rdata))
    return [message.to_wire(max_size=65535)]


CHANGED: Mapping[str, Callable[[bytes], list[bytes]]] = {
    "truncated": truncate,
    "garbage": spoil,
    "corrupt": corrupt,
    "strange": add_strangers,
    "broken": lambda answer: [answer[: len(answer) // 2]],
    "cut": lambda answer: [answer[: len(answer) // 2]],
}
"""What becomes of the server's answer."""


def sign_earlier(wire: bytes, key: TsigKey, seconds: float) -> bytes:
    """A signed message as it is signed by someone whose clock is so many seconds behind."""
    message = dns.message.from_wire(wire, keyring=False)
    if not message.tsig:
        return wire
    owner = message.tsig.name
    template = message.tsig[0].replace(mac=b"")
    message.tsig = None
    bare = message.to_wire()
    secret = dns.tsig.Key(dns.name.from_text(key.name), key.secret, f"{key.algorithm}.")
    signed: dns.rdata.Rdata = dns.tsig.sign(bare, secret, template, int(time.time() - seconds))[0]  # type: ignore[no-untyped-call]
    rdata = signed.to_wire() or b""
    head = bytes.fromhex("00fa00ff00000000")  # type TSIG, class ANY, TTL 0
    record = owner.to_digestable() + head + len(rdata).to_bytes(2, "big") + rdata
    additional = int.from_bytes(bare[10:12], "big") + 1
    return bare[:10] + additional.to_bytes(2, "big") + bare[12:] + record
