# SPDX-License-Identifier: GPL-3.0-or-later
"""Knot DNS, a primary that takes updates; the secondary follows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .model import TsigKey
from .plan import SECONDARY
from .programs import program
from .responder import ResponderServer


class Knot(ResponderServer):
    """Knot DNS: updates of TXT only, changes kept in its journal, NOTIFY to the secondary."""

    def configure(self) -> None:
        """Write knot.conf and the zones."""
        self.write_zone_files(self.folder / "zones")
        (self.folder / "database").mkdir(exist_ok=True)
        (self.folder / "knot.conf").write_text(self._configuration(), encoding="ascii")

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("knotd"), "-c", str(self.folder / "knot.conf"), "-s", str(self.control)]

    @property
    def control(self) -> Path:
        """The control socket."""
        return Path(self.plan.control) / "knot.sock"

    def _configuration(self) -> str:
        port = self.plan.dns_port
        listen = ", ".join(f'"{address}@{port}"' for address in self.addresses)
        transfer = self.plan.transfer_key
        names = ", ".join(f'"{key.name}"' for key in self.keys)
        update = f"  - id: update\n    key: [{names}]\n    action: update\n    update-type: [TXT]\n" if names else ""
        if names and self.owners:
            owners = ", ".join(f"{owner}." for owner in self.owners)
            update += f"    update-owner: name\n    update-owner-match: equal\n    update-owner-name: [{owners}]\n"
        acls = "[update, transfer, look]" if names else "[transfer, look]"
        return f"""\
server:
    rundir: "{self.plan.control}"
    listen: [{listen}]
    udp-workers: 1
    tcp-workers: 2
    background-workers: 2
    tcp-max-clients: 1000
log:
  - target: stderr
    any: info
database:
    storage: "{self.folder}/database"
    journal-db-max-size: 256M
key:
{"".join(map(_key, [*self.keys, transfer]))}
remote:
  - id: secondary
    address: "{self.plan.address(SECONDARY)}@{port}"
    via: "{self.addresses[0]}"
    key: "{transfer.name}"
acl:
{update}  - id: transfer
    key: "{transfer.name}"
    action: transfer
  - id: look
    address: 127.0.0.0/8
    action: transfer
template:
  - id: default
    storage: "{self.folder}/zones"
    file: "%s.zone"
    # Updates live in the journal: writing the whole zone after each of them would be slow.
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: changes
    serial-policy: increment
    {"notify: secondary" if self.plan.options.secondary else ""}
    acl: {acls}
zone:
""" + "".join(f'  - domain: "{zone}"\n' for zone in self.zones)


def _key(key: TsigKey) -> str:
    return f'  - id: "{key.name}"\n    algorithm: {key.algorithm}\n    secret: "{key.secret}"\n'
