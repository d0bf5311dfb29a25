# SPDX-License-Identifier: GPL-3.0-or-later
"""429 and 503 with Retry-After: that kind of request is left alone until then, in later tasks too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import PausedError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import ProblemError

from tests.lab import Lab
from tests.lab.ca_faults import Effect, first, nth, refuse, web_page
from tests.lab.ca_messages import Kind
from tests.lab.ca_proxy import CaProxy

from .conftest import Site, fresh, statuses

HOUR = timedelta(minutes=56)
"""Less than authorizations stay pending at Pebble: an hour by the CA's clock, which is not set forward."""


def seconds() -> Effect:
    return refuse(429, "rateLimited", "slow down", f"{HOUR.seconds}")


def overloaded() -> Effect:
    return refuse(503, "serverInternal", "busy", f"{HOUR.seconds}")


def date() -> Effect:
    """Counted from now, as it can be long since the tests were collected."""
    return web_page(503, format_datetime(datetime.now(timezone.utc) + HOUR, usegmt=True))


@pytest.mark.parametrize(
    ("kind", "for_an_hour"),
    [
        ("directory", date),
        ("newNonce", seconds),
        ("newOrder", seconds),
        ("newOrder", date),
        ("newOrder", overloaded),
        ("authorization", date),
        ("challenge", seconds),
        ("finalize", date),
        ("order", seconds),
        ("order", date),
        ("certificate", seconds),
    ],
    ids=lambda value: value.__name__ if callable(value) else value,
)
def test_a_kind_of_request_is_left_alone_until_then(site: Site, kind: Kind, for_an_hour: Callable[[], Effect]) -> None:
    effect = for_an_hour()
    names = fresh(4)
    site.proxy.inject(kind, effect, nth(1 if kind in ("directory", "newNonce") else 2))
    begun = site.keep(names, concurrency=1)
    assert site.proxy.struck[effect.name] == 1
    assert "deferred" in statuses(begun).values()
    assert list(site.pauses) == [kind]
    assert not site.leftovers()

    site.proxy.heal()
    sent = site.proxy.requests[kind]
    again = site.keep(names, retry=True)
    assert "deferred" in statuses(again).values()
    assert site.proxy.requests[kind] == sent, "the CA was asked before its time"
    waiting = [entry for entry in again["certificates"] if entry["status"] == "deferred"]
    left = datetime.fromisoformat(waiting[0]["next_attempt"].replace("Z", "+00:00")) - datetime.now(timezone.utc)
    assert timedelta(minutes=50) < left <= HOUR

    later = site.keep(names, later=HOUR)
    assert set(statuses(later).values()) <= {"issued", "valid"}, later
    assert len(site.proxy.orders) == len(names)
    assert not site.leftovers()


def test_a_limit_of_one_domain_holds_up_no_other(site: Site) -> None:
    names = fresh(4)
    limited = sorted(names)[1]
    text = f'too many failed authorizations (5) for "{limited}" in the last 1h0m0s'
    site.proxy.inject("newOrder", refuse(429, "rateLimited", text, f"{HOUR.seconds}"), nth(2))
    begun = statuses(site.keep(sorted(names), concurrency=1))
    assert begun == {name: "deferred" if name == limited else "issued" for name in names}
    site.proxy.heal()
    assert statuses(site.keep(names, retry=True))[limited] == "deferred"
    assert statuses(site.keep(names, later=HOUR))[limited] == "issued"


def test_a_clock_that_was_ahead_holds_up_nothing(site: Site) -> None:
    names = fresh(2)
    site.proxy.inject("newOrder", refuse(429, "rateLimited", "slow down", f"{HOUR.seconds}"), nth(1))
    assert set(statuses(site.keep(names, later=10 * HOUR, concurrency=1)).values()) == {"deferred"}
    site.proxy.heal()
    assert set(statuses(site.keep(names, retry=True)).values()) == {"issued"}


@pytest.mark.parametrize("kind", ["directory", "newAccount"])
def test_registering_an_account_is_left_alone_too(lab: Lab, proxy: CaProxy, tmp_path: Path, kind: Kind) -> None:
    site = Site(lab, proxy, tmp_path / "store")
    proxy.inject(kind, seconds(), first(1))
    for error in (ProblemError, PausedError, PausedError):
        with pytest.raises(error, match="slow down"):
            site.register()
    assert proxy.requests[kind] == 1
