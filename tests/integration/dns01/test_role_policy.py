# SPDX-License-Identifier: GPL-3.0-or-later
"""What role ``dns_responder`` writes, read by the real servers: which names the key may change in the validation zone."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.tsig
import dns.update
import pytest

from tests.lab.model import TsigKey
from tests.lab.ports import choose_network, choose_ports
from tests.lab.powerdns import module_folder, schema
from tests.lab.process import Server
from tests.lab.programs import program
from tests.lab.query import soa_serial, txt_values
from tests.unit.test_responder_templates import NAMES, OWNERS, ROLE, render

ZONE = "acme.test"
KEY = TsigKey.make("acme", "hmac-sha256")
OTHERS = ("m.shop.test.acme.test", "acme.test", "x.www.shop.test.acme.test", "_acme-challenge.acme.test")


class OwnServer(Server):
    """A server with what the role writes for a host with a validation zone, and as little else as it needs."""

    def __init__(self, folder: Path, make: str, address: str, port: int, names: Sequence[str]) -> None:
        super().__init__(make, folder)
        self.address, self.port, self.names = address, port, list(names)

    def render(self, template: str) -> str:
        """A template of the role, with this server's folder in place of the system's."""
        it = {"data": str(self.folder), "folder": str(self.folder)}
        secret = {"secret": KEY.secret}
        name_servers = ["ns.elsewhere.test."]
        return render(
            template,
            self.names,
            it=it,
            make=self.name,
            __certfleet_responder_tsig=secret,
            certfleet_responder_name_servers=name_servers,
        )

    def configure(self) -> None:
        """Write all files."""
        (self.folder / f"{ZONE}.certfleet.zone").write_text(self.render("zone.j2"), encoding="ascii")
        getattr(self, f"configure_{self.name}")()

    def configure_bind(self) -> None:
        (self.folder / "conf").write_text(
            f'options {{ directory "{self.folder}"; listen-on port {self.port} {{ {self.address}; }}; pid-file none; '
            "listen-on-v6 { none; }; session-keyfile none; recursion no; dnssec-validation no; empty-zones-enable no; "
            "};\ncontrols { };\n" + self.render("bind/key.conf.j2") + self.render("bind/zones.conf.j2"),
            encoding="ascii",
        )

    def configure_knot(self) -> None:
        (self.folder / "conf").write_text(
            f'server:\n    rundir: "{self.folder}"\n    listen: {self.address}@{self.port}\n'
            f'database:\n    storage: "{self.folder}"\n' + self.render("knot/certfleet.conf.j2"),
            encoding="ascii",
        )

    def configure_powerdns(self) -> None:
        database = self.folder / "zones.sqlite3"
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.executescript(schema().read_text(encoding="utf-8"))
        wanted = {
            "database": str(database),
            "check": False,
            "state": "present",
            "key": {"name": KEY.name, "algorithm": KEY.algorithm, "secret": KEY.secret},
            "zones": [],
            "own_zone": ZONE,
            "name_servers": ["ns.elsewhere.test"],
            "hostmaster": "hostmaster.acme.test.",
        }
        script = [sys.executable, "-I", str(ROLE / "files" / "powerdns.py")]
        subprocess.run(script, input=json.dumps(wanted), text=True, check=True, stdout=subprocess.DEVNULL)
        (self.folder / "policy.lua").write_text(self.render("powerdns/policy.lua.j2"), encoding="ascii")
        (self.folder / "pdns.conf").write_text(
            f"local-address={self.address}\nlocal-port={self.port}\nlaunch=gsqlite3\nmodule-dir={module_folder()}\n"
            f"gsqlite3-database={database}\nsocket-dir={self.folder}\ndaemon=no\nguardian=no\ndisable-syslog=yes\n"
            "write-pid=no\nsetuid=\nsetgid=\nsecurity-poll-suffix=\ncache-ttl=0\nquery-cache-ttl=0\n"
            "negquery-cache-ttl=0\nzone-cache-refresh-interval=0\n" + self.render("powerdns/certfleet.conf.j2"),
            encoding="ascii",
        )

    def command(self) -> Sequence[str]:
        """Run in the foreground."""
        if self.name == "bind":
            return [program("named"), "-g", "-n", "1", "-c", str(self.folder / "conf")]
        if self.name == "knot":
            return [program("knotd"), "-c", str(self.folder / "conf"), "-s", str(self.folder / "socket")]
        return [program("pdns_server"), f"--config-dir={self.folder}"]

    def is_ready(self) -> bool:
        """Whether it serves the zone."""
        return soa_serial(self.address, self.port, ZONE, tcp=True) is not None

    def takes(self, owner: str, kind: str = "TXT", value: str = '"x"') -> bool:
        """Whether the key can add a record."""
        update = dns.update.UpdateMessage(ZONE)
        update.add(dns.name.from_text(owner), 60, kind, value)
        update.use_tsig(dns.tsig.Key(KEY.name, KEY.secret, KEY.algorithm))
        # what counts is what is there then: a refusal may come with or without a signature, and from PowerDNS as NOERROR
        with contextlib.suppress(dns.tsig.PeerError, dns.query.BadResponse, dns.exception.FormError):
            dns.query.tcp(update, self.address, timeout=10, port=self.port)
        reply = dns.query.tcp(dns.message.make_query(owner, kind), self.address, timeout=10, port=self.port)
        return value in {item.to_text() for rrset in reply.answer for item in rrset}


MakeServer = Callable[[Sequence[str]], OwnServer]


@pytest.fixture(params=["bind", "knot", "powerdns"])
def make_server(request: pytest.FixtureRequest) -> Iterator[MakeServer]:
    """One make of server, started with what the role writes for some names."""
    folder = Path(tempfile.mkdtemp(prefix="role"))
    started: list[OwnServer] = []

    def make(names: Sequence[str]) -> OwnServer:
        for name in ("logs", "processes"):
            (folder / name).mkdir()
        # BIND listens only on addresses that an interface has
        address = "127.0.0.1" if request.param == "bind" else f"{choose_network()}.1"
        server = OwnServer(folder, request.param, address, choose_ports([address], 1)[0], names)
        started.append(server)
        server.launch()
        server.wait_ready()
        return server

    yield make
    for server in started:
        server.stop()
    shutil.rmtree(folder)


def test_the_key_changes_the_names_alone_that_lead_to_the_zone(make_server: MakeServer) -> None:
    server = make_server(NAMES)
    assert all(server.takes(owner) for owner in OWNERS)
    assert not any(server.takes(owner) for owner in OTHERS)
    assert not server.takes(OWNERS[0], "A", "192.0.2.1")
    assert txt_values(server.address, server.port, OWNERS[0]) == {"x"}


def test_without_names_the_key_changes_any_name_but_only_txt(make_server: MakeServer) -> None:
    server = make_server([])
    assert all(server.takes(owner) for owner in (*OWNERS, *OTHERS))
    assert not server.takes(OWNERS[0], "A", "192.0.2.1")
    assert not server.takes(ZONE, "NS", "ns.evil.test.")
