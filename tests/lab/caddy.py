# SPDX-License-Identifier: GPL-3.0-or-later
"""Caddy's ACME server, which is smallstep's code."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .another_ca import ADDRESS, AnotherCa
from .lab import Lab
from .programs import program

AUTHORITIES = ("lab", "local")
"""Ours, and the one that Caddy has anyway: neither may put its root into the machine's trust store."""


class Caddy(AnotherCa):
    """Issues for twelve hours, has no ``meta`` in its directory, and leaves orders pending whose challenge failed."""

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
        """Everything that it keeps goes into its folder."""
        folders = {name: str(self.folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        return super().environment() | folders

    def _configuration(self) -> dict[str, object]:
        issuer = {
            "handler": "acme_server",
            "ca": "lab",
            "resolvers": [self.resolver],
            "challenges": ["dns-01", "http-01", "tls-alpn-01"],
            "policy": {"allow_wildcard_names": True},
        }
        files = {"certificate": str(self.listener.certificate), "key": str(self.listener.key)}
        server = {
            "listen": [f"{ADDRESS}:{self.port}"],
            "routes": [{"handle": [issuer]}],
            "tls_connection_policies": [{}],
            "automatic_https": {"disable": True},
        }
        return {
            "admin": {"disabled": True},
            "storage": {"module": "file_system", "root": str(self.folder / "storage")},
            "apps": {
                "pki": {"certificate_authorities": {name: {"install_trust": False} for name in AUTHORITIES}},
                "tls": {"certificates": {"load_files": [files]}},
                "http": {"servers": {"acme": server}},
            },
        }
