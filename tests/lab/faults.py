# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test can do to a running lab, and what it can look up there."""

from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import asdict
from datetime import datetime

from . import query
from .model import LabError, Responder, TsigKey
from .parts import Parts
from .plan import FOLLOWED, SECONDARY, random_secret
from .responder import ResponderServer
from .zones import zone_of

LIMITABLE = ("knot", "bind")
_CATCH_UP_TIMEOUT = 15.0


class Faults(Parts):
    """Servers that go down, lag or have other keys; values looked up, added and removed by hand."""

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

    def limit_names(self, name: str, *owners: str) -> None:
        """Have Knot or BIND take updates of these names only, or of all names again when none is given."""
        if name not in LIMITABLE:
            raise LabError(f"{name} can't be limited to names, only {' and '.join(LIMITABLE)}")
        server = self._responder(name)
        server.owners = owners
        self._restart(server)

    def heal(self) -> None:
        """Undo every fault; quick when there is none."""
        for limited in [server.name for server in self._dns if server.owners]:
            self.limit_names(limited)
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

    def remove_every_txt(self) -> None:
        """Remove all TXT values at every primary; the secondary follows."""
        for responder in self.primaries:
            for owner, values in self.all_txt(responder.name).items():
                for value in values:
                    self.remove_txt(responder.name, owner, value)

    def remove_every_site(self) -> None:
        """Have every web server serve nothing but challenges again; quick when it does."""
        for frontend in self.frontends:
            sites = list((frontend.folder / "sites").iterdir())
            for site in sites:
                site.unlink()
            if sites:
                subprocess.run(frontend.reload, check=True, capture_output=True)

    def set_renewal_window(
        self, certificate: str, start: datetime, end: datetime, explanation: str | None = None
    ) -> None:
        """Have the CA suggest this window for a certificate (PEM) from now on."""
        document: dict[str, object] = {"suggestedWindow": {"start": start.isoformat(), "end": end.isoformat()}}
        self._pebble.set_renewal_info(certificate, document | ({"explanationURL": explanation} if explanation else {}))

    def status_of(self, serial: str) -> tuple[str, int | None]:
        """What the CA says of the certificate with this serial number (hex): `Valid` or `Revoked`, and for which reason."""
        document = json.loads(self._pebble.get(f"{self._pebble.management}/cert-status-by-serial/{serial}"))
        return document["Status"], document.get("Reason")

    def processor_seconds(self, name: str) -> float:
        """Processor time that a server has had since it was started."""
        return self._server(name).processor_seconds

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
        self._restart(server)

    def _restart(self, server: ResponderServer) -> None:
        """Start a server with what its configuration is now, if it runs."""
        if server.is_running:
            self.down(server.name)
            self.up(server.name)

    def _catch_up(self) -> None:
        """Nudge the secondary until it has what its primary has, if that runs."""
        if not self._responder(FOLLOWED).is_running:
            return
        deadline = time.monotonic() + _CATCH_UP_TIMEOUT
        while self._nsd.is_behind():
            if time.monotonic() > deadline:
                raise LabError(f"{SECONDARY} does not catch up:\n{self._nsd.log_tail()}")
            self._nsd.catch_up()
            time.sleep(0.1)

    def _require_primary(self, name: str) -> Responder:
        responder = self._responder_entry(name)
        if not responder.updates:
            raise LabError(f"{name} is a secondary and takes no updates")
        return responder

    def _require_secondary(self, name: str) -> None:
        if self._responder_entry(name).updates:
            raise LabError(f"{name} is a primary: only {SECONDARY} can lag, by holding back its transfers")

    def _save(self) -> None:
        self._plan.save(self.folder / "plan.json")
        path = self.folder / "keys.json"
        path.touch(mode=0o600)
        keys = {server.name: [asdict(key) for key in server.keys] for server in self._dns}
        path.write_text(json.dumps(keys), encoding="utf-8")
