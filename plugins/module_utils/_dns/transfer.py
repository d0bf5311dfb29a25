# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones as a server hands them out (RFC 5936)."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.xfr
import dns.zone

from .._core.address import check_address
from .._core.clock import Clock
from .._core.errors import Error, InputError
from .._core.plain import cut, plain
from .exchange import DNS_PORT, Endpoint
from .record import parse_name
from .responder import TsigKey, parse_tsig_keys

LIFETIMES = 20
"""How many times the time for one message a whole zone may take."""

LARGEST_ZONE = 64 << 20
"""How many bytes a zone may have on its way: a million hosts; in memory it takes twenty times as many."""


@dataclass(frozen=True)
class Source:
    """A zone, where it is fetched from, and by which key the transfer is signed."""

    zone: str
    endpoint: Endpoint
    key: TsigKey | None


class TransferError(Error):
    """A zone can't be fetched; ``details`` has zone and address."""


def parse_sources(zones: Sequence[Mapping[str, Any]], tsig_keys: Sequence[Mapping[str, Any]]) -> tuple[Source, ...]:
    """The zones as the user lists them: ``zone``, ``address``, ``port`` (53) and ``tsig_key``, the name of a key.

    InputError, naming option and value, for what can't be used.
    """
    keys = parse_tsig_keys(tsig_keys)
    sources = tuple(_source(entry, keys) for entry in zones)
    names = [source.zone for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise InputError("zones", name, "is there twice")
    return sources


def _source(entry: Mapping[str, Any], keys: Mapping[str, TsigKey]) -> Source:
    zone = parse_name(str(entry["zone"]), "zones", fewest=1)
    wanted = entry.get("tsig_key")
    key = keys.get(parse_name(str(wanted), "zones", fewest=1)) if wanted else None
    if wanted and key is None:
        raise InputError("zones", wanted, f"is the tsig_key of {zone}, but no key of this name is in tsig_keys")
    return Source(zone, Endpoint(check_address(entry["address"], "zones"), _port(entry.get("port"))), key)


def _port(port: int | None) -> int:
    number = DNS_PORT if port is None else port
    if not 0 < number < 65536:
        raise InputError("zones", port, "is not a port")
    return number


def fetch_zone(source: Source, timeout: float, clock: Clock, largest: int = LARGEST_ZONE) -> dns.zone.Zone:
    """All records of the zone, which come over TCP; TransferError with the server's reason.

    ``timeout`` is in seconds and for one message; the whole may take twenty times as long, and have so many bytes.
    """
    query, _serial = dns.xfr.make_query(dns.zone.Zone(source.zone), serial=None)
    if source.key:
        query.use_tsig(source.key.to_dnspython())
    return read_zone(source, query, _messages(source.endpoint, query.to_wire(), timeout, clock, largest), timeout)


def read_zone(source: Source, query: dns.message.Message, wires: Iterable[bytes], timeout: float) -> dns.zone.Zone:
    """The zone that the messages of a transfer hold, which come after the query was made wire; TransferError if none."""
    zone, where = dns.zone.Zone(source.zone, relativize=False), source.endpoint
    try:
        _fill(zone, query, wires)
    except (dns.exception.DNSException, OSError, ValueError, TypeError, EOFError) as error:
        raise TransferError(
            f"Zone {source.zone} can't be fetched from {where}: {_reason(error, timeout)}",
            zone=source.zone,
            address=str(where),
        ) from error
    return zone


def _fill(zone: dns.zone.Zone, query: dns.message.Message, wires: Iterable[bytes]) -> None:
    """Put into the zone what the messages hold (RFC 5936 §2.2), each signed or not (RFC 8945 §5.3.1)."""
    signed = None
    with dns.xfr.Inbound(zone) as inbound:
        for wire in wires:
            message = dns.message.from_wire(
                wire, keyring=query.keyring, request_mac=query.mac, xfr=True, tsig_ctx=signed, multi=True
            )
            if message.id != query.id or not message.flags & dns.flags.QR:
                raise ValueError("the answer is not one to this question")
            if inbound.process_message(message):
                if query.keyring and not message.had_tsig:
                    raise ValueError("its last message is not signed")
                return
            signed = message.tsig_ctx
    raise EOFError


def _messages(where: Endpoint, query: bytes, timeout: float, clock: Clock, largest: int) -> Iterator[bytes]:
    """The messages that a server sends to a query over TCP (RFC 1035 §4.2.2)."""
    end, size = clock.monotonic() + LIFETIMES * timeout, 0
    with socket.create_connection((where.address, where.port), timeout) as connection:
        connection.sendall(len(query).to_bytes(2, "big") + query)
        while size <= largest:
            if clock.monotonic() >= end:
                raise ValueError(f"it takes longer than {LIFETIMES * timeout:g} s")
            deadline = clock.monotonic() + timeout
            length = int.from_bytes(_read(connection, 2, deadline, clock), "big")
            yield _read(connection, length, deadline, clock)
            size += length
    raise ValueError(f"it has more than {largest} bytes")


def _read(connection: socket.socket, amount: int, deadline: float, clock: Clock) -> bytes:
    found = bytearray()
    while len(found) < amount:
        connection.settimeout(max(0.001, deadline - clock.monotonic()))
        part = connection.recv(amount - len(found))
        if not part:
            raise EOFError
        found += part
        if clock.monotonic() >= deadline:
            raise socket.timeout
    return bytes(found)


def serial_of(zone: dns.zone.Zone) -> int:
    """The serial of the zone's SOA record."""
    serial: int = zone.find_rdataset(zone.origin or "@", dns.rdatatype.SOA)[0].serial
    return serial


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, socket.timeout):
        return f"no answer within {timeout:g} s"
    if isinstance(error, EOFError):
        return "the server closed the connection"
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return cut(plain(reason))
