# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers in memory, and an exchange that reaches them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import (
    Endpoint,
    Outcome,
    Query,
    Reply,
    Silence,
)

START = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)


def nobody(_host: str) -> tuple[str, ...]:
    """A resolver that knows no host."""
    return ()


def anywhere(_address: str) -> bool:
    """A machine with a route to every address."""
    return True


class FakeClock:
    """A clock that only moves when someone sleeps; ``at`` holds what is to happen meanwhile."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.at: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for due in [entry for entry in self.at if entry[0] <= self.seconds]:
            self.at.remove(due)
            due[1]()


class FakeServer:
    """An authoritative server: zones with records by (owner, type), and some ways to misbehave."""

    def __init__(self, *zones: str) -> None:
        self.zones: dict[str, dict[tuple[str, str], set[str]]] = {zone: {} for zone in zones}
        self.authoritative = True
        self.rcode: str | None = None
        self.silent = False
        self.keys: dict[str, dns.tsig.Key] = {}
        self.refuses: Callable[[str], bool] = lambda _owner: False
        self.refuses_as_knot = False
        self.updates: list[dns.message.Message] = []
        self.ttls: dict[str, int] = {}
        self.signatures = 0
        self.asked: list[tuple[str, str]] = []

    def add(self, owner: str, kind: str, *values: str) -> FakeServer:
        self.zones[self.zone_of(owner) or ""].setdefault((owner, kind), set()).update(values)
        return self

    def txt(self, owner: str) -> set[str]:
        zone = self.zones.get(self.zone_of(owner) or "", {})
        return zone.get((owner, "TXT"), set())

    def zone_of(self, owner: str) -> str | None:
        fitting = [zone for zone in self.zones if owner == zone or owner.endswith(f".{zone}")]
        return max(fitting, key=len, default=None)

    def handle(self, wire: bytes) -> bytes:
        if (wire[2] >> 3) & 15 == 5:
            return self._update(wire)
        query = dns.message.from_wire(wire)
        question = query.question[0]
        owner, kind = _text(question.name), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((owner, kind))
        return self._answer(query, owner, kind).to_wire(max_size=65535)

    def _answer(self, query: dns.message.Message, owner: str, kind: str) -> dns.message.Message:
        reply = dns.message.make_response(query)
        zone = self.zone_of(owner)
        if self.rcode or zone is None:
            reply.set_rcode(dns.rcode.from_text(self.rcode or "REFUSED"))
            return reply
        if self.authoritative:
            reply.flags |= dns.flags.AA
        held, shown = self._match(self.zones[zone], owner, kind)
        if held:
            texts = [f'"{value}"' if shown == "TXT" else f"{value}." for value in sorted(held)]
            texts = [text.rstrip(".") if shown in ("A", "AAAA") else text for text in texts]
            ttl = self.ttls.get(owner, 60)
            reply.answer.append(dns.rrset.from_text_list(f"{owner}.", ttl, "IN", shown, texts))
            reply.answer.extend(_signature(owner, shown) for _number in range(self.signatures))
        elif kind == "SOA" and owner == zone:
            reply.answer.append(_soa(zone))
        else:
            reply.authority.append(_soa(zone))
            if not self._exists(zone, owner):
                reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply

    def _exists(self, zone: str, owner: str) -> bool:
        """Whether the name is there, be it with nothing but names below it, or is covered by a wildcard."""
        names = {name for name, _kind in self.zones[zone]}
        there = owner == zone or any(name == owner or name.endswith(f".{owner}") for name in names)
        return there or wildcard_of(owner, names) in names

    def _match(self, records: dict[tuple[str, str], set[str]], owner: str, kind: str) -> tuple[set[str], str]:
        names = {name for name, _kind in records}
        for name in (owner, wildcard_of(owner, names)):
            for shown in (kind, "CNAME"):
                if (name, shown) in records:
                    return records[name, shown], shown
        return set(), kind

    def _update(self, wire: bytes) -> bytes:
        unchecked = dns.message.from_wire(wire, keyring=False)
        refusal = self._check(wire, unchecked)
        if refusal is not None:
            return refusal
        message = dns.message.from_wire(wire, keyring=self._keyring()) if unchecked.tsig else unchecked
        self.updates.append(message)
        assert isinstance(message, dns.update.UpdateMessage)
        zone = _text(message.zone[0].name)
        reply = dns.message.make_response(message)
        if zone not in self.zones:
            reply.set_rcode(dns.rcode.NOTAUTH)
        elif self.rcode or any(self.refuses(_text(rrset.name)) for rrset in message.update):
            if self.refuses_as_knot:
                return _tsig_error(message, dns.rcode.BADKEY)
            reply.set_rcode(dns.rcode.from_text(self.rcode or "REFUSED"))
        else:
            apply(message, self.zones[zone])
        return reply.to_wire()

    def _keyring(self) -> dict[dns.name.Name, dns.tsig.Key]:
        return {key.name: key for key in self.keys.values()}

    def _check(self, wire: bytes, message: dns.message.Message) -> bytes | None:
        if not self.keys:
            return None
        if not message.tsig:
            return _plain(message, dns.rcode.REFUSED)
        try:
            dns.message.from_wire(wire, keyring=self._keyring())
        except dns.message.UnknownTSIGKey:
            return _tsig_error(message, dns.rcode.BADKEY)
        except dns.tsig.BadSignature:
            return _tsig_error(message, dns.rcode.BADSIG)
        except dns.tsig.BadTime:
            return _tsig_error(message, dns.rcode.BADTIME)
        return None


def wildcard_of(owner: str, names: set[str]) -> str:
    """The wildcard that would answer for a name, which is below its closest encloser (RFC 4592 §3.3.1)."""
    closest = owner
    while closest and not any(name == closest or name.endswith(f".{closest}") for name in names):
        closest = closest.partition(".")[2]
    return owner if closest == owner else f"*.{closest}"


def apply(message: dns.update.UpdateMessage, records: dict[tuple[str, str], set[str]]) -> None:
    """Do what the update section says (RFC 2136 §3.4.2)."""
    for rrset in message.update:
        key = (_text(rrset.name), dns.rdatatype.to_text(rrset.rdtype))
        values = {b"".join(item.strings).decode() for item in rrset}
        if rrset.deleting == dns.rdataclass.ANY:
            records.pop(key, None)
        elif rrset.deleting == dns.rdataclass.NONE:
            records.get(key, set()).difference_update(values)
        else:
            records.setdefault(key, set()).update(values)
        if not records.get(key):
            records.pop(key, None)


def _text(name: dns.name.Name) -> str:
    return name.to_text().removesuffix(".").lower()


def _soa(zone: str) -> dns.rrset.RRset:
    return dns.rrset.from_text(f"{zone}.", 60, "IN", "SOA", f"ns1.{zone}. admin.{zone}. 1 60 60 60 60")


def _signature(owner: str, kind: str) -> dns.rrset.RRset:
    """What a zone that is signed by RSA with 4096 bits has beside each set of records."""
    text = f"{kind} 8 2 60 20270101000000 20260101000000 12345 example.com. {'A' * 683}="
    return dns.rrset.from_text(f"{owner}.", 60, "IN", "RRSIG", text)


def _plain(message: dns.message.Message, rcode: dns.rcode.Rcode) -> bytes:
    reply = dns.message.Message(id=message.id)
    reply.flags = dns.flags.Flag(dns.flags.QR | (message.flags & 0x7800))
    reply.set_rcode(rcode)
    return reply.to_wire()


def _tsig_error(message: dns.message.Message, error: dns.rcode.Rcode) -> bytes:
    """An unsigned answer with a TSIG record that carries the error (RFC 8945 §5.3.2)."""
    assert message.tsig is not None
    sent = message.tsig[0]
    reply = dns.message.Message(id=message.id)
    reply.flags = dns.flags.Flag(dns.flags.QR | (message.flags & 0x7800))
    reply.set_rcode(dns.rcode.NOTAUTH)
    other = (sent.time_signed + 900).to_bytes(6, "big") if error == dns.rcode.BADTIME else b""
    answer = sent.replace(error=int(error), mac=b"", other=other)
    reply.tsig = dns.rrset.from_rdata(message.tsig.name, 0, answer)
    reply.want_tsig_sign = False
    return reply.to_wire()


class FakeExchange:
    """Reaches servers by endpoint; an endpoint without a server, or with a silent one, gives no answer."""

    def __init__(self, servers: dict[Endpoint, FakeServer]) -> None:
        self.servers = servers
        self.calls: list[list[Query]] = []
        self.down: dict[tuple[Endpoint, str], str] = {}

    def ask(self, queries: Sequence[Query], patience: float | None = None) -> list[Outcome]:
        self.calls.append(list(queries))
        return [self._outcome(query) for query in queries]

    def _outcome(self, query: Query) -> Outcome:
        server = self.servers.get(query.endpoint)
        if server is None:
            return Silence("unreachable", "Connection refused", 0.0)
        if server.silent or (query.endpoint, query.transport) in self.down:
            return Silence("timeout", "no answer within 5 s", 5.0)
        return Reply(server.handle(query.wire), 0.01)

    def questions(self) -> dict[Endpoint, int]:
        """How many messages went to each endpoint."""
        counted: dict[Endpoint, int] = defaultdict(int)
        for call in self.calls:
            for query in call:
                counted[query.endpoint] += 1
        return dict(counted)
