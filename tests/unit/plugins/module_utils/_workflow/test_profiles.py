# SPDX-License-Identifier: GPL-3.0-or-later
"""Which profile an order asks for, and what it allows."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.profiles import (
    check_allowed,
    choose_profile,
    has_known_rules,
    rules_of,
)

CA = "https://ca.example/directory"


@pytest.mark.parametrize(
    ("acceptable", "chosen"),
    [
        ((), None),
        (("classic",), "classic"),
        (("tlsclient", "tlsserver"), "tlsserver"),
        (("tlsserver", "classic"), "tlsserver"),
        (("classic", "tlsserver"), "classic"),
    ],
)
def test_the_first_profile_of_the_list_that_the_ca_offers_is_used(
    acceptable: tuple[str, ...], chosen: str | None
) -> None:
    assert choose_profile(acceptable, {"tlsserver": "short", "classic": "long"}, CA) == chosen


@pytest.mark.parametrize(
    ("acceptable", "offered", "message"),
    [
        (("gone",), ["b", "a"], f"profile: 'gone' is not known to {CA}: it offers a, b"),
        (("gone", "past"), ["a"], f"profile: 'gone, past' are not known to {CA}: it offers a"),
        (("gone",), [], f"profile: 'gone' is not known to {CA}: it offers no profiles"),
    ],
)
def test_a_refusal_names_all_that_would_have_been_acceptable(
    acceptable: tuple[str, ...], offered: list[str], message: str
) -> None:
    with pytest.raises(InputError) as refusal:
        choose_profile(acceptable, offered, CA)
    assert refusal.value.message == message


@pytest.mark.parametrize(
    ("directory", "offered", "known"),
    [
        ("https://acme-v02.api.letsencrypt.org/directory", [], True),
        ("https://acme-staging-v02.api.letsencrypt.org/directory", [], True),
        (CA, ["classic", "tlsserver", "shortlived"], True),
        (CA, ["shortlived", "tlsserver", "more", "classic"], True),
        (CA, ["classic", "shortlived"], False),
        (CA, [], False),
        ("https://letsencrypt.org.example/directory", [], False),
    ],
)
def test_lets_encrypts_rules_hold_there_and_at_cas_of_its_software_only(
    directory: str, offered: list[str], known: bool
) -> None:
    assert has_known_rules(directory, offered) is known


def test_addresses_are_for_shortlived_where_the_rules_hold() -> None:
    address = [parse_identifier("192.0.2.1", "domains")]
    check_allowed(address, rules_of("shortlived", known=True), None, "domains")
    check_allowed(address, rules_of(None, known=False), None, "domains")
    with pytest.raises(InputError, match="which the default profile does not allow"):
        check_allowed(address, rules_of(None, known=True), None, "domains")


def test_a_limit_of_the_user_is_taken_for_every_profile() -> None:
    names = [parse_identifier(f"n{number}.example.com", "domains") for number in range(30)]
    check_allowed(names, rules_of("tlsserver", known=True), 30, "domains")
    check_allowed(names, rules_of("tlsserver", known=False), None, "domains")
    with pytest.raises(InputError, match="domains: '30 names' are more than the 25 that profile tlsserver allows"):
        check_allowed(names, rules_of("tlsserver", known=True), None, "domains")
