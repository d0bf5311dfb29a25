# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""UPDATE messages that add and remove exact values (RFC 2136), and what servers answer to them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.tsig
import dns.update

from .._core.errors import Error
from .exchange import Endpoint
from .record import TxtRecord
from .responder import Responder, TsigKey

LARGEST_CHUNK = 200
# RFC 1035 §4.2.2 allows 65,535 bytes; zone section, TSIG record and header take less than what is left here.
LARGEST_UPDATE = 64000
_FIXED = 10
ABSENT = "certfleet-rehearsal"
"""A value that nobody ever publishes."""


@dataclass(frozen=True)
class Change:
    """What one responder's copy of one zone lacks and what it has too much."""

    responder: Responder
    zone: str
    add: tuple[TxtRecord, ...] = ()
    remove: tuple[TxtRecord, ...] = ()


class Edit(NamedTuple):
    """One line of an UPDATE message."""

    record: TxtRecord
    adding: bool


class UpdateError(Error):
    """A responder did not take an update; ``details`` has responder, address, zone, tsig_key and code."""


def fits(edit: Edit) -> bool:
    """Whether there is a message that can hold the value: a server may claim to hold a larger one."""
    return _longest_wire(edit.record) <= LARGEST_UPDATE


def chunks(change: Change) -> list[tuple[Edit, ...]]:
    """Divide a change into messages of at most 200 values, each below the size limit of a message."""
    edits = [Edit(record, False) for record in change.remove] + [Edit(record, True) for record in change.add]
    divided: list[tuple[Edit, ...]] = []
    current: list[Edit] = []
    size = 0
    for edit in edits:
        longest = _longest_wire(edit.record)
        if current and (len(current) == LARGEST_CHUNK or size + longest > LARGEST_UPDATE):
            divided.append(tuple(current))
            current, size = [], 0
        current.append(edit)
        size += longest
    return [*divided, tuple(current)] if current else divided


def _longest_wire(record: TxtRecord) -> int:
    return len(record.name) + 2 + _FIXED + sum(len(part) + 1 for part in record.wire_strings())


def build_update(
    zone: str, edits: Sequence[Edit], ttl: int, key: TsigKey | None, rehearsing: bool = False
) -> tuple[bytes, bytes]:
    """An UPDATE message, signed when there is a key: its wire form and its MAC.

    Adding is "Add To An RRset" (RFC 2136 §2.5.1) and removing is "Delete An RR
    From An RRset" (§2.5.4); an RRset is never deleted or replaced as a whole.
    With ``rehearsing``, a value that is not there is removed from each name in place of
    every edit: permission is checked, nothing changes, and the serial stays (§3.6).
    """
    message = dns.update.UpdateMessage(dns.name.from_text(zone), id=secrets.randbelow(1 << 16))
    for edit in edits:
        owner = dns.name.from_text(edit.record.name)
        record = TxtRecord(edit.record.name, ABSENT) if rehearsing else edit.record
        text = dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, record.wire_strings())
        if edit.adding and not rehearsing:
            # all records at a name have one TTL (RFC 2181 §5.2): another one would change that of other clients
            message.add(owner, ttl if record.ttl is None else record.ttl, text)
        else:
            message.delete(owner, text)
    if key:
        message.use_tsig(key.to_dnspython())
    wire = message.to_wire()
    return wire, message.mac or b""


# PowerDNS answers so to a wrong name, secret or time as well as to a key without the right.
_UNSAID = (
    "it does not allow this change with the TSIG key {key}, or does not accept the key's name or secret or the time "
    "of the signature (the answer is unsigned and does not say which)"
)
_UNKNOWN = (
    "it does not know the TSIG key {key}, or knows it with another algorithm; from Knot this may also mean that its acl "
    "does not allow this change with the key"
)


class Refusal(NamedTuple):
    """Why an update was not made: the code, and a clause that explains it."""

    code: str
    clause: str


def read_refusal(wire: bytes, mac: bytes, key: TsigKey | None) -> Refusal | None:
    """What a responder's answer to an update says; None when the update was made (RFC 2136 §3.8, RFC 8945 §5.2)."""
    try:
        message = dns.message.from_wire(wire, keyring=False)
    except (dns.exception.DNSException, ValueError):
        return Refusal("MALFORMED", "its answer can't be read")
    name = key.name if key else ""
    if message.tsig and message.tsig[0].error:
        return _signature_refusal(dns.rcode.to_text(message.tsig[0].error, tsig=True), message, name)
    code = dns.rcode.to_text(message.rcode())
    if code == "NOERROR":
        return _check_signature(wire, mac, key)
    if code == "REFUSED" and key and not message.tsig:
        return Refusal(code, _UNSAID.format(key=name))
    return Refusal(code, _clause(code, name))


def _signature_refusal(code: str, message: dns.message.Message, key: str) -> Refusal:
    if code == "BADKEY":
        return Refusal(code, _UNKNOWN.format(key=key))
    if code == "BADSIG":
        return Refusal(code, f"the signature with the TSIG key {key} is wrong: the secrets differ")
    if code == "BADTIME":
        return Refusal(code, f"the signature with the TSIG key {key} is out of time: {_skew(message)}")
    return Refusal(code, f"the signature with the TSIG key {key} was not accepted")


def _skew(message: dns.message.Message) -> str:
    """How far the clocks are apart, from the server's time in a BADTIME answer (RFC 8945 §5.2.3)."""
    tsig = message.tsig[0] if message.tsig else None
    if tsig is None or len(tsig.other) != 6:
        return "its clock and this host's differ"
    seconds = int.from_bytes(tsig.other, "big") - tsig.time_signed
    return f"its clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} this host's"


def _check_signature(wire: bytes, mac: bytes, key: TsigKey | None) -> Refusal | None:
    if key is None:
        return None
    try:
        signed = dns.message.from_wire(wire, keyring=key.to_dnspython(), request_mac=mac).had_tsig
    except dns.tsig.BadTime:
        return Refusal("LATE", "its answer is signed out of time: its clock and this host's differ")
    except (dns.exception.DNSException, ValueError):
        signed = False
    if signed:
        return None
    return Refusal("UNSIGNED", f"its answer is not signed with the TSIG key {key.name}, so nobody knows who sent it")


def _clause(code: str, key: str) -> str:
    signed = f"with the TSIG key {key}" if key else "without a TSIG key"
    clauses = {
        "NOTAUTH": f"it is not a primary for this zone, or does not accept an update {signed}",
        "REFUSED": f"it does not allow this change {signed}",
        "NOTZONE": "a name is not within the zone",
        "SERVFAIL": "it failed to make the change",
        "NOTIMP": "it does not take updates",
        "FORMERR": "it does not understand the update",
    }
    return clauses.get(code, "it gives no reason")


def refused(responder: Responder, endpoint: Endpoint, zone: str, refusal: Refusal) -> UpdateError:
    """The error for an answer that is a refusal."""
    sentence = f"{responder.name} {endpoint} refused the update of zone {zone} ({refusal.code}): {refusal.clause}"
    return _error(sentence, responder, str(endpoint), zone, refusal.code)


def not_reached(responder: Responder, address: str, zone: str, code: str, reason: str) -> UpdateError:
    """The error for an address, or several, that gave no answer; the code is TIMEOUT or UNREACHABLE."""
    key = f", to be signed with the TSIG key {responder.tsig_key.name}" if responder.tsig_key else ""
    verb = "did not answer" if code == "TIMEOUT" else "can't be reached for"
    sentence = f"{responder.name} {address} {verb} the update of zone {zone}{key} ({code}): {reason}"
    return _error(sentence, responder, address, zone, code)


def too_large(responder: Responder, zone: str, edit: Edit) -> UpdateError:
    """The error for a value that fits into no update."""
    size = sum(map(len, edit.record.wire_strings()))
    sentence = f"A value of {size} bytes at {edit.record.name} on {responder.name} is too large for any update"
    return _error(f"{sentence} of zone {zone}", responder, ", ".join(responder.addresses), zone, "TOOLARGE")


def _error(sentence: str, responder: Responder, address: str, zone: str, code: str) -> UpdateError:
    key = responder.tsig_key.name if responder.tsig_key else None
    return UpdateError(sentence, responder=responder.name, address=address, zone=zone, tsig_key=key, code=code)
