# SPDX-License-Identifier: GPL-3.0-or-later
"""Caddy's acme_server: a CA with the code of smallstep's."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .another_ca import ADDRESS, AnotherCa
from .lab import Lab
from .programs import program, server_environment


class Caddy(AnotherCa):
    """Validates dns-01 through the lab's resolver; certificates are valid for 12 hours."""

    def __init__(self, lab: Lab) -> None:
        super().__init__("caddy", lab)

    @property
    def directory(self) -> str:
        """The URL of the directory (RFC 8555 §7.1.1)."""
        return f"https://{ADDRESS}:{self.port}/acme/lab/directory"

    def configure(self) -> None:
        """Write caddy.json."""
        (self.folder / "caddy.json").write_text(json.dumps(self._configuration(), indent=2), encoding="utf-8")

    def command(self) -> Sequence[str]:
        """Run in the foreground."""
        return [program("caddy"), "run", "--config", str(self.folder / "caddy.json")]

    def environment(self) -> dict[str, str]:
        """Caddy keeps what it writes unasked below its home."""
        return server_environment() | {"HOME": str(self.folder)}

    def _configuration(self) -> dict[str, object]:
        files = {"certificate": str(self.listener.certificate), "key": str(self.listener.key)}
        handler = {"handler": "acme_server", "ca": "lab", "resolvers": [self.resolver], "challenges": ["dns-01"]}
        server = {
            "listen": [f"{ADDRESS}:{self.port}"],
            "automatic_https": {"disable": True},
            "tls_connection_policies": [{}],
            "routes": [{"handle": [handler]}],
        }
        # Without this Caddy puts its roots into the trust store of the machine when it runs as root.
        untrusted = {"install_trust": False}
        return {
            "admin": {"disabled": True},
            "storage": {"module": "file_system", "root": str(self.folder / "data")},
            "apps": {
                "pki": {"certificate_authorities": {"lab": untrusted, "local": untrusted}},
                "tls": {"certificates": {"load_files": [files]}},
                "http": {"servers": {"acme": server}},
            },
        }
