# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that keep certificates, against a CA in memory with the manners of real ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from .issuing_ca import Manners, Site, site_of, statuses

Found = Callable[..., Site]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOULDER = {"reuses_orders": True, "reuses_authorizations": True}


@pytest.fixture
def site(tmp_path: Path) -> Found:
    """A store and a CA with these manners."""
    return lambda **manners: Site(tmp_path / "store", Manners(**manners))


# One order for a set of names at a time


@pytest.mark.parametrize("looks", [0, 2], ids=["finalized at once", "finalized later"])
def test_both_keys_of_a_site_get_their_certificates_from_a_ca_that_hands_out_one_order(site: Found, looks: int) -> None:
    found = site(**BOULDER, looks=looks)
    result = found.keep(*(site_of(f"s{number}") for number in range(20)))
    assert set(statuses(result).values()) == {"issued"}
    assert (result["counts"]["issued"], result["orders"], len(found.ca.orders)) == (40, 40, 40)
    assert (result["runs"], result["left"]) == (1, 0)
    assert len(found.fleet.published) == 20, "each site is validated once"
    assert len({record["order_url"] for record in _records(found)}) == 40


@pytest.mark.parametrize("reuses", [False, True])
def test_two_orders_for_the_same_names_are_never_open_at_once(site: Found, reuses: bool) -> None:
    found = site(reuses_orders=reuses)
    most = 0

    def count(*_arguments: object) -> None:
        nonlocal most
        most = max(most, len(found.ca.open_orders()))

    found.ca.watch = count
    assert set(statuses(found.keep(site_of("shop"))).values()) == {"issued"}
    assert most == 1


def _records(found: Site) -> list[dict[str, str]]:
    return [each.issuance for each in found.store.scan() if each.issuance]
