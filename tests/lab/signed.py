# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers with a single zone that they sign by themselves, apart from a lab; one that refuses it stands beside."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from .model import TsigKey
from .process import Server
from .programs import program
from .query import TIMEOUT

ZONE = "signed.test"


class SignedServer(Server):
    """A primary of the zone, whose signatures by RSA with 4096 bits are larger than any value.

    ``beside`` is a further address in the zone's NS records, of a host that has the server's address, too.
    """

    def __init__(self, folder: Path, address: str, port: int, key: TsigKey, beside: str) -> None:
        super().__init__(type(self).__name__.lower(), folder)
        self.address, self.port, self.key, self.beside = address, port, key, beside

    @property
    @abstractmethod
    def configuration(self) -> str:
        """The server's own file."""

    def configure(self) -> None:
        """Write the configuration and the zone."""
        (self.folder / "conf").write_text(self.configuration, encoding="ascii")
        (self.folder / "zone").write_text(
            f"$ORIGIN {ZONE}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\n@ NS ns2\n"
            f"ns A {self.address}\nns2 A {self.address}\nns2 A {self.beside}\n",
            encoding="ascii",
        )

    def is_ready(self) -> bool:
        """Whether its answers are signed."""
        query = dns.message.make_query(ZONE, "NS", want_dnssec=True)
        try:
            reply = dns.query.tcp(query, self.address, timeout=TIMEOUT, port=self.port)
        except dns.exception.DNSException:
            return False  # it makes its keys
        return any(rrset.rdtype == dns.rdatatype.RRSIG for rrset in reply.answer)


class Knot(SignedServer):
    """Knot DNS."""

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("knotd"), "-c", str(self.folder / "conf"), "-s", str(self.folder / "socket")]

    @property
    def configuration(self) -> str:
        """The server's own file."""
        return f"""\
server:
    rundir: "{self.folder}"
    listen: {self.address}@{self.port}
database:
    storage: "{self.folder}"
key:
  - id: {self.key.name}
    algorithm: {self.key.algorithm}
    secret: {self.key.secret}
acl:
  - id: update
    key: {self.key.name}
    action: update
    update-type: [TXT]
policy:
  - id: signing
    algorithm: rsasha256
    zsk-size: 4096
zone:
  - domain: {ZONE}
    file: "{self.folder}/zone"
    acl: update
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    dnssec-signing: on
    dnssec-policy: signing
"""


class Bind(SignedServer):
    """BIND 9, with all that it says beside an answer."""

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("named"), "-g", "-n", "1", "-c", str(self.folder / "conf")]

    @property
    def configuration(self) -> str:
        """The server's own file."""
        return f"""\
options {{
    directory "{self.folder}";
    managed-keys-directory "{self.folder}";
    listen-on port {self.port} {{ {self.address}; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify no;
    minimal-responses no;
}};
controls {{ }};
key "{self.key.name}" {{ algorithm {self.key.algorithm}; secret "{self.key.secret}"; }};
dnssec-policy "signing" {{ keys {{ csk lifetime unlimited algorithm rsasha256 4096; }}; }};
zone "{ZONE}" {{
    type primary;
    file "zone";
    dnssec-policy "signing";
    inline-signing no;
    update-policy {{ grant "{self.key.name}" zonesub TXT; }};
}};
"""


class Lame(Server):
    """Knot DNS without the zone: it refuses to answer about it."""

    def __init__(self, folder: Path, address: str, port: int) -> None:
        super().__init__("lame", folder)
        self.address, self.port = address, port

    def configure(self) -> None:
        """Write the configuration."""
        (self.folder / "conf").write_text(
            f'server:\n    rundir: "{self.folder}"\n    listen: {self.address}@{self.port}\n'
            f'database:\n    storage: "{self.folder}"\n',
            encoding="ascii",
        )

    def command(self) -> Sequence[str]:
        """Run in the foreground, log to standard error."""
        return [program("knotd"), "-c", str(self.folder / "conf"), "-s", str(self.folder / "socket")]

    def is_ready(self) -> bool:
        """Whether it answers at all."""
        query = dns.message.make_query(ZONE, "SOA")
        return bool(dns.query.tcp(query, self.address, timeout=TIMEOUT, port=self.port).rcode())
