# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as a whole: start, faults, stop."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from . import inventory, keeper, query
from .bind import Bind
from .knot import Knot
from .model import Frontend, LabError, Options, Responder, TsigKey
from .nginx import Nginx
from .nsd import Nsd
from .pebble import Pebble
from .plan import SECONDARY, Plan, random_secret
from .powerdns import PowerDns
from .process import Server
from .programs import tool_environment
from .responder import ResponderServer
from .transfer_gate import TransferGate
from .unbound import Unbound
from .zones import zone_of

_CATCH_UP_TIMEOUT = 15.0
_LONGEST_SOCKET_FOLDER = 80
"""A socket's path has 107 characters at most."""


class Lab:
    """Pebble, four authoritative servers, a resolver and web servers, all on one loopback network.

    A context manager: leaving it stops every process and removes the folder (unless `keep`). Should this
    process die, a small keeper process does the same.
    """

    def __init__(self, options: Options | None = None, *, folder: Path | None = None, keep: bool = False) -> None:
        """Plan a lab in a new temporary folder, or in the given folder, which must be empty or missing."""
        self.folder = _new_folder(folder)
        self.keep = keep
        self._keeper: subprocess.Popen[bytes] | None = None
        self._build(Plan.make(options or Options(), _control_folder(self.folder)))
        self._save()

    @classmethod
    def attach(cls, folder: Path) -> Lab:
        """Take over a lab that another process has left running in a folder."""
        lab = cls.__new__(cls)
        lab.folder = folder.resolve()
        lab.keep = False
        lab._keeper = None
        path = lab.folder / "plan.json"
        if not path.exists():
            raise LabError(f"no lab in {folder}")
        lab._build(Plan.load(path))
        for name, keys in json.loads((lab.folder / "keys.json").read_text(encoding="utf-8")).items():
            lab._responder(name).keys = tuple(TsigKey(**key) for key in keys)
        return lab

    def _build(self, plan: Plan) -> None:
        self._plan = plan
        self._pebble = Pebble(plan, self.folder)
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
            *fronts,
        )

    # What there is

    @property
    def directory(self) -> str:
        """URL of the CA's directory."""
        return self._pebble.directory

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

    # Start and stop

    def __enter__(self) -> Lab:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, detached: bool = False) -> None:
        """Start everything and wait until it works. A detached lab outlives this process."""
        try:
            if not detached:
                self._start_keeper()
            for server in self._servers:
                server.launch()
            for server in self._servers:
                server.wait_ready()
            self._write_descriptions()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything this lab has started and remove its folder, unless it is to be kept."""
        keeper.stop_all(self.folder / "processes")
        for server in self._servers:
            server.stop()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._plan.control, ignore_errors=True)
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            self._keeper.wait(timeout=30)
            self._keeper = None

    def restart_ca(self, **options: Any) -> None:
        """Start the CA afresh at the same address: no accounts, no orders, new roots.

        Takes any of the options `profiles`, `nonce_reject`, `authz_reuse`, `external_accounts`,
        `require_external_account`, `blocked` and `retry_after` to change them.
        """
        self._pebble.stop()
        self._plan = self._plan.with_options(**options)
        self._pebble.plan = self._plan
        self._save()
        self._pebble.launch()
        self._pebble.wait_ready()
        self._write_descriptions()

    # Faults

    def status(self) -> dict[str, str]:
        """What each server does: running, down, or lagging."""
        states = {server.name: "running" if server.is_running else "down" for server in self._servers}
        if self._gate.flag.exists():
            states[SECONDARY] += ", lagging"
        for server in self._dns:
            if tuple(server.keys) != self._plan.keys:
                states[server.name] += ", other TSIG keys"
        return states

    def down(self, name: str) -> None:
        """Stop one server; its address and port stay its own."""
        self._server(name).stop()

    def up(self, name: str) -> None:
        """Start a server that was stopped, with the data it had."""
        server = self._server(name)
        server.launch()
        server.wait_ready()
        if server is self._nsd and not self._gate.flag.exists():
            self._catch_up()

    def lag(self, name: str) -> None:
        """Hold zone transfers back: the secondary goes on answering with what it has now."""
        self._require_secondary(name)
        self._gate.close()

    def release(self, name: str) -> None:
        """Let zone transfers through again and wait until the secondary has caught up."""
        self._require_secondary(name)
        self._gate.open()
        self._catch_up()

    def change_tsig(self, name: str, *, forget: bool = False) -> None:
        """Give a primary other secrets for its keys, so that it answers BADSIG; with `forget` BADKEY."""
        self._require_primary(name)
        self._give_keys(name, () if forget else tuple(map(random_secret, self._plan.keys)))

    def restore_tsig(self, name: str) -> None:
        """Give a primary the lab's keys again."""
        self._require_primary(name)
        self._give_keys(name, self._plan.keys)

    def heal(self) -> None:
        """Undo every fault; quick when there is none."""
        for responder in self.primaries:
            if tuple(self._responder(responder.name).keys) != self._plan.keys:
                self.restore_tsig(responder.name)
        for server in self._servers:
            if not server.is_running:
                self.up(server.name)
        if self._gate.flag.exists():
            self.release(SECONDARY)

    # Looking and changing by hand

    def txt(self, name: str, owner: str) -> frozenset[str]:
        """The TXT values of a name at one responder."""
        responder = self._responder_entry(name)
        return query.txt_values(responder.address, responder.port, owner)

    def all_txt(self, name: str, zone: str | None = None) -> dict[str, frozenset[str]]:
        """Every TXT value by owner at one responder, in one zone or in all."""
        responder = self._responder_entry(name)
        values: dict[str, frozenset[str]] = {}
        for one in [zone] if zone else self.zones:
            values |= query.all_txt_values(responder.address, responder.port, one)
        return values

    def add_txt(self, name: str, owner: str, value: str) -> None:
        """Add one TXT value at one primary, by an update of its own."""
        self._change_txt(name, owner, value, add=True)

    def remove_txt(self, name: str, owner: str, value: str) -> None:
        """Remove one TXT value at one primary, by an update of its own."""
        self._change_txt(name, owner, value, add=False)

    def log(self, name: str) -> str:
        """The whole log of one server."""
        return self._server(name).log.read_text(encoding="utf-8", errors="replace")

    def updates_taken(self) -> int:
        """How many UPDATE messages Knot has processed since the lab started; the others do not count them."""
        return sum(map(int, re.findall(r"DDNS, processing (\d+) updates", self.log("knot"))))

    # Inside

    def _change_txt(self, name: str, owner: str, value: str, *, add: bool) -> None:
        responder = self._require_primary(name)
        zone = zone_of(owner, self.zones)
        keys = self._responder(name).keys
        if zone is None or not keys:
            raise LabError(f"{name} takes no update of {owner}")
        query.change_txt(responder.address, responder.port, zone, keys[0], add=add, owner=owner, value=value)

    def _give_keys(self, name: str, keys: tuple[TsigKey, ...]) -> None:
        server = self._responder(name)
        server.keys = keys
        self._save()
        if server.is_running:
            self.down(name)
            self.up(name)

    def _catch_up(self) -> None:
        """Nudge the secondary until it has what its primary has, if that runs."""
        if not self._responder("knot").is_running:
            return
        deadline = time.monotonic() + _CATCH_UP_TIMEOUT
        while self._nsd.is_behind():
            if time.monotonic() > deadline:
                raise LabError(f"{SECONDARY} does not catch up:\n{self._nsd.log_tail()}")
            self._nsd.catch_up()
            time.sleep(0.1)

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

    def _require_primary(self, name: str) -> Responder:
        responder = self._responder_entry(name)
        if not responder.updates:
            raise LabError(f"{name} is a secondary and takes no updates")
        return responder

    def _require_secondary(self, name: str) -> None:
        if self._responder_entry(name).updates:
            raise LabError(f"{name} is a primary: only {SECONDARY} can lag, by holding back its transfers")

    def _start_keeper(self) -> None:
        script = str(Path(keeper.__file__))
        remove = [self._plan.control] if self.keep else [self._plan.control, str(self.folder)]
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", script, str(self.folder / "processes"), *remove],
            stdin=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )

    def _save(self) -> None:
        self._plan.save(self.folder / "plan.json")
        path = self.folder / "keys.json"
        path.touch(mode=0o600)
        keys = {server.name: [asdict(key) for key in server.keys] for server in self._dns}
        path.write_text(json.dumps(keys), encoding="utf-8")

    def _write_descriptions(self) -> None:
        self.issuer_bundle.write_text("".join(self.issuer_roots), encoding="ascii")
        for path, text in (
            (self.folder / "lab.json", json.dumps(self.describe(), indent=2) + "\n"),
            (self.inventory, inventory.render(self)),
        ):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")


def _new_folder(folder: Path | None) -> Path:
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="certfleet-lab-"))
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise LabError(f"{folder} is not empty")
    for name in ("logs", "processes"):
        (folder / name).mkdir()
    return folder


def _control_folder(folder: Path) -> Path:
    if len(str(folder)) < _LONGEST_SOCKET_FOLDER:
        control = folder / "control"
        with contextlib.suppress(FileExistsError):
            control.mkdir(mode=0o700)
        return control
    return Path(tempfile.mkdtemp(prefix="certfleet-"))
