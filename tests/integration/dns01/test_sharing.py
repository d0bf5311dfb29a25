# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that other clients write to as well, and what a refusal leaves behind, at real servers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import parse_responders

from tests.lab import Lab
from tests.lab.model import Responder

MakeFleet = Callable[..., Fleet]


@pytest.fixture(params=["knot", "bind", "powerdns"])
def server(request: pytest.FixtureRequest, lab: Lab) -> Responder:
    """One make of primary."""
    return next(each for each in lab.responders if each.name == request.param)


@pytest.fixture
def make_fleet(server: Responder, lab: Lab, tmp_path: Path) -> MakeFleet:
    """A fleet of this primary alone, with a ledger; the key's secret may be another."""

    def make(secret: str = "") -> Fleet:
        key = lab.tsig_keys["acme"]
        responders = parse_responders(
            [{"name": server.name, "address": server.address, "port": server.port, "tsig_key": "acme"}],
            [{"name": key.name, "algorithm": key.algorithm, "secret": secret or key.secret}],
        )
        return Fleet(responders, SystemClock(), Files(str(tmp_path)), timeout=2.0, check_name_servers=False)

    return make


def ttl_at(server: Responder, name: str) -> int:
    reply = dns.query.tcp(dns.message.make_query(name, "TXT"), server.address, timeout=2, port=server.port)
    return int(reply.answer[0].ttl)


def test_the_ttl_of_another_client_stays(make_fleet: MakeFleet, server: Responder, lab: Lab, name: str) -> None:
    fleet, record = make_fleet(), TxtRecord(name, "ours")
    lab.add_txt(server.name, name, "theirs")
    before = ttl_at(server, name)
    assert before != 60
    assert not fleet.publish([record]).failed
    assert ttl_at(server, name) == before
    assert not fleet.withdraw([record]).failed
    assert lab.txt(server.name, name) == {"theirs"}
    assert ttl_at(server, name) == before
    lab.remove_txt(server.name, name, "theirs")


def test_a_refusal_leaves_nothing_to_withdraw(make_fleet: MakeFleet, name: str) -> None:
    fleet, record = make_fleet("c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="), TxtRecord(name, secrets.token_urlsafe(32))
    assert record in fleet.publish([record]).failed
    assert not fleet.leftovers()
    withdrawn = fleet.withdraw([record])
    assert (withdrawn.failed, withdrawn.notes) == ({}, [])
    assert not make_fleet().withdraw_leftovers().notes
