# SPDX-License-Identifier: GPL-3.0-or-later
"""A store at each make of CA, with the engine in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import ExternalBinding
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import parse_responders
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.record import WantedAccount
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.registration import keep_account
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.bounds import Bounds
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.means import Means
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.web import Web
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.revocation import Request, Revoker
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.upkeep import Upkeep
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

from tests.clock import LaterClock
from tests.lab import ROOM, Lab, Options
from tests.lab.acme2certifier import Acme2certifier
from tests.lab.caddy import Caddy
from tests.lab.model import DAY
from tests.options import responders, tsig_keys

from .makes import CADDY, MAKES, PEBBLE, Make

UNSEEN = "unseen.fleet.test"
PATIENCE = 120.0
"""Seconds: the module's default, which no test may need."""
CONTACT = ("mailto:ops@fleet.test",)
KEY_ID = "customer-1"
MAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Lab]:
    """A lab whose CAs can't find one name."""
    options = Options(
        limits=ROOM,
        # Pebble would pick any of several for an order without one
        profiles={"classic": 90 * DAY},
        secondary=False,
        frontends=0,
        asked=("knot", "bind", "powerdns"),
        unseen=(f"_acme-challenge.{UNSEEN}",),
    )
    with Lab(options) as lab:
        yield lab


@dataclass(frozen=True)
class Ca:
    """A running CA of some make: where it is, and by what its listener is trusted."""

    make: Make
    directory: str
    bundle: Path


@pytest.fixture(scope="session", params=MAKES, ids=lambda make: str(make.name))
def ca(request: pytest.FixtureRequest, shared_lab: Lab) -> Iterator[Ca]:
    """Each CA in turn, running for all tests at once."""
    make: Make = request.param
    if make is PEBBLE:
        yield Ca(make, shared_lab.directory, shared_lab.ca_bundle)
        return
    with Caddy(shared_lab) if make is CADDY else Acme2certifier(shared_lab) as server:
        yield Ca(make, server.directory, server.ca_bundle)


@pytest.fixture(params=[make for make in MAKES if make.binds], ids=lambda make: str(make.name))
def binding_ca(request: pytest.FixtureRequest, shared_lab: Lab) -> Iterator[Ca]:
    """Each CA that can bind accounts to its customers, and insists on it."""
    make: Make = request.param
    with ExitStack() as stack:
        if make is PEBBLE:
            shared_lab.restart_ca(external_accounts={KEY_ID: MAC_KEY}, require_external_account=True)
            stack.callback(shared_lab.restart_ca, external_accounts={}, require_external_account=False)
            yield Ca(make, shared_lab.directory, shared_lab.ca_bundle)
        else:
            server = stack.enter_context(Acme2certifier(shared_lab, {KEY_ID: MAC_KEY}))
            yield Ca(make, server.directory, server.ca_bundle)


@pytest.fixture
def store(ca: Ca, lab: Lab, tmp_path: Path) -> Store:
    """A store with an account."""
    store = Store(lab, ca, tmp_path / "store")
    store.account(terms_agreed=True, contact=CONTACT)
    return store


@dataclass
class Store:
    """What is done with one store at one CA."""

    lab: Lab
    ca: Ca
    folder: Path

    @property
    def files(self) -> Files:
        return Files(str(self.folder))

    @property
    def authority(self) -> Authority:
        return Authority(self.ca.directory, "default", str(self.ca.bundle))

    def account(self, **wanted: Any) -> dict[str, Any]:
        """What the module `account` returns for this account."""
        return keep_account(self.authority, self.files, WantedAccount(**wanted), False, SystemClock())

    def bound_account(self, mac_key: str = MAC_KEY) -> dict[str, Any]:
        """The same for an account of a customer."""
        binding = ExternalBinding(KEY_ID, mac_key)
        return self.account(terms_agreed=True, contact=CONTACT, external_binding=binding)

    def deactivate(self) -> dict[str, Any]:
        """The same with `state: absent`."""
        return keep_account(self.authority, self.files, None, False, SystemClock())

    def keep(self, *sites: dict[str, Any], later: timedelta = timedelta()) -> dict[str, Any]:
        """What the module `certificates` returns with its defaults for these sites, so much later than now."""
        clock = LaterClock(later)
        servers = parse_responders(responders(self.lab), tsig_keys(self.lab))
        fleet = Fleet(servers, clock, self.files, timeout=5.0, check_name_servers=False)
        means = Means(fleet, 60.0, Web(str(self.folder / "challenges")))
        bounds = Bounds(200, None, 16, PATIENCE)
        upkeep = Upkeep(self.files, self.authority, means, bounds, clock)
        result = upkeep.keep(parse_wanted(list(sites)), None, "never", [])
        for entry in result["certificates"]:
            print(entry["name"], entry["key_type"], entry["status"], entry["reason"])
        return result

    def revoke(self, name: str, *, by_certificate: bool) -> dict[str, Any]:
        """What the module `certificate_revoke` returns for the live certificates of a name."""
        request = Request(name, None, "superseded", by_certificate)
        return Revoker(self.files, self.authority, SystemClock()).revoke_live(request)


def statuses(result: dict[str, Any]) -> dict[tuple[str, str], str]:
    """What became of each certificate, by name and key type."""
    return {(entry["name"], entry["key_type"]): entry["status"] for entry in result["certificates"]}
