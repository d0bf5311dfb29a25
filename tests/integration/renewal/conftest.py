# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with a certificate from a CA whose requests are counted, and whose windows the tests set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.ca_proxy import CaProxy
from tests.modules import Outcome, run_module
from tests.options import responders, tsig_keys

HOUR = timedelta(hours=1)
KEY_TYPE = "ecdsa-p256"
SHOP = {"name": "shop", "domains": ["shop.test"], "key_types": [KEY_TYPE], "profile": "classic"}


class Site:
    """One certificate, its store, and the CA behind a proxy that counts."""

    def __init__(self, lab: Lab, store: Path, proxy: CaProxy) -> None:
        self.lab, self.store, self.proxy = lab, store, proxy
        self.folder = store / "certificates/shop" / KEY_TYPE

    def authority(self) -> dict[str, Any]:
        """The CA by way of the proxy, and the store."""
        return {"directory": self.proxy.directory, "ca_bundle": str(self.proxy.ca_bundle), "store": str(self.store)}

    def keep(self, *, check: bool = False, **changes: Any) -> Outcome:
        """Run the module `certificates`, with nothing counted before."""
        self.proxy.forget()
        dns = {"responders": responders(self.lab), "tsig_keys": tsig_keys(self.lab), "wait": 20}
        arguments = {**self.authority(), **dns, "certificates": [SHOP], **changes}
        outcome = run_module(self.lab, "certificates", arguments, check=check)
        assert "certificates" in outcome.result, outcome.output
        return outcome

    def described(self) -> dict[str, Any]:
        """The certificate as `store_info` has it."""
        (found,) = run_module(self.lab, "store_info", {"store": str(self.store)})["certificates"]
        return dict(found)

    @property
    def questions(self) -> int:
        """How many questions for renewal information the CA got in the last run."""
        return self.proxy.requests["renewalInfo"]

    @property
    def issuance(self) -> dict[str, Any]:
        """The record of the live certificate."""
        return dict(json.loads((self.folder / "live/issuance.json").read_text()))

    @property
    def renewal(self) -> dict[str, Any]:
        """What is remembered of its renewal."""
        return dict(json.loads((self.folder / "state.json").read_text()).get("renewal", {}))

    def suggest(self, begin: timedelta, end: timedelta, explanation: str | None = None) -> tuple[datetime, datetime]:
        """Have the CA suggest a window so long from now for the live certificate."""
        now = datetime.now(timezone.utc).replace(microsecond=0)
        pem = (self.folder / "live/cert.pem").read_text()
        self.lab.set_renewal_window(pem, now + begin, now + end, explanation)
        return now + begin, now + end

    def let_hours_pass(self) -> None:
        """As if the CA had last been asked so long ago that it may be asked again."""
        path = self.folder / "state.json"
        state = json.loads(path.read_text()) if path.exists() else {}
        before = datetime.now(timezone.utc) - 7 * HOUR
        times = {"asked": instant(before), "next_ask": instant(before + 6 * HOUR)}
        identity = {"certificate_id": self.issuance["certificate_id"]}
        path.write_text(json.dumps({**state, "renewal": {**state.get("renewal", {}), **identity, **times}}))

    def change_issuance(self, **changes: Any) -> None:
        """Write something else into the record of the live certificate."""
        (self.folder / "live/issuance.json").write_text(json.dumps({**self.issuance, **changes}))

    def replacements(self) -> list[str]:
        """What the CA has written down about orders that replace a certificate."""
        return [line for line in self.lab.log("pebble").splitlines() if "is a replacement of" in line]


def instant(time: datetime) -> str:
    """As the store has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def registered(tidy_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An account, and nothing else in its store."""
    folder = tmp_path_factory.mktemp("renewal")
    with CaProxy(tidy_lab, folder) as proxy:
        site = Site(tidy_lab, folder / "store", proxy)
        outcome = run_module(tidy_lab, "account", {**site.authority(), "terms_agreed": True})
        assert not outcome.failed, outcome.output
        yield site


@pytest.fixture
def site(registered: Site, lab: Lab, tmp_path: Path) -> Iterator[Site]:
    """A certificate that was issued just now."""
    shutil.copytree(registered.store, tmp_path / "store")
    site = Site(lab, tmp_path / "store", registered.proxy)
    assert site.keep().changed
    yield site
    site.proxy.heal()
