# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets which certificate of the list."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.recipients import Choice, choose, read_list
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

SHOP = {"name": "shop", "domains": ["shop.example"]}
BANK = {"name": "bank", "domains": ["bank.example"], "frontends": ["bank1", "vaults"]}
OTHERS = "the list has it for other frontends"


def choice(
    *entries: Any, asked: tuple[str, ...] = (), frontend: str | None = "web1", groups: tuple[str, ...] = ()
) -> Choice:
    return choose(read_list(parse_wanted(entries, strict=False)), asked, frontend, groups)


def test_nothing_is_for_a_frontend_of_which_nobody_says_so() -> None:
    assert choice(SHOP, BANK).names == ()
    assert choose(None, (), "web1", ()).names == ()


def test_the_list_names_hosts_and_groups() -> None:
    assert choice(SHOP, BANK, frontend="bank1").names == ("bank",)
    assert choice(SHOP, BANK, groups=("frontends", "vaults")).names == ("bank",)


def test_what_the_list_has_for_others_is_refused_and_the_rest_is_given() -> None:
    found = choice(SHOP, BANK, asked=("bank", "shop", "other"))
    assert (found.names, found.refused) == (("shop", "other"), {"bank": OTHERS})


def test_all_is_what_the_list_has_for_nobody_in_particular() -> None:
    found = choice(SHOP, BANK, asked=("all",))
    assert (found.names, found.named) == (("shop",), frozenset())
    assert choice(SHOP, BANK, asked=("all",), frontend="bank1").names == ("bank", "shop")
    assert choose(None, ("all",), "web1", ()).names is None


def test_the_first_domain_is_the_name_of_an_entry_without_one() -> None:
    entry = {"domains": ["*.Bank.example"], "frontends": ["bank1"]}
    assert choice(entry, frontend="bank1").names == ("bank.example",)
    assert choice(entry, asked=("bank.example",)).refused == {"bank.example": OTHERS}


@pytest.mark.parametrize("frontends", [{"web1": 1}, [["web1"]], 7, False])
def test_frontends_that_can_not_be_read_are_nobody(frontends: Any) -> None:
    found = choice(SHOP, {**BANK, "frontends": frontends}, asked=("all", "bank"), groups=("vaults",))
    assert found.names == ("shop",)
    assert found.refused["bank"].startswith("its entry in the list can't be used: certificates[1].frontends: ")


def test_no_frontends_are_nobody() -> None:
    found = choice(SHOP, {**BANK, "frontends": []}, asked=("all", "bank"), groups=("vaults",))
    assert (found.names, found.refused) == (("shop",), {"bank": OTHERS})


def test_a_name_that_is_listed_twice_is_for_nobody() -> None:
    """A line that somebody else may write must not take the other line's certificate."""
    found = choice(BANK, {**SHOP, "name": "bank", "frontends": ["web1"]}, SHOP, asked=("bank", "all"))
    assert found.names == ("shop",)
    assert "is the name of another certificate in the list, too" in found.refused["bank"]


def test_a_line_that_can_not_be_used_takes_nothing_from_one_with_its_name() -> None:
    assert choice(BANK, {**BANK, "nonsense": 1}, frontend="bank1").names == ("bank",)


@pytest.mark.parametrize("entry", [None, 1, "bank", {}, {"domains": []}, {"name": ".."}])
def test_an_entry_that_can_not_be_read_concerns_no_other(entry: Any) -> None:
    assert choice(entry, SHOP, asked=("all",)).names == ("shop",)
