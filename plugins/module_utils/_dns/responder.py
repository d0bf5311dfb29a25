# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authoritative servers of the fleet, and the keys that sign updates to them."""

from __future__ import annotations

import base64
import binascii
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.name
import dns.tsig

from .._core.address import short_address
from .._core.errors import InputError
from .exchange import DNS_PORT, Endpoint
from .record import is_within, parse_name

ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Resolve = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class TsigKey:
    """A key shared with a responder (RFC 8945); ``secret`` is its base64 text and is never shown."""

    name: str
    algorithm: str
    secret: str = field(repr=False)

    def to_dnspython(self) -> dns.tsig.Key:
        """The key as dnspython signs with it; not to be kept, as its repr shows the secret."""
        return dns.tsig.Key(dns.name.from_text(self.name), self.secret, f"{self.algorithm}.")


@dataclass(frozen=True)
class Responder:
    """An authoritative server at all its addresses.

    ``updates`` says whether it takes updates (a primary) or only follows one.
    ``zones`` limits what it is asked for to these zones and those below them;
    empty means every zone. ``unresolved`` are host names that have no address. It is not
    ``listed`` when only the NS records of a zone name it, or these addresses of it.
    """

    name: str
    addresses: tuple[str, ...]
    port: int = DNS_PORT
    tsig_key: TsigKey | None = None
    updates: bool = True
    zones: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    listed: bool = True

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens."""
        return tuple(Endpoint(address, self.port) for address in self.addresses)

    def serves(self, name: str) -> bool:
        """Whether the name belongs to what this responder is asked for."""
        return not self.zones or any(is_within(name, zone) for zone in self.zones)


def resolve_host(host: str) -> Sequence[str]:
    """All addresses of a host name in the families this machine has; empty when there is none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM, flags=socket.AI_ADDRCONFIG)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def parse_tsig_keys(keys: Sequence[Mapping[str, Any]]) -> dict[str, TsigKey]:
    """The keys by the name that responders use for them; InputError for one that can't be used."""
    option = "tsig_keys"
    parsed: dict[str, TsigKey] = {}
    for key in keys:
        name = parse_name(str(key.get("name") or ""), option, fewest=1)
        if name in parsed:
            raise InputError(option, name, "is the name of two keys")
        parsed[name] = TsigKey(name, _algorithm(key, name), _secret(key, name))
    return parsed


def _algorithm(key: Mapping[str, Any], name: str) -> str:
    algorithm = str(key.get("algorithm") or ALGORITHMS[0]).lower().removesuffix(".")
    if algorithm not in ALGORITHMS:
        reason = f"is not an algorithm for the key {name}: use one of {', '.join(ALGORITHMS)}"
        raise InputError("tsig_keys", key.get("algorithm"), reason)
    return algorithm


def _secret(key: Mapping[str, Any], name: str) -> str:
    secret = "".join(str(key.get("secret") or "").split())
    try:
        if base64.b64decode(secret, validate=True):
            return secret
    except (binascii.Error, ValueError):
        pass
    # The value stays out of the sentence: a mistyped secret is still nearly the secret.
    raise InputError("tsig_keys", name, "has a secret that is not base64 text")


def parse_responders(
    responders: Sequence[Mapping[str, Any]],
    tsig_keys: Sequence[Mapping[str, Any]],
    resolve: Resolve = resolve_host,
) -> tuple[Responder, ...]:
    """The responders as the user lists them; InputError, naming option and value, for what can't be used.

    A responder is ``name``, ``address`` or ``addresses`` (IP addresses or host
    names), ``port`` (53), ``tsig_key`` (the name of a key), ``updates`` (true)
    and ``zones``; a key is ``name``, ``algorithm`` and ``secret``.
    """
    keys = parse_tsig_keys(tsig_keys)
    parsed = tuple(_responder(entry, keys, resolve) for entry in responders)
    names = [responder.name for responder in parsed]
    for name in names:
        if names.count(name) > 1:
            raise InputError("responders", name, "is the name of two responders")
    if not any(responder.updates for responder in parsed):
        raise InputError("responders", names, "has no responder that takes updates")
    _check_endpoints(parsed)
    return parsed


def _check_endpoints(responders: Sequence[Responder]) -> None:
    owners: dict[Endpoint, str] = {}
    for responder in responders:
        for endpoint in responder.endpoints:
            other = owners.setdefault(endpoint, responder.name)
            if other != responder.name:
                raise InputError("responders", str(endpoint), f"is an address of both {other} and {responder.name}")


def _responder(entry: Mapping[str, Any], keys: Mapping[str, TsigKey], resolve: Resolve) -> Responder:
    name = str(entry.get("name") or "")
    if not _NAME.fullmatch(name):
        raise InputError(
            "responders", name, "is no name for a responder: letters, digits, '.', '_' and '-' are allowed"
        )
    addresses, unresolved = _addresses(entry, name, resolve)
    updates = entry.get("updates")
    return Responder(
        name=name,
        addresses=addresses,
        port=_port(entry, name),
        tsig_key=_key(entry, name, keys),
        updates=True if updates is None else bool(updates),
        zones=tuple(parse_name(str(zone), "responders", fewest=1) for zone in entry.get("zones") or ()),
        unresolved=unresolved,
    )


def _addresses(entry: Mapping[str, Any], name: str, resolve: Resolve) -> tuple[tuple[str, ...], tuple[str, ...]]:
    hosts = [str(host).strip() for host in [entry.get("address"), *(entry.get("addresses") or ())] if host]
    if not hosts:
        raise InputError("responders", name, "has neither address nor addresses")
    addresses: list[str] = []
    unresolved: list[str] = []
    for host in hosts:
        literal = short_address(host.strip("[]"))
        found = [literal] if literal else list(resolve(_host(host)))
        addresses.extend(address for address in found if address)
        if not found:
            unresolved.append(host)
    return tuple(dict.fromkeys(addresses)), tuple(unresolved)


def _host(host: str) -> str:
    if re.fullmatch(r"[0-9.:]+", host):
        raise InputError("responders", host, "is neither an IP address nor a host name")
    return parse_name(host, "responders", fewest=1)


def _port(entry: Mapping[str, Any], name: str) -> int:
    port = entry.get("port")
    try:
        number = DNS_PORT if port is None else int(port)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < 65536:
        raise InputError("responders", port, f"is not a port for {name}")
    return number


def _key(entry: Mapping[str, Any], name: str, keys: Mapping[str, TsigKey]) -> TsigKey | None:
    wanted = entry.get("tsig_key")
    if not wanted:
        return None
    key = keys.get(parse_name(str(wanted), "responders", fewest=1))
    if key is None:
        raise InputError("responders", wanted, f"is the tsig_key of {name}, but no key of this name is in tsig_keys")
    return key
