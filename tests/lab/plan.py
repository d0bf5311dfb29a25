# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of one lab: its addresses, ports and secrets, decided once and kept in its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .model import Frontend, Options, Responder, TsigKey
from .ports import choose_network, choose_ports, has_ipv6

PRIMARIES = ("knot", "bind", "powerdns")
SECONDARY = "nsd"
FOLLOWED = "knot"

_HOSTS = {
    "knot": 11,
    "powerdns": 13,
    "nsd": 14,
    "gate": 20,
    "unbound": 53,
    "spare": 60,
    "pebble": 80,
    "letsencrypt": 81,
}
# BIND listens only on addresses that an interface has; the rest of 127.0.0.0/8 is none of those.
_BIND_ADDRESS = "127.0.0.1"
_FIRST_FRONTEND = 31


@dataclass(frozen=True)
class Plan:
    """Where everything listens and which secrets it shares; `network` is the first three octets."""

    options: Options
    network: str
    dns_port: int
    gate_port: int
    resolver_port: int
    acme_port: int
    management_port: int
    http_port: int
    https_port: int
    ipv6: bool
    keys: tuple[TsigKey, ...]
    transfer_key: TsigKey
    control: str
    """Folder for control sockets, short enough for a socket's path."""

    @classmethod
    def make(cls, options: Options, control: Path) -> Plan:
        """Decide everything at random, with ports that are free at this moment."""
        network = choose_network()
        addresses = [_BIND_ADDRESS, *(f"{network}.{host}" for host in _HOSTS.values())]
        fronts = [f"{network}.{_FIRST_FRONTEND + n}" for n in range(options.frontends)]
        ipv6 = has_ipv6()
        everywhere = [*addresses, *fronts, *(["::1"] if ipv6 else [])]
        ports = choose_ports(everywhere, 7)
        keys = (TsigKey.make("acme", "hmac-sha256"), TsigKey.make("acme512", "hmac-sha512"))
        transfer = TsigKey.make("transfer", "hmac-sha256")
        return cls(
            options=options,
            network=network,
            dns_port=ports[0],
            gate_port=ports[1],
            resolver_port=ports[2],
            acme_port=ports[3],
            management_port=ports[4],
            http_port=ports[5],
            https_port=ports[6],
            ipv6=ipv6,
            keys=keys,
            transfer_key=transfer,
            control=str(control),
        )

    def address(self, name: str) -> str:
        """The IPv4 address of a server of the lab."""
        return _BIND_ADDRESS if name == "bind" else f"{self.network}.{_HOSTS[name]}"

    @property
    def responders(self) -> tuple[Responder, ...]:
        """The authoritative servers, the secondary last."""
        key = self.keys[0].name
        primaries = [
            Responder(name, name, self.address(name), self.dns_port, self.addresses(name), True, key)
            for name in PRIMARIES
        ]
        if not self.options.secondary:
            return tuple(primaries)
        address = self.address(SECONDARY)
        secondary = Responder(SECONDARY, SECONDARY, address, self.dns_port, (address,), False, None, FOLLOWED)
        return (*primaries, secondary)

    def addresses(self, name: str) -> tuple[str, ...]:
        """All addresses of an authoritative server; BIND listens on IPv6 too where the machine has it."""
        return (self.address(name), *(["::1"] if name == "bind" and self.ipv6 else []))

    def frontends(self, folder: Path) -> tuple[Frontend, ...]:
        """The web servers, below the lab's folder."""
        return tuple(self._frontend(folder, number) for number in range(self.options.frontends))

    def _frontend(self, folder: Path, number: int) -> Frontend:
        name = f"front{number + 1}"
        own = folder / name
        address = f"{self.network}.{_FIRST_FRONTEND + number}"
        return Frontend(name, address, self.http_port, self.https_port, own, own / "webroot", (str(own / "reload"),))

    def with_options(self, **changes: Any) -> Plan:
        """The same plan with some options changed."""
        return replace(self, options=replace(self.options, **changes))

    def save(self, path: Path) -> None:
        """Write the plan, secrets included, for its owner only."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan that save() wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.pop("options").items()}
        keys = tuple(TsigKey(**key) for key in data.pop("keys"))
        transfer = TsigKey(**data.pop("transfer_key"))
        return cls(options=Options(**options), keys=keys, transfer_key=transfer, **data)


def random_secret(key: TsigKey) -> TsigKey:
    """The same key name and algorithm with another secret."""
    return TsigKey.make(key.name, key.algorithm)
