# SPDX-License-Identifier: GPL-3.0-or-later
"""The upkeep of a store in this process, with a CA behind the faulty proxy."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import parse_responders
from ansible_collections.certfleet.acme.plugins.module_utils._store.layout import authority_name
from ansible_collections.certfleet.acme.plugins.module_utils._store.memory import AccountMemory
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.record import WantedAccount
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.registration import keep_account
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.bounds import Bounds
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.means import Means
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.web import Web
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.upkeep import Upkeep
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

from tests.clock import LaterClock
from tests.lab import ROOM, Lab, Options
from tests.lab.ca_proxy import CaProxy
from tests.options import responders, tsig_keys

TIMEOUT = 2.0
PATIENCE = 6.0


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Lab]:
    """A lab of its own: what is to be counted must not depend on chance, and nobody here needs a secondary."""
    options = Options(
        limits=ROOM,
        secondary=False,
        frontends=0,
        nonce_reject=0,
        authz_reuse=0,
        retry_after=(0, 0),
        asked=("knot", "bind", "powerdns"),
    )
    with Lab(options) as lab:
        yield lab


@pytest.fixture
def site(lab: Lab, proxy: CaProxy, tmp_path: Path) -> Site:
    """An account and an empty store; the proxy has forgotten what that took."""
    site = Site(lab, proxy, tmp_path / "store")
    site.register()
    proxy.forget()
    return site


@dataclass
class Site:
    """A store, and what is done with it."""

    lab: Lab
    proxy: CaProxy
    folder: Path

    @property
    def authority(self) -> Authority:
        return Authority(self.proxy.directory, "default", str(self.proxy.ca_bundle), TIMEOUT)

    def register(self) -> None:
        keep_account(self.authority, Files(str(self.folder)), WantedAccount(terms_agreed=True), False, SystemClock())

    def keep(
        self,
        names: Sequence[str],
        *,
        retry: bool = False,
        later: timedelta = timedelta(),
        concurrency: int = 4,
        **more: Any,
    ) -> dict[str, Any]:
        """One task that keeps a certificate for each of these names, so much later than now."""
        files, clock = Files(str(self.folder)), LaterClock(later)
        servers = parse_responders(responders(self.lab), tsig_keys(self.lab))
        fleet = Fleet(servers, clock, files, timeout=2.0, check_name_servers=False)
        bounds = Bounds(200, None, concurrency, more.pop("patience", PATIENCE))
        entries = [
            {"name": name.split(".")[0], "domains": [name], "key_types": ["ecdsa-p256"], "profile": "classic", **more}
            for name in names
        ]
        means = Means(fleet, 10.0, Web(str(self.folder / "challenges")))
        upkeep = Upkeep(files, self.authority, means, bounds, clock)
        return upkeep.keep(parse_wanted(entries), None, "never", ["all"] if retry else [])

    def state(self, name: str) -> dict[str, Any]:
        """What is remembered beside a certificate."""
        path = self._folder_of(name) / "state.json"
        state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return state

    def pending(self, name: str) -> dict[str, Any] | None:
        """The order that is under way."""
        path = self._folder_of(name) / "order.json"
        order: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
        return order

    @property
    def pauses(self) -> dict[str, Any]:
        """What the CA asked to leave alone."""
        memory = AccountMemory(Files(str(self.folder)), authority_name(self.authority.directory), "default")
        return memory.recall("pauses")

    def leftovers(self) -> list[Any]:
        """Values that are still on a primary, and what the ledger still has."""
        found = [self.lab.all_txt(each.name) for each in self.lab.primaries]
        return [each for each in found if each] + list(self.folder.glob("dns/*.json"))

    def _folder_of(self, name: str) -> Path:
        return self.folder / "certificates" / name.split(".", maxsplit=1)[0] / "ecdsa-p256"


def fresh(count: int) -> list[str]:
    """Names that no other test has asked for."""
    return [f"c{secrets.token_hex(4)}.fleet.test" for _each in range(count)]


def statuses(result: dict[str, Any]) -> dict[str, str]:
    """What became of each name; why is printed, for the case that a test fails over it."""
    for entry in result["certificates"]:
        print(entry["domains"][0], entry["status"], entry["reason"])
    return {entry["domains"][0]: entry["status"] for entry in result["certificates"]}
