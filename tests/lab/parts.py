# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab consists of: its servers, and everything a test may want to know about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .bind import Bind
from .knot import Knot
from .letsencrypt import LetsEncrypt
from .model import Frontend, LabError, Options, Responder, TsigKey
from .nginx import Nginx
from .nsd import Nsd
from .pebble import Pebble
from .plan import Plan
from .powerdns import PowerDns
from .process import Server
from .programs import tool_environment
from .responder import ResponderServer
from .transfer_gate import TransferGate
from .unbound import Unbound


class Parts:
    """The servers of a plan in a folder, running or not."""

    folder: Path

    def _build(self, plan: Plan) -> None:
        self._plan = plan
        self._pebble = Pebble(plan, self.folder)
        self._ca = (
            LetsEncrypt(plan, self._pebble.listener, self.folder) if plan.options.as_letsencrypt else self._pebble
        )
        self._gate = TransferGate(plan, self.folder)
        self._nsd = Nsd("nsd", plan, self.folder)
        primaries = (Knot("knot", plan, self.folder), Bind("bind", plan, self.folder))
        self._dns: tuple[ResponderServer, ...] = (
            *primaries,
            PowerDns("powerdns", plan, self.folder),
            *([self._nsd] if plan.options.secondary else []),
        )
        fronts = tuple(Nginx(frontend, self.folder) for frontend in plan.frontends(self.folder))
        self._servers: tuple[Server, ...] = (
            *self._dns,
            *([self._gate] if plan.options.secondary else []),
            Unbound(plan, self.folder),
            self._pebble,
            *([self._ca] if self._ca is not self._pebble else []),
            *fronts,
        )

    # What there is

    @property
    def directory(self) -> str:
        """URL of the CA's directory."""
        return self._ca.directory

    @property
    def management(self) -> str:
        """URL of the CA's management interface."""
        return self._pebble.management

    @property
    def ca_bundle(self) -> Path:
        """The root that the CA's own listeners are trusted by."""
        return self._pebble.listener.root

    @property
    def issuer_roots(self) -> tuple[str, ...]:
        """The roots (PEM) of the chains the CA issues from, asked now; the default chain's first."""
        return self._pebble.issuer_roots()

    @property
    def issuer_bundle(self) -> Path:
        """All issuer roots in one file; written when the CA starts."""
        return self.folder / "issuer-roots.pem"

    @property
    def responders(self) -> tuple[Responder, ...]:
        """The authoritative servers: knot, bind, powerdns (primaries) and nsd (follows knot)."""
        return self._plan.responders

    @property
    def primaries(self) -> tuple[Responder, ...]:
        """Those responders that take updates."""
        return tuple(responder for responder in self.responders if responder.updates)

    @property
    def tsig_keys(self) -> Mapping[str, TsigKey]:
        """The keys the primaries were given, by name: `acme` (hmac-sha256) and `acme512` (hmac-sha512)."""
        return {key.name: key for key in self._plan.keys}

    @property
    def resolver(self) -> tuple[str, int]:
        """Address and port of the CA's resolver."""
        return self._plan.address("unbound"), self._plan.resolver_port

    @property
    def frontends(self) -> tuple[Frontend, ...]:
        """The web servers."""
        return self._plan.frontends(self.folder)

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that all responders serve."""
        return self._plan.options.zones

    @property
    def options(self) -> Options:
        """What was chosen for this lab."""
        return self._plan.options

    @property
    def spare_address(self) -> str:
        """An address without a server, which challenge.<zone> points to: for validations a test answers itself."""
        return self._plan.address("spare")

    @property
    def validation_ports(self) -> tuple[int, int]:
        """The ports the CA validates http-01 and tls-alpn-01 on; the frontends listen on the same."""
        return self._plan.http_port, self._plan.https_port

    @property
    def environment(self) -> dict[str, str]:
        """What to add to a process environment for lego and the other fetched tools to work with the lab."""
        return tool_environment() | {"LEGO_CA_CERTIFICATES": str(self.ca_bundle)}

    @property
    def store(self) -> Path:
        """Where the inventory puts the certificate store."""
        return self.folder / "store"

    @property
    def inventory(self) -> Path:
        """An Ansible inventory (YAML) of the lab; written when it starts."""
        return self.folder / "inventory.yml"

    def describe(self) -> dict[str, Any]:
        """Everything above as plain values, secrets included; also in lab.json."""
        return {
            "folder": str(self.folder),
            "directory": self.directory,
            "management": self.management,
            "ca_bundle": str(self.ca_bundle),
            "issuer_bundle": str(self.issuer_bundle),
            "responders": [asdict(responder) for responder in self.responders],
            "tsig_keys": [asdict(key) for key in self.tsig_keys.values()],
            "resolver": {"address": self.resolver[0], "port": self.resolver[1]},
            "frontends": json.loads(json.dumps([asdict(front) for front in self.frontends], default=str)),
            "validation_ports": dict(zip(("http", "tls"), self.validation_ports, strict=True)),
            "spare_address": self.spare_address,
            "zones": list(self.zones),
            "profiles": dict(self.options.profiles),
            "store": str(self.store),
            "inventory": str(self.inventory),
        }

    # One server

    def _server(self, name: str) -> Server:
        for server in self._servers:
            if server.name == name:
                return server
        raise LabError(f"no server {name}; there are {', '.join(server.name for server in self._servers)}")

    def _responder(self, name: str) -> ResponderServer:
        for server in self._dns:
            if server.name == name:
                return server
        raise LabError(f"no responder {name}; there are {', '.join(server.name for server in self._dns)}")

    def _responder_entry(self, name: str) -> Responder:
        self._responder(name)
        return next(responder for responder in self.responders if responder.name == name)
