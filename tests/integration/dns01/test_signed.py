# SPDX-License-Identifier: GPL-3.0-or-later
"""A zone with DNSSEC, which its server signs at each update, and a lame server in its NS records."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.report import LARGEST_RESPONSE
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder, TsigKey

from tests.lab import model
from tests.lab.ports import choose_network, choose_ports
from tests.lab.signed import ZONE, Bind, Knot, Lame, SignedServer

WAIT = 10.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the servers live: short, as it holds sockets."""
    path = Path(tempfile.mkdtemp(prefix="signed"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module", params=[Knot, Bind], ids=["knot", "bind"])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[SignedServer]:
    """A primary that signs."""
    place = folder / str(request.param.__name__)
    for name in ("logs", "processes"):
        (place / name).mkdir(parents=True)
    # BIND listens only on addresses that an interface has
    address = "127.0.0.1" if request.param is Bind else f"{choose_network()}.1"
    beside = f"{choose_network()}.2"
    (port,) = choose_ports([address, beside], 1)
    server: SignedServer = request.param(place, address, port, model.TsigKey.make("acme", "hmac-sha256"), beside)
    server.launch()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def lame(server: SignedServer) -> Iterator[Lame]:
    """A server that the zone's NS records name, and that knows nothing of the zone."""
    lame = Lame(server.folder.parent, server.beside, server.port)
    lame.launch()
    try:
        lame.wait_ready()
        yield lame
    finally:
        lame.stop()


def fleet_of(server: SignedServer, folder: Path, *, check_name_servers: bool) -> Fleet:
    key = TsigKey(server.key.name, server.key.algorithm, server.key.secret)
    listed = Responder("primary", (server.address,), server.port, key)
    return Fleet([listed], SystemClock(), Files(str(folder)), timeout=2, check_name_servers=check_name_servers)


def test_a_signed_zone_is_published_in_verified_and_cleaned(server: SignedServer, tmp_path: Path) -> None:
    fleet = fleet_of(server, tmp_path, check_name_servers=False)
    name = f"_acme-challenge.{secrets.token_hex(6)}.{ZONE}"
    records = [TxtRecord(name, secrets.token_urlsafe(32)) for _number in range(12)]
    neighbour = TxtRecord(f"_acme-challenge.{secrets.token_hex(6)}.{ZONE}", "another")
    assert not fleet.publish([*records, neighbour]).failed
    verified = fleet.verify([*records, neighbour], WAIT)
    assert not verified.failed
    # the answers are too large for a datagram by their signatures, which nobody could sweep
    assert max(verdict.largest_response for verdict in verified.verdicts) > LARGEST_RESPONSE
    assert not verified.notes
    assert not fleet.withdraw(records).failed
    assert not fleet.verify_absent(records, WAIT).failed
    assert not fleet.verify([neighbour], 0).failed
    assert {entry.record for entry in fleet.leftovers()} == {neighbour}
    swept = fleet.apply(fleet.plan_sweep([neighbour.name]))
    assert swept.changed
    assert not fleet.verify_absent([neighbour], WAIT).failed
    assert not fleet.leftovers()


def test_a_lame_server_that_nobody_listed_is_told_with_the_option_that_leaves_it_out(
    server: SignedServer, lame: Lame, tmp_path: Path
) -> None:
    record = TxtRecord(f"_acme-challenge.{secrets.token_hex(6)}.{ZONE}", secrets.token_urlsafe(32))
    fleet = fleet_of(server, tmp_path, check_name_servers=True)
    assert not fleet.publish([record]).failed
    message = fleet.verify([record], 0).failed[record].message
    where = f"{lame.address}:{lame.port}"
    assert f"primary {where}/udp: 0 of 1 value after 0 s (REFUSED)" in message.replace("0.1 s", "0 s")
    assert message.endswith(
        f"Not among the responders, but named by the NS records of the zone: primary {where}. "
        "check_name_servers=false leaves such servers out"
    )
    assert not fleet_of(server, tmp_path, check_name_servers=False).verify([record], 0).failed
    assert not fleet.withdraw([record]).failed
