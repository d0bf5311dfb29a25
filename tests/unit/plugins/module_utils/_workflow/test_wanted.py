# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of certificates, as users write it: what is taken, and what is refused with one sentence."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import (
    _KEYS,
    Target,
    parse_wanted,
    read_entries,
)
from hypothesis import given
from hypothesis import strategies as st

SHOP: dict[str, Any] = {"name": "shop", "domains": ["shop.example.com", "*.shop.example.com"]}


def names_of(entry: dict[str, Any]) -> list[str]:
    return [identifier.value for identifier in parse_wanted([entry])[0].identifiers]


def test_defaults_are_both_kinds_of_keys_and_dns_01() -> None:
    (wanted,) = parse_wanted([SHOP])
    assert (wanted.key_types, wanted.challenge) == (("rsa-2048", "ecdsa-p256"), "dns-01")
    assert [str(target) for target in wanted.targets] == ["shop (rsa-2048)", "shop (ecdsa-p256)"]


def test_the_name_is_the_first_domain_without_its_wildcard_when_left_out() -> None:
    assert parse_wanted([{"domains": ["*.Example.com"]}])[0].name == "example.com"


@pytest.mark.parametrize("name", ["bücher.example.com", "BÜCHER.example.com.", "xn--bcher-kva.example.com"])
def test_international_names_are_taken_in_either_form(name: str) -> None:
    assert names_of({"domains": [name]}) == ["xn--bcher-kva.example.com"]


def test_a_name_given_twice_counts_once() -> None:
    assert names_of({"domains": ["a.example.com", "A.example.com.", "b.example.com"]}) == [
        "a.example.com",
        "b.example.com",
    ]


@pytest.mark.parametrize(
    ("change", "option", "part"),
    [
        ({"domains": ["shop..example.com"]}, "certificates[0].domains", "'shop..example.com' has an empty label"),
        ({"domains": ["a" * 64 + ".example.com"]}, "certificates[0].domains", "longer than 63"),
        ({"domains": [".".join(["a" * 60] * 5)]}, "certificates[0].domains", "longer than 253"),
        ({"domains": [".".join(["a" * 59] * 4) + ".ab"]}, "certificates[0].domains", "_acme-challenge before it"),
        ({"domains": ["www.*.example.com"]}, "certificates[0].domains", "'www.*.example.com' has a wildcard"),
        ({"domains": ["*.*.example.com"]}, "certificates[0].domains", "has a wildcard"),
        ({"domains": ["localhost"]}, "certificates[0].domains", "only one label"),
        ({"domains": ["under_score.example.com"]}, "certificates[0].domains", "'under_score'"),
        ({"domains": ["192.0.2.1"]}, "certificates[0].domains", "dns-01 can't validate"),
        ({"challenge": "http-01"}, "certificates[0].domains", "'*.shop.example.com' is a wildcard"),
        ({"domains": []}, "certificates[0].domains", "at least one name"),
        (
            {"domains": [f"n{i}.example.com" for i in range(101)]},
            "certificates[0].domains",
            "'101 names' are more than the 100",
        ),
        ({"name": "../shop"}, "certificates[0].name", "'../shop' is no name for the store"),
        ({"name": "a/b"}, "certificates[0].name", "'a/b'"),
        ({"name": ".hidden"}, "certificates[0].name", "'.hidden'"),
        ({"key_types": ["rsa-1024"]}, "certificates[0].key_types", "'rsa-1024' is not one of rsa-2048"),
        ({"key_types": []}, "certificates[0].key_types", "at least one key type"),
        ({"challenge": "dns-02"}, "certificates[0].challenge", "'dns-02' is not one of"),
        ({"apply": "later"}, "certificates[0].apply", "'later' is not one of next_renewal, now"),
        ({"profile": 5}, "certificates[0].profile", "5 is not text"),
        ({"profile": ["classic", 5]}, "certificates[0].profile", "['classic', 5] is not a list of texts"),
        ({"keytypes": ["rsa-2048"]}, "certificates[0]", "'keytypes' is not an option of a certificate"),
    ],
)
def test_bad_input_is_refused_with_the_option_and_the_value(change: dict[str, Any], option: str, part: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_wanted([{**SHOP, **change}])
    assert refusal.value.details["option"] == option
    assert refusal.value.message.startswith(f"{option}: ")
    assert part in refusal.value.message


def test_two_certificates_can_not_have_one_name_even_in_other_case() -> None:
    with pytest.raises(InputError, match=r"certificates\[0\]\.name: 'shop' is the name of another"):
        parse_wanted([SHOP, {**SHOP, "name": "Shop"}])


def test_an_address_is_allowed_where_profile_and_challenge_allow_it() -> None:
    entry = {"domains": ["2001:DB8::1"], "name": "address", "challenge": "http-01", "profile": "shortlived"}
    assert names_of(entry) == ["2001:db8::1"]


LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
ADDRESS = {"domains": ["192.0.2.1"], "challenge": "http-01"}


@pytest.mark.parametrize("directory", [LETS_ENCRYPT, STAGING])
@pytest.mark.parametrize(
    ("entry", "part"),
    [
        (ADDRESS, "'192.0.2.1' is an address, which the default profile does not allow"),
        ({**ADDRESS, "profile": "tlsserver"}, "'192.0.2.1' is an address, which profile tlsserver does not allow"),
        ({**ADDRESS, "profile": ["shortlived", "classic"]}, "which profile classic does not allow"),
        (
            {"domains": [f"n{i}.example.com" for i in range(26)], "profile": ["classic", "tlsserver"]},
            "'26 names' are more than the 25 that profile tlsserver allows",
        ),
    ],
)
def test_lets_encrypt_is_asked_for_nothing_that_one_of_the_profiles_does_not_allow(
    directory: str, entry: dict[str, Any], part: str
) -> None:
    with pytest.raises(InputError) as refusal:
        parse_wanted([entry], directory=directory)
    assert part in refusal.value.message


@pytest.mark.parametrize("profile", [None, "classic", "tlsserver", "own"])
def test_another_ca_decides_itself_about_addresses_and_up_to_100_names(profile: str | None) -> None:
    names = [f"n{i}.example.com" for i in range(99)]
    entry = {"domains": ["192.0.2.1", *names], "challenge": "http-01", "profile": profile}
    for directory in (None, "https://ca.example/directory?for=https://acme-v02.api.letsencrypt.org/directory"):
        assert len(parse_wanted([entry], directory=directory)[0].identifiers) == 100


def test_a_profile_is_text_or_a_list_of_acceptable_ones() -> None:
    texts = [None, [], "tlsserver", ["tlsserver", "classic", "tlsserver"]]
    found = [parse_wanted([{**SHOP, "profile": each}])[0] for each in texts]
    assert [each.profiles for each in found] == [(), (), ("tlsserver",), ("tlsserver", "classic")]
    assert [each.accepts(None) for each in found] == [True, True, False, False]
    assert [each.accepts("classic") for each in found] == [False, False, False, True]


def test_an_entry_says_itself_when_changes_apply_or_takes_what_holds_for_all() -> None:
    assert parse_wanted([SHOP])[0].apply == "next_renewal"
    assert parse_wanted([SHOP], apply="now")[0].apply == "now"
    assert parse_wanted([{**SHOP, "apply": "next_renewal"}], apply="now")[0].apply == "next_renewal"


def test_max_names_replaces_the_limit_of_the_profile() -> None:
    entry = {"domains": [f"n{i}.example.com" for i in range(101)]}
    assert len(parse_wanted([entry], max_names=150)[0].identifiers) == 101


@pytest.mark.parametrize(
    ("content", "part"),
    [("{", "is not JSON"), ("[" * 100_000, "is not JSON"), ('{"a": 1}', "holds no list"), (None, "can't be read")],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Any, content: str | None, part: str) -> None:
    path = tmp_path / "certificates.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=part):
        read_entries(str(path))


def test_a_pipe_is_refused_instead_of_being_waited_for(tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is not a file"):
        read_entries(str(tmp_path / "pipe"))


def test_no_number_of_names_is_no_limit() -> None:
    with pytest.raises(InputError, match="max_names: 0 is less than 1"):
        parse_wanted([SHOP], max_names=0)


# An entry that can't be used

GOOD: list[dict[str, Any]] = [{"domains": ["a.example.com"]}, {"domains": ["b.example.com"]}]
"""Innocent neighbours."""


def sorted_out(*entries: Any) -> dict[str, str]:
    """The fault of each certificate, empty for those that can be used, when there are good ones around them."""
    found = parse_wanted([GOOD[0], *entries, GOOD[1]], strict=False)
    assert [each.name for each in found if each.fault is None and each.name in ("a.example.com", "b.example.com")] == [
        "a.example.com",
        "b.example.com",
    ]
    return {each.name: each.fault.message if each.fault else "" for each in found[1:-1]}


def test_an_entry_that_can_not_be_used_has_its_fault_and_its_neighbours_have_none() -> None:
    faults = sorted_out({"domains": ["my_shop.example.com"], "admin": ["me@example.com"]}, {**SHOP, "admin": ["me"]})
    assert faults == {
        "my_shop.example.com": (
            "certificates[1].domains: 'my_shop.example.com' has a label that no host name can have: 'my_shop'"
        ),
        "shop": "certificates[2].admin: 'me' is not a mail address",
    }
    (shop,) = parse_wanted([{**SHOP, "admin": ["me", "you@example.com"], "key_types": ["ecdsa-p256"]}], strict=False)
    assert (shop.targets, shop.admins) == ((Target("shop", "ecdsa-p256"),), ("you@example.com",))
    assert shop.names == {"shop.example.com", "*.shop.example.com"}


def test_entries_that_share_a_name_are_used_neither_the_one_nor_the_other() -> None:
    faults = sorted_out(SHOP, {**SHOP, "name": "Shop"})
    assert faults == {
        "shop": "certificates[1].name: 'shop' is the name of another certificate in the list, too, so that none of them is "
        "used: certificates[2]",
        "Shop": "certificates[2].name: 'Shop' is the name of another certificate in the list, too, so that none of them is "
        "used: certificates[1]",
    }


@pytest.mark.parametrize("first", [False, True])
def test_an_entry_that_can_not_be_used_takes_nothing_from_one_with_its_name(first: bool) -> None:
    broken = {"name": "SHOP", "domains": ["x_.example.com"]}
    wanted = parse_wanted([broken, SHOP] if first else [SHOP, broken], strict=False)
    assert {each.name: each.fault is None for each in wanted} == {
        "shop": True,
        f"certificates[{0 if first else 1}]": False,
    }


def test_hosts_that_the_controller_does_not_know_are_a_fault_in_its_words() -> None:
    entry = {
        **SHOP,
        "key": "frontend",
        "frontends": ["web9"],
        "problem": "the inventory has neither a host nor a group web9",
    }
    assert sorted_out(entry) == {"shop@web9": "certificates[1]: the inventory has neither a host nor a group web9"}


def test_many_entries_with_one_name_are_told_in_a_short_sentence() -> None:
    entries = [{"name": "same", "domains": ["same.example.com"]}] * 20
    (wanted,) = parse_wanted(entries, strict=False)
    assert wanted.fault
    assert wanted.fault.message.endswith(
        "so that none of them is used: certificates[1], certificates[2], certificates[3], certificates[4], "
        "certificates[5] and 14 more"
    )


def test_a_certificate_with_more_names_than_anybody_can_want_is_not_read_to_its_end() -> None:
    (fault,) = sorted_out({"name": "many", "domains": ["x.example.com"] * 10_001}).values()
    assert fault == "certificates[1].domains: '10001 names' are more than the 10000 that are read"


def test_what_is_no_entry_at_all_is_called_by_its_place() -> None:
    assert sorted_out("shop", None, {"domains": "../../etc"}, {"name": "../x", "domains": []}) == {
        "certificates[1]": "certificates[1]: 'shop' is not a mapping with at least domains",
        "certificates[2]": "certificates[2]: None is not a mapping with at least domains",
        "certificates[3]": "certificates[3].domains: '../../etc' is not a list of at least one name",
        "certificates[4]": "certificates[4].domains: [] is not a list of at least one name",
    }


def test_a_fault_on_frontends_is_told_for_the_certificate_of_each() -> None:
    entry = {**SHOP, "key": "frontend", "frontends": ["web1", "web2"], "reuse_key": "perhaps"}
    assert list(sorted_out(entry)) == ["shop@web1", "shop@web2"]


def test_a_message_quotes_the_beginning_of_a_long_value_only() -> None:
    for entry in (
        {"domains": ["a" * 70000 + ".example.com"]},
        {"domains": ["a.test"], "admin": ["b" * 70000]},
        "c" * 9999,
    ):
        (message,) = sorted_out(entry).values()
        assert len(message) < 600


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
HOSTILE = st.one_of(
    ANYTHING,
    st.sampled_from(["x.example.com", "*.x.example.com", "dns-01", "frontend", "rsa-2048", "x@y.example"]),
    st.lists(st.sampled_from(["x.example.com", "x_.example.com", "web1", "rsa-2048", "x@y.example"]) | ANYTHING),
)
MEMBERS = st.dictionaries(st.sampled_from(sorted(_KEYS)) | st.text(max_size=3), HOSTILE, max_size=6)


@given(st.lists(MEMBERS | ANYTHING, max_size=4))
def test_whatever_an_entry_holds_its_neighbours_can_be_used_and_it_is_told_in_a_sentence(entries: list[Any]) -> None:
    for name, fault in sorted_out(*entries).items():
        assert "/" not in name
        assert "defect" not in fault
        assert len(fault) < 1200


def test_a_line_has_no_mails_sent_to_thousands() -> None:
    many = [f"me{number}@example.com" for number in range(21)]
    with pytest.raises(InputError, match=r"admin: '21 addresses' are more than 20"):
        parse_wanted([{**SHOP, "admin": many}])
    (rsa, *_rest) = parse_wanted([{**SHOP, "admin": many}], strict=False)
    assert len(rsa.admins) == 20
