# SPDX-License-Identifier: GPL-3.0-or-later
"""A year of timers, and settings that change: the real upkeep, with a CA and a clock in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import parse_instant
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.inventory import list_certificates
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.orders import known_limits

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY

from .issuing_ca import Manners, Site
from .limited_ca import DAY, HOUR, LimitedCa

CALM, YEAR = 180 * DAY, 365 * DAY
NAMES = ("shop.fleet.test", "www.shop.fleet.test")
SHOP: dict[str, Any] = {"name": "shop", "domains": [*NAMES], "key_types": ["ecdsa-p256", "ecdsa-p384"]}
MANNERS = Manners(reuses_orders=True, reuses_authorizations=True)


class World(Site):
    """A store, and the timer that looks after it.

    From ``troubled`` on, the CA is down on every seventh day from 02:00 to 04:30, and there is trouble with validations.
    """

    def __init__(self, folder: Path, lifetime: timedelta, troubled: timedelta = YEAR) -> None:
        super().__init__(folder, MANNERS)
        self.ca = LimitedCa(self.clock, lifetime)
        with self.connect(self.authority, self.files, 1, self.clock):
            pass
        self.ends: dict[str, datetime] = {}
        self.ca.trouble = self._begin = self.clock.now() + troubled

    def play(self, entry: Mapping[str, Any], every: timedelta, until: timedelta) -> None:
        """Let the timer run; every certificate that was there once is valid at all times.

        A tick of the timer at which there is nothing to do is left out.
        """
        while self.clock.seconds < until.total_seconds():
            self._trouble()
            for each in self.keep(dict(entry), width=1)["certificates"]:
                target = f"{each['name']} ({each['key_type']})"
                assert target not in self.ends or self.clock.now() < self.ends[target], each
                if each["not_after"]:
                    self.ends[target] = parse_instant(each["not_after"])
            wait = (self._next_event() - self.clock.start).total_seconds()
            period = every.total_seconds()
            self.clock.seconds = max(self.clock.seconds // period + 1, -(-wait // period)) * period

    def _trouble(self) -> None:
        now = self.clock.now()
        since = now - self._begin
        self.ca.is_down = since >= timedelta() and since.days % 7 == 0 and (2, 0) <= (now.hour, now.minute) <= (4, 30)

    def _next_event(self) -> datetime:
        """When a certificate is due, may be tried again or is asked about next."""
        events = [self.clock.now() + DAY]
        for each in list_certificates(self.files, self.clock.now()):
            state = self.store.state(each["name"], each["key_type"])
            texts = [each.get("renew_at"), each["next_attempt"], state.get("renewal", {}).get("next_ask")]
            events += [parse_instant(text) for text in texts if text]
        return min(event for event in events if event > self.clock.now())


@pytest.mark.parametrize(
    ("lifetime", "every", "renewals", "key_types"),
    [
        (45 * DAY, DAY, 12, SHOP["key_types"]),
        (64 * DAY, HOUR, 8.5, SHOP["key_types"]),
        (160 * HOUR, HOUR, 109, SHOP["key_types"]),
        (160 * HOUR, DAY, 109, ["ecdsa-p256"]),
    ],
    ids=["45 d daily", "64 d hourly", "160 h hourly", "160 h daily"],
)
def test_no_certificate_expires_in_a_year_and_no_limit_is_run_into(
    tmp_path: Path, lifetime: timedelta, every: timedelta, renewals: float, key_types: list[str]
) -> None:
    world, site = World(tmp_path, lifetime, troubled=CALM), {**SHOP, "key_types": key_types}
    world.play(site, every, CALM)
    assert len(world.ca.orders) == len(world.ca.issued), "an order came to nothing"
    if lifetime > 10 * DAY:
        # what is valid for seven hours serves both key types of a renewal, and never the next one
        assert world.ca.validations == len(NAMES) * len(world.ca.issued) / len(key_types)

    world.play(site, every, YEAR)
    assert not world.ca.refused
    assert len(world.ca.orders) > len(world.ca.issued), "there was no trouble to speak of"
    latest = renewals * (1 - every / lifetime - 0.1)
    assert latest <= len(world.ca.issued) / len(key_types) <= 1 + renewals * 1.05


def test_certificates_of_twelve_hours_are_renewed_at_a_ca_of_one_s_own(tmp_path: Path) -> None:
    """It has no renewal information, so that no renewal is exempt from limits."""
    most, _domains = known_limits(DIRECTORY)
    site = Site(tmp_path, Manners(lifetime=12 * HOUR))
    for _hour in range(2 * 24):
        certificates = site.keep(SHOP, later=HOUR, max_orders_per_names=most)["certificates"]
        assert all(parse_instant(each["not_after"]) > site.clock.now() for each in certificates), certificates


def test_names_that_the_ca_has_added_are_told_once_and_not_ordered_again(tmp_path: Path) -> None:
    world = World(tmp_path, 90 * DAY)
    world.ca.extra = ("fleet.test",)
    first = world.keep(SHOP)
    assert first["counts"]["issued"] == 2
    assert first["notes"] == [
        f"shop ({key_type}): the CA has added names that were not ordered: fleet.test" for key_type in SHOP["key_types"]
    ]
    for described in list_certificates(world.files, world.clock.now()):
        assert described["domains"] == ["fleet.test", *NAMES]
    world.clock.seconds += HOUR.total_seconds()
    again = world.keep(SHOP)
    assert (again["changed"], again["orders"], again["notes"]) == (False, 0, [])
    more = world.keep({**SHOP, "domains": [*NAMES, "new.fleet.test"]})
    assert {each["reason"] for each in more["certificates"]} == {"names changed: +new.fleet.test"}


def test_the_profile_of_the_order_is_the_first_that_the_ca_offers_and_its_end_stops_no_renewal(tmp_path: Path) -> None:
    world = World(tmp_path, 90 * DAY)
    site = {**SHOP, "profile": ["tlsclient", "tlsserver"], "apply": "now"}

    def profiles() -> set[str]:
        return {each["profile"] for each in list_certificates(world.files, world.clock.now())}

    world.ca.meta["profiles"] = {"tlsserver": "", "tlsclient": ""}
    assert world.keep(site)["counts"]["issued"] == 2
    assert profiles() == {"tlsclient"}
    world.ca.meta["profiles"] = {"tlsserver": "", "classic": ""}
    assert not world.keep(site)["changed"], "a profile of the list is as wanted"
    world.clock.seconds = 80 * DAY.total_seconds()
    assert world.keep(site)["counts"]["renewed"] == 2
    assert profiles() == {"tlsserver"}
    asked = [each.payload["profile"] for each in world.ca.seen if each.path == "/new-order"]
    assert asked == ["tlsclient", "tlsclient", "tlsserver", "tlsserver"]

    orders = len(world.ca.orders)
    gone = world.keep({**site, "profile": ["tlsclient", "old"]})
    assert gone["counts"]["failed"] == 2
    offer = f"profile: 'tlsclient, old' are not known to {DIRECTORY}: it offers classic, tlsserver"
    assert gone["certificates"][0]["reason"] == offer
    assert len(world.ca.orders) == orders


def test_an_order_that_is_pending_goes_on_with_its_own_profile(tmp_path: Path) -> None:
    world = World(tmp_path, 90 * DAY)
    site = {**SHOP, "profile": ["tlsserver", "classic"], "key_types": ["ecdsa-p256"]}
    world.ca.meta["profiles"] = {"classic": ""}
    world.ca.broken = "/finalize", 1
    assert world.keep(site)["counts"]["failed"] == 1
    world.ca.meta["profiles"] = {"classic": "", "tlsserver": ""}
    world.clock.seconds += HOUR.total_seconds()
    assert world.keep(site)["counts"]["issued"] == 1
    assert len(world.ca.orders) == 1
    assert [each["profile"] for each in list_certificates(world.files, world.clock.now())] == ["classic"]


def test_an_added_key_type_comes_with_the_renewal_and_is_not_put_off_for_a_lifetime_when_it_fails(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, 90 * DAY)
    assert world.keep({**SHOP, "key_types": ["ecdsa-p256"]})["counts"]["issued"] == 1
    waiting = world.keep(SHOP)
    assert (waiting["changed"], waiting["counts"]["deferred"], waiting["left"]) == (False, 1, 0)
    world.clock.seconds = 62 * DAY.total_seconds()
    world.ca.broken = "/finalize", 2
    result = world.keep(SHOP)
    assert [each["status"] for each in result["certificates"]] == ["renewed", "failed"]
    world.clock.seconds += HOUR.total_seconds()
    assert [each["status"] for each in world.keep(SHOP)["certificates"]] == ["valid", "issued"]


def test_a_ca_with_lets_encrypts_profiles_is_asked_for_nothing_that_they_do_not_allow(tmp_path: Path) -> None:
    world = World(tmp_path, 90 * DAY)
    many = {**SHOP, "domains": [f"n{number}.fleet.test" for number in range(26)], "profile": "tlsserver"}
    world.ca.meta["profiles"] = dict.fromkeys(["classic", "tlsserver", "shortlived"], "")
    result = world.keep(many)
    assert result["certificates"][0]["reason"].startswith(
        "domains: '26 names' are more than the 25 that profile tlsserver"
    )
    assert not world.ca.orders
    world.ca.meta["profiles"] = {"tlsserver": ""}
    assert world.keep(many)["counts"]["issued"] == 2
