# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers say, and records of other classes that a hostile server puts into them."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc

import dns.flags
import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.answer import AnswerReader, read_answer
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder

from .fakes import FakeClock, FakeExchange, FakeServer, anywhere, nobody

NAME = "_acme-challenge.shop.example.com"
CONTENTS = {
    "A": b"\1x\0\0\1",  # as class CH has it, too
    "AAAA": b"\0" * 16,
    "CNAME": b"\1x\0",
    "NS": b"\1x\0",
    "SOA": b"\0\0" + b"\0" * 20,
    "TXT": b"\1x",
    "MX": b"\0\1\1x\0",
}


def of_another_class(kind: str, number: int = 64) -> dns.rrset.RRset:
    """A record of a known type whose class makes dnspython read it as bytes only."""
    rdata = dns.rdata.GenericRdata(dns.rdataclass.RdataClass(number), dns.rdatatype.from_text(kind), CONTENTS[kind])
    return dns.rrset.from_rdata(f"{NAME}.", 60, rdata)


def make_answer(*answer: dns.rrset.RRset) -> dns.message.Message:
    message = dns.message.make_response(dns.message.make_query(NAME, "TXT"))
    message.flags |= dns.flags.AA
    message.answer.extend(answer)
    return message


@pytest.mark.parametrize("number", [3, 64, 254, 255, 65280])
@pytest.mark.parametrize("kind", sorted(CONTENTS))
def test_a_record_of_another_class_counts_as_absent(kind: str, number: int) -> None:
    strange = of_another_class(kind, number)
    good = dns.rrset.from_text(f"{NAME}.", 60, "IN", "TXT", '"value"')
    message = make_answer(strange, good)
    message.authority.append(strange)
    message.additional.append(strange)
    answer = read_answer(message.to_wire(), NAME)
    assert answer.values == {"value"}
    assert (answer.alias, answer.hosts, answer.zone, answer.below, answer.addresses) == (None, (), None, None, {})


SPOILER = """
import sys, dns.flags, dns.message, dns.rdata, dns.rrset
from ansible_collections.certfleet.acme.plugins.module_utils._dns.answer import read_answer

message = dns.message.make_response(dns.message.make_query("host.example", sys.argv[1]))
strange = dns.rdata.GenericRdata(255, dns.rdatatype.from_text(sys.argv[1]), b"x")
message.answer.append(dns.rrset.from_rdata("host.example.", 60, strange))
read_answer(message.to_wire(), "host.example")
good = dns.message.make_response(dns.message.make_query("host.example", sys.argv[1])).to_wire()
good = good[:7] + b"\\1" + good[8:] + b"\\xc0\\x0c" + bytes.fromhex(sys.argv[2])
print(read_answer(good, "host.example").addresses)
"""


@pytest.mark.parametrize(
    ("kind", "record", "address"),
    [
        ("A", "00010001000000000004c0000201", "192.0.2.1"),
        ("AAAA", "001c000100000000001020010db8000000000000000000000001", "2001:db8::1"),
    ],
)
def test_a_record_of_class_any_spoils_no_later_answer(kind: str, record: str, address: str) -> None:
    # in a process of its own: what dnspython has read before decides
    command = [sys.executable, "-c", SPOILER, kind, record]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == str({"host.example": (address,)}), run.stderr


class HostileServer(FakeServer):
    """A server that puts records of class 64 into each section of every answer."""

    def _answer(self, query: dns.message.Message, owner: str, kind: str) -> dns.message.Message:
        reply = super()._answer(query, owner, kind)
        for section in (reply.answer, reply.authority, reply.additional):
            section.extend(map(of_another_class, CONTENTS))
        return reply


def test_a_hostile_name_server_of_one_zone_hurts_no_other(
    responders: tuple[Responder, ...],
    clock: FakeClock,
    exchange: FakeExchange,
    servers: dict[str, FakeServer],
) -> None:
    for server in servers.values():
        server.add("example.com", "NS", "ns9.example.com").add("ns9.example.com", "A", "192.0.2.99")
    servers["nyc"].zones = servers["fra"].zones
    exchange.servers[Endpoint("192.0.2.99")] = HostileServer("example.com")
    fleet = Fleet(responders, clock, exchange=exchange, resolve=nobody, routable=anywhere)
    mine, innocent = TxtRecord(NAME, "mine"), TxtRecord("_acme-challenge.validation.example", "innocent")
    assert not fleet.publish([mine, innocent]).failed
    report = fleet.verify([mine, innocent], 0)
    assert list(report.failed) == [mine]
    assert "ns9.example.com 192.0.2.99/udp: 0 of 1 value" in report.failed[mine].message


def test_a_hostile_responder_is_no_end_either(
    responders: tuple[Responder, ...], clock: FakeClock, exchange: FakeExchange
) -> None:
    for endpoint in list(exchange.servers):
        exchange.servers[endpoint] = HostileServer("example.com", "validation.example")
    fleet = Fleet(responders, clock, exchange=exchange, resolve=nobody, routable=anywhere)
    record = TxtRecord(NAME, "value")
    assert not fleet.publish([record]).failed
    assert not fleet.plan_sweep([NAME]).failed
    assert fleet.withdraw([record]).changed


def test_answers_are_not_remembered_without_end() -> None:
    # a server that says something else each time, in messages as large as can be
    reader, wire = AnswerReader(), make_answer().to_wire() + bytes(60_000)
    tracemalloc.start()
    for number in range(1000):
        reader.read(wire + number.to_bytes(4, "big"), NAME)
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 20 << 20
