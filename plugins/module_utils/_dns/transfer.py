# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones as a server hands them out (RFC 5936)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.query
import dns.rdatatype
import dns.xfr
import dns.zone

from .._core.address import check_address
from .._core.errors import Error, InputError
from .exchange import DNS_PORT, Endpoint
from .record import parse_name
from .responder import TsigKey, parse_tsig_keys

LIFETIMES = 20
"""How many times the time for one message a whole zone may take."""


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


def fetch_zone(source: Source, timeout: float) -> dns.zone.Zone:
    """All records of the zone, which come over TCP; TransferError with the server's reason.

    ``timeout`` is in seconds and for one message; the whole may take twenty times as long.
    """
    zone = dns.zone.Zone(source.zone, relativize=False)
    query, _serial = dns.xfr.make_query(zone, serial=None)
    if source.key:
        query.use_tsig(source.key.to_dnspython())
    where = source.endpoint
    try:
        dns.query.inbound_xfr(
            where.address, zone, query, port=where.port, timeout=timeout, lifetime=timeout * LIFETIMES
        )
    except (dns.exception.DNSException, OSError, ValueError, EOFError) as error:
        raise TransferError(
            f"Zone {source.zone} can't be fetched from {where}: {_reason(error, timeout)}",
            zone=source.zone,
            address=str(where),
        ) from error
    return zone


def serial_of(zone: dns.zone.Zone) -> int:
    """The serial of the zone's SOA record."""
    serial: int = zone.find_rdataset(zone.origin or "@", dns.rdatatype.SOA)[0].serial
    return serial


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, dns.exception.Timeout):
        return f"no answer within {timeout:g} s"
    if isinstance(error, EOFError):
        return "the server closed the connection"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
