# SPDX-License-Identifier: GPL-3.0-or-later
"""BIND, a primary that takes updates, on IPv6 too where the machine has it."""

from __future__ import annotations

from collections.abc import Sequence

from .model import TsigKey
from .programs import program
from .responder import ResponderServer


class Bind(ResponderServer):
    """BIND 9: updates of TXT only, by update-policy."""

    def configure(self) -> None:
        """Write named.conf and the zones."""
        self.write_zone_files(self.folder / "zones")
        (self.folder / "named.conf").write_text(self._configuration(), encoding="ascii")

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("named"), "-g", "-n", "2", "-c", str(self.folder / "named.conf")]

    def _configuration(self) -> str:
        port = self.plan.dns_port
        ipv4, *ipv6 = self.addresses
        listen6 = f"listen-on-v6 port {port} {{ {ipv6[0]}; }};" if ipv6 else "listen-on-v6 { none; };"
        return f"""\
options {{
    directory "{self.folder}/zones";
    managed-keys-directory "{self.folder}";
    listen-on port {port} {{ {ipv4}; }};
    {listen6}
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
    allow-transfer {{ 127.0.0.0/8; ::1; }};
    tcp-clients 1000;
    minimal-responses yes;
}};
controls {{ }};
{"".join(map(_key, self.keys))}""" + "".join(map(self._zone, self.zones))

    def _zone(self, zone: str) -> str:
        rules = [f"name {owner}" for owner in self.owners] or ["zonesub"]
        grants = " ".join(f'grant "{key.name}" {rule} TXT;' for key in self.keys for rule in rules)
        policy = f"update-policy {{ {grants} }};" if grants else ""
        return f'zone "{zone}" {{ type primary; file "{zone}.zone"; {policy} }};\n'


def _key(key: TsigKey) -> str:
    return f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n'
