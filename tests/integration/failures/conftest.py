# SPDX-License-Identifier: GPL-3.0-or-later
"""Upkeep in this process, at any time of day, with a CA that refuses what it is told to refuse and counts all it gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock, parse_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import parse_responders
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.record import WantedAccount
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.registration import keep_account
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.bounds import Bounds
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.means import Means
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.web import Web
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.job import FailOn
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.ordering import Ordering
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.orders import Limits
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.upkeep import Upkeep
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import Wanted, parse_wanted

from tests.clock import LaterClock
from tests.lab import ROOM, Lab, Options
from tests.lab.ca_faults import When, always, refuse
from tests.lab.ca_proxy import CaProxy
from tests.options import responders, tsig_keys


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Lab]:
    """A lab of its own: what is to be counted must not depend on chance, and nobody here needs a secondary."""
    primaries = ("knot", "bind", "powerdns")
    options = Options(
        limits=ROOM, secondary=False, frontends=3, nonce_reject=0, authz_reuse=0, retry_after=(0, 0), asked=primaries
    )
    with Lab(options) as lab:
        yield lab


@pytest.fixture
def fleet(lab: Lab, proxy: CaProxy, tmp_path: Path) -> Upkeeper:
    """An account and an empty store; the proxy has forgotten what that took."""
    upkeeper = Upkeeper(lab, proxy, tmp_path / "store")
    keep_account(upkeeper.authority, upkeeper.files, WantedAccount(terms_agreed=True), False, SystemClock())
    proxy.forget()
    return upkeeper


@dataclass
class Upkeeper:
    """A store, and the tasks that work on it."""

    lab: Lab
    proxy: CaProxy
    folder: Path

    @property
    def files(self) -> Files:
        return Files(str(self.folder))

    @property
    def authority(self) -> Authority:
        return Authority(self.proxy.directory, "default", str(self.proxy.ca_bundle), 3.0)

    def keep(
        self,
        *sites: dict[str, Any],
        later: timedelta = timedelta(),
        fail_on: FailOn = "never",
        retry: Sequence[str] = (),
        limits: Limits | None = None,
        check: bool = False,
        **bounds: Any,
    ) -> dict[str, Any]:
        """What the module `certificates` returns for these sites, so much later than now."""
        options = {"run_size": 200, "max_runs": None, "concurrency": 4, "patience": 6.0, **bounds}
        clock = LaterClock(later)
        servers = parse_responders(responders(self.lab), tsig_keys(self.lab))
        fleet = Fleet(servers, clock, self.files, timeout=2.0, check_name_servers=False)
        means = Means(fleet, 10.0, Web(str(self.folder / "challenges")))
        upkeep = Upkeep(self.files, self.authority, means, Bounds(**options, limits=limits or Limits()), clock)
        wanted = _wanted(sites)
        return upkeep.check(wanted, retry, fail_on) if check else upkeep.keep(wanted, None, fail_on, retry)

    def place(
        self,
        *sites: dict[str, Any],
        later: timedelta = timedelta(),
        retry: Sequence[str] = (),
        limits: Limits | None = None,
        check: bool = False,
    ) -> dict[str, Any]:
        """What the module `order` returns for these sites, so much later than now."""
        ordering = Ordering(self.files, self.authority, 4, 6.0, LaterClock(later), limits=limits)
        wanted = _wanted(sites)
        return ordering.check(wanted, "present", retry) if check else ordering.place(wanted, retry)

    def finish(self, *sites: dict[str, Any]) -> dict[str, Any]:
        """The same with `state: finalized`."""
        return Ordering(self.files, self.authority, 4, 6.0, LaterClock(timedelta())).finish(_wanted(sites))

    def refuse_orders(self, when: When = always) -> None:
        """Have the CA refuse new orders for names that it doesn't like."""
        self.proxy.inject("newOrder", refuse(403, "rejectedIdentifier", "not these names"), when)

    @property
    def asked_for_orders(self) -> int:
        """How often the CA was asked for an order."""
        return self.proxy.requests["newOrder"]


def _wanted(sites: Sequence[dict[str, Any]]) -> tuple[Wanted, ...]:
    return parse_wanted({"key_types": ["ecdsa-p256"], "profile": "classic", **site} for site in sites)


def site(name: str, **more: Any) -> dict[str, Any]:
    """One site of the list."""
    return {"name": name, "domains": [f"{name}.fleet.test"], **more}


def statuses(result: dict[str, Any]) -> dict[str, str]:
    """What became of each certificate; why is printed, for the case that a test fails over it."""
    for entry in result["certificates"]:
        print(entry["name"], entry["key_type"], entry["status"], entry["reason"])
    several = len({entry["name"] for entry in result["certificates"]}) < len(result["certificates"])
    key = "key_type" if several else "name"
    return {entry[key]: entry["status"] for entry in result["certificates"]}


def wait_of(entry: dict[str, Any]) -> timedelta:
    """How long it is from now until the next attempt."""
    return parse_instant(entry["next_attempt"]) - datetime.now(timezone.utc)
