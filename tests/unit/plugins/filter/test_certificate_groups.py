# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostname more or less concerns one certificate."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.certfleet.acme.plugins.filter.hostnames import FilterModule
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from hypothesis import given
from hypothesis import strategies as st

certificate_groups = FilterModule().filters()["certificate_groups"]

labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=6)
hostnames = st.builds("{}{}.example.com".format, st.sampled_from(["", "*."]), labels)
sizes = st.integers(2, 9)


def groups(names: Any, *arguments: Any, **options: Any) -> dict[str, list[str]]:
    return {each["name"]: each["domains"] for each in certificate_groups(names, *arguments, **options)}


def many(count: int) -> list[str]:
    return [f"shop{number}.example.com" for number in range(count)]


@given(st.lists(hostnames, max_size=60), sizes)
def test_each_hostname_is_in_one_certificate_and_none_has_too_many(names: list[str], size: int) -> None:
    found = groups(names, size)
    assert sorted(name for each in found.values() for name in each) == sorted(set(names))
    assert all(1 <= len(each) <= size for each in found.values())


@given(st.lists(hostnames, min_size=1, max_size=60, unique=True), sizes, st.randoms(use_true_random=False))
def test_order_does_not_matter(names: list[str], size: int, random: Any) -> None:
    shuffled = random.sample(names, len(names))
    assert groups(shuffled, size) == groups(names, size)


@given(st.lists(hostnames, min_size=1, max_size=60, unique=True), sizes)
def test_a_hostname_that_comes_concerns_one_certificate(names: list[str], size: int) -> None:
    before, after = groups(names[1:], size), groups(names, size)
    touched = {name for group, domains in after.items() if before.get(group) != domains for name in domains}
    # all names that get another certificate were in one before
    assert len([group for group, domains in before.items() if touched & set(domains)]) <= 1


def test_one_name_more_among_thousands_is_one_certificate_or_two_after_a_division() -> None:
    names = many(3000)
    before = groups(names, 50)
    changed = []
    for number in range(300):
        after = groups([*names, f"new{number}.example.net"], 50)
        changed.append(sum(before.get(group) != domains for group, domains in after.items()))
    assert set(changed) <= {1, 2}
    assert changed.count(1) > changed.count(2)


def test_certificates_are_well_filled() -> None:
    names = many(5000)
    assert 0.5 < len(names) / 50 / len(groups(names, 50)) < 0.9


def test_one_each() -> None:
    assert groups(["b.example.com", "*.b.example.com", "A.example.com."]) == {
        "a.example.com": ["a.example.com"],
        "b.example.com": ["b.example.com"],
        "b.example.com_wildcard": ["*.b.example.com"],
    }


def test_a_name_and_its_wildcard_stay_together() -> None:
    names = [name for each in many(40) for name in (each, f"*.{each}")]
    for domains in groups(names, 3).values():
        assert {name.removeprefix("*.") for name in domains} == set(domains) - {n for n in domains if "*" in n}


def test_what_all_have_in_common() -> None:
    (only,) = certificate_groups(["a.example.com"], size=10, prefix="web", common={"key_types": ["ecdsa-p256"]})
    assert only == {"name": "web-00", "domains": ["a.example.com"], "key_types": ["ecdsa-p256"]}


def test_the_names_of_certificates_are_those_of_folders() -> None:
    assert all(name.startswith("group-") and 8 <= len(name) < 14 for name in groups(many(3000), 10))


@pytest.mark.parametrize(
    ("names", "options", "says"),
    [
        ("a.example.com", {}, "are a list"),
        ([], {"size": 0}, "from 1 to 100, not 0"),
        ([], {"size": 101}, "from 1 to 100, not 101"),
        ([], {"size": "5"}, "not '5'"),
        ([], {"prefix": "a/b"}, "not 'a/b'"),
        ([], {"common": {"name": "x"}}, "without name and domains"),
    ],
)
def test_what_is_refused_and_why(names: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=says):
        certificate_groups(names, **options)


@pytest.mark.parametrize(
    "odd", ["my_shop.example.com", "", " ", 5, None, {"a": "b"}, "a..example", "*.*.example.com", "x" * 300]
)
@pytest.mark.parametrize("size", [1, 50])
def test_what_can_be_in_no_certificate_shares_none_with_others(odd: Any, size: int) -> None:
    """A customer's odd hostname fails alone, with the sentence that the module has for it."""
    names = many(20)
    with_it = certificate_groups([*names, odd, odd], size)
    (line,) = [each for each in with_it if each not in certificate_groups(names, size)]
    assert line["domains"] == [odd]
    (wanted,) = parse_wanted([line], strict=False)
    assert wanted.fault
    assert len(with_it) == len(certificate_groups(names, size)) + 1


def test_two_odd_hostnames_are_two_lines() -> None:
    assert len({each["name"] for each in certificate_groups(["a_b.example", "a__b.example", ""], 50)}) == 3


def test_no_hostnames_are_no_certificates() -> None:
    assert certificate_groups([]) == []
