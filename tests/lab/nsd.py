# SPDX-License-Identifier: GPL-3.0-or-later
"""NSD, a secondary that follows one primary through the gate."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .plan import FOLLOWED
from .programs import program, server_environment
from .query import soa_serial
from .responder import ResponderServer


class Nsd(ResponderServer):
    """NSD: takes no updates; NOTIFY comes straight from the primary, transfers go through the gate."""

    def configure(self) -> None:
        """Write nsd.conf and the zones to begin with."""
        self.write_zone_files(self.folder / "zones")
        (self.folder / "nsd.conf").write_text(self._configuration(), encoding="ascii")

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("nsd"), "-d", "-c", str(self.folder / "nsd.conf")]

    def catch_up(self) -> None:
        """Ask the server to look for newer zones now rather than at its next turn."""
        subprocess.run(
            [program("nsd-control"), "-c", str(self.folder / "nsd.conf"), "transfer"],
            env=server_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )

    def is_behind(self) -> bool:
        """Whether the primary has a zone in another version."""
        port = self.plan.dns_port
        primary, own = self.plan.address(FOLLOWED), self.addresses[0]
        return any(soa_serial(primary, port, zone) != soa_serial(own, port, zone) for zone in self.zones)

    @property
    def control(self) -> Path:
        """The control socket."""
        return Path(self.plan.control) / "nsd.sock"

    def _configuration(self) -> str:
        key = self.plan.transfer_key
        return f"""\
server:
    ip-address: {self.addresses[0]}@{self.plan.dns_port}
    server-count: 1
    tcp-count: 500
    username: ""
    chroot: ""
    zonesdir: "{self.folder}/zones"
    zonelistfile: "{self.folder}/zone.list"
    # After a restart the zones are those of the zone files, so every one has to be asked for anew.
    xfrdfile: ""
    xfrdir: "{self.folder}"
    pidfile: ""
    # In memory only: the file it would use otherwise is the system's, shared by all labs.
    database: ""
    # Serve a transferred zone at once, not after gathering for a second.
    xfrd-reload-timeout: 0
    verbosity: 1
remote-control:
    control-enable: yes
    control-interface: "{self.control}"
key:
    name: "{key.name}"
    algorithm: {key.algorithm}
    secret: "{key.secret}"
""" + "".join(map(self._zone, self.zones))

    def _zone(self, zone: str) -> str:
        key = self.plan.transfer_key.name
        return f"""\
zone:
    name: "{zone}"
    zonefile: "{zone}.zone"
    allow-notify: 127.0.0.0/8 {key}
    request-xfr: {self.plan.address("gate")}@{self.plan.gate_port} {key}
    provide-xfr: 127.0.0.0/8 NOKEY
    max-refresh-time: 5
    max-retry-time: 1
"""
