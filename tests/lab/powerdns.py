# SPDX-License-Identifier: GPL-3.0-or-later
"""PowerDNS, a primary that takes updates and keeps its zones in SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import dns.rdatatype

from . import zones
from .model import LabError
from .plan import Plan
from .programs import FILES, program
from .responder import ResponderServer


class PowerDns(ResponderServer):
    """PowerDNS with the gsqlite3 backend, every cache off so that answers are always current."""

    def configure(self) -> None:
        """Write pdns.conf and the database."""
        (self.folder / "pdns.conf").write_text(self._configuration(), encoding="ascii")
        path = self.folder / "zones.sqlite3"
        is_new = not path.exists()
        database = sqlite3.connect(path)
        with contextlib.closing(database), database:
            if is_new:
                database.execute("PRAGMA journal_mode = WAL")
                database.executescript(schema().read_text(encoding="utf-8"))
                for number, zone in enumerate(self.zones, start=1):
                    _insert_zone(database, number, zone, self.plan)
            self._insert_keys(database)

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("pdns_server"), f"--config-dir={self.folder}"]

    def _insert_keys(self, database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM tsigkeys")
        database.execute("DELETE FROM domainmetadata WHERE kind = 'TSIG-ALLOW-DNSUPDATE'")
        # A zone without any allowed key would take unsigned updates.
        names = [key.name for key in self.keys] or ["none"]
        for key in self.keys:
            database.execute(
                "INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, ?, ?)",
                (key.name, key.algorithm, key.secret),
            )
        database.executemany(
            "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, 'TSIG-ALLOW-DNSUPDATE', ?)",
            [(number, name) for number in range(1, len(self.zones) + 1) for name in names],
        )

    def _configuration(self) -> str:
        return f"""\
local-address={",".join(self.addresses)}
local-port={self.plan.dns_port}
launch=gsqlite3
module-dir={module_folder()}
gsqlite3-database={self.folder}/zones.sqlite3
gsqlite3-pragma-synchronous=0
gsqlite3-dnssec=no
socket-dir={self.plan.control}
daemon=no
guardian=no
disable-syslog=yes
write-pid=no
setuid=
setgid=
# It would ask the Internet for known security problems.
security-poll-suffix=
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8,::1
forward-dnsupdate=no
disable-axfr=no
allow-axfr-ips=127.0.0.0/8,::1
max-tcp-connections=1000
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
loglevel=4
"""


def schema() -> Path:
    """The tables of the SQLite backend."""
    return FILES / "usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"


def module_folder() -> Path:
    """Where the backends lie."""
    for path in sorted((FILES / "usr/lib").glob("*-linux-gnu*/pdns")):
        return path
    raise LabError("the SQLite backend of PowerDNS is missing: run script/setup first")


def _insert_zone(database: sqlite3.Connection, number: int, zone: str, plan: Plan) -> None:
    database.execute("INSERT INTO domains (id, name, type) VALUES (?, ?, 'NATIVE')", (number, zone))
    database.executemany(
        "INSERT INTO records (domain_id, name, type, content, ttl, auth) VALUES (?, ?, ?, ?, ?, ?)",
        [(number, *row) for row in _rows(zone, plan)],
    )


def _rows(zone: str, plan: Plan) -> Iterator[tuple[str, str, str, int, bool]]:
    """The zone as rows of the records table: names without the last dot, delegations without authority."""
    children = tuple(child for child in plan.options.zones if child.endswith(f".{zone}"))
    for name, ttl, rdata in zones.parse(zone, plan).iterate_rdatas():
        owner = name.to_text(omit_final_dot=True)
        words = [word.rstrip(".") for word in rdata.to_text().split(" ")]
        is_delegated = any(owner == child or owner.endswith(f".{child}") for child in children)
        yield owner, dns.rdatatype.to_text(rdata.rdtype), " ".join(words), ttl, not is_delegated
