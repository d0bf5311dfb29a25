# SPDX-License-Identifier: GPL-3.0-or-later
"""Pebble, the ACME server."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from .authority import Listener, make_listener
from .plan import Plan
from .process import Server
from .programs import program, server_environment

ROOTS = 2
"""How many chains it offers: its own and one alternate."""


class Pebble(Server):
    """Pebble keeps everything in memory: started again it is a new CA with new roots at the same address."""

    def __init__(self, plan: Plan, lab_folder: Path) -> None:
        super().__init__("pebble", lab_folder)
        self.plan = plan

    @property
    def directory(self) -> str:
        """The URL of the directory (RFC 8555 §7.1.1)."""
        return f"https://{self.plan.address('pebble')}:{self.plan.acme_port}/dir"

    @property
    def management(self) -> str:
        """The URL of the management interface."""
        return f"https://{self.plan.address('pebble')}:{self.plan.management_port}"

    @property
    def listener(self) -> Listener:
        """The certificate of its own listener, and of what may stand before it; made at first use."""
        self.folder.mkdir(exist_ok=True)
        return make_listener(self.folder, self.plan.address("pebble"), self.plan.address("letsencrypt"))

    def configure(self) -> None:
        """Write pebble.json."""
        text = json.dumps({"pebble": self._configuration()}, indent=2)
        (self.folder / "pebble.json").write_text(text, encoding="utf-8")

    def command(self) -> Sequence[str]:
        """Run in the foreground with the lab's resolver."""
        resolver = f"{self.plan.address('unbound')}:{self.plan.resolver_port}"
        return [program("pebble"), "-config", str(self.folder / "pebble.json"), "-dnsserver", resolver]

    def environment(self) -> dict[str, str]:
        """Pebble takes most of its behaviour from here."""
        options = self.plan.options
        reuse = options.authz_reuse if options.authz_reuse is not None else 100 if options.as_letsencrypt else 50
        return server_environment() | {
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": str(0 if options.as_letsencrypt else options.nonce_reject),
            "PEBBLE_AUTHZREUSE": str(reuse),
            "PEBBLE_ALTERNATE_ROOTS": str(ROOTS - 1),
            "PEBBLE_CHAIN_LENGTH": "2",
        }

    def is_ready(self) -> bool:
        """Whether the directory and the management interface answer."""
        try:
            self.get(self.directory)
            self.get(f"{self.management}/roots/0")
        except urllib.error.URLError:
            return False
        return True

    def issuer_roots(self) -> tuple[str, ...]:
        """The roots (PEM) of the chains it issues from, the default chain's first."""
        return tuple(self.get(f"{self.management}/roots/{number}") for number in range(ROOTS))

    def set_renewal_info(self, certificate: str, document: Mapping[str, object]) -> None:
        """Answer questions for renewal information about this certificate (PEM) with this object (RFC 9773 §4.2)."""
        body = {"Certificate": certificate, "ARIResponse": json.dumps(document)}
        self.get(f"{self.management}/set-renewal-info/", json.dumps(body).encode())

    def get(self, url: str, body: bytes | None = None) -> str:
        """Fetch a text from either interface, never through a proxy; with a body by POST."""
        context = ssl.create_default_context(cafile=str(self.listener.root))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(url, body, timeout=5) as reply:
            return str(reply.read().decode())

    def _configuration(self) -> dict[str, object]:
        options = self.plan.options
        authorization, order = options.retry_after
        address = self.plan.address("pebble")
        return {
            "listenAddress": f"{address}:{self.plan.acme_port}",
            "managementListenAddress": f"{address}:{self.plan.management_port}",
            "certificate": str(self.listener.certificate),
            "privateKey": str(self.listener.key),
            "httpPort": self.plan.http_port,
            "tlsPort": self.plan.https_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": options.require_external_account,
            "externalAccountMACKeys": dict(options.external_accounts),
            "domainBlocklist": list(options.blocked),
            "retryAfter": {"authz": authorization, "order": order},
            "keyAlgorithm": "ecdsa",
            "profiles": {
                name: {"description": f"valid for {seconds // 86400} days", "validityPeriod": seconds}
                for name, seconds in options.profiles.items()
            },
        }
