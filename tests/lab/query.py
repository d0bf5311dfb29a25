# SPDX-License-Identifier: GPL-3.0-or-later
"""Small DNS conversations with one server: probe, look, transfer, update."""

from __future__ import annotations

import contextlib

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.tsigkeyring
import dns.update

from .model import LabError, TsigKey

TIMEOUT = 2.0
_RESETS = 3


def soa_serial(address: str, port: int, zone: str, *, tcp: bool = False) -> int | None:
    """The serial that a server gives with authority; None when it gives no such answer."""
    message = dns.message.make_query(zone, "SOA")
    ask = dns.query.tcp if tcp else dns.query.udp
    try:
        reply = ask(message, address, timeout=TIMEOUT, port=port)
    except (OSError, dns.exception.DNSException):
        return None
    if not reply.flags & dns.flags.AA or not reply.answer:
        return None
    return int(reply.answer[0][0].serial)


def txt_values(address: str, port: int, owner: str) -> frozenset[str]:
    """The TXT values of a name at one server, asked over TCP."""
    reply = _ask_over_tcp(dns.message.make_query(owner, "TXT"), address, port)
    return frozenset(
        b"".join(rdata.strings).decode()
        for rrset in reply.answer
        if rrset.rdtype == dns.rdatatype.TXT
        for rdata in rrset
    )


def _ask_over_tcp(query: dns.message.Message, address: str, port: int) -> dns.message.Message:
    """Ask; once more when the server, taking up a new zone just then, drops the connection (NSD does)."""
    for _round in range(_RESETS):
        with contextlib.suppress(ConnectionResetError, EOFError):
            return dns.query.tcp(query, address, timeout=TIMEOUT, port=port)
    return dns.query.tcp(query, address, timeout=TIMEOUT, port=port)


def all_txt_values(address: str, port: int, zone: str) -> dict[str, frozenset[str]]:
    """Every TXT value of a zone by owner (absolute, without the last dot), by zone transfer."""
    values: dict[str, frozenset[str]] = {}
    for message in dns.query.xfr(address, zone, port=port, timeout=TIMEOUT, lifetime=30, relativize=False):
        for rrset in message.answer:
            if rrset.rdtype == dns.rdatatype.TXT:
                owner = rrset.name.to_text(omit_final_dot=True)
                found = frozenset(b"".join(rdata.strings).decode() for rdata in rrset)
                values[owner] = values.get(owner, frozenset()) | found
    return values


def change_txt(address: str, port: int, zone: str, key: TsigKey, *, add: bool, owner: str, value: str) -> None:
    """Add or remove one TXT value by an UPDATE (RFC 2136); raises LabError when it is refused."""
    keyring = dns.tsigkeyring.from_text({key.name: (f"{key.algorithm}.", key.secret)})
    update = dns.update.UpdateMessage(zone, keyring=keyring)
    name = dns.name.from_text(owner)
    rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.TXT, f'"{value}"')
    if add:
        update.add(name, 1, rdata)
    else:
        update.delete(name, rdata)
    try:
        reply = dns.query.tcp(update, address, timeout=TIMEOUT, port=port)
    except dns.exception.DNSException as error:
        raise LabError(f"UPDATE of {owner} at {address}: {type(error).__name__}: {error}") from error
    if reply.rcode() != dns.rcode.NOERROR:
        raise LabError(f"UPDATE of {owner} at {address}: {dns.rcode.to_text(reply.rcode())}")
