# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and values as people write them."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import (
    TxtRecord,
    is_within,
    parse_name,
    parse_record,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("_acme-challenge.Example.COM.", "_acme-challenge.example.com"),
        ("_acme-challenge.bücher.example", "_acme-challenge.xn--bcher-kva.example"),
        (" a.b ", "a.b"),
    ],
)
def test_a_name_has_one_form_however_it_is_written(text: str, name: str) -> None:
    assert parse_name(text, "names") == name


@pytest.mark.parametrize("text", ["", ".", "com", "a..b", f"{'x' * 64}.example.com", "a." * 130 + "b"])
def test_what_is_no_full_name_is_refused_with_option_and_value(text: str) -> None:
    with pytest.raises(InputError, match=r"^names: "):
        parse_name(text, "names")


@pytest.mark.parametrize("value", ["", "x" * 256, "grün", "a\nb"])
def test_a_value_that_no_challenge_has_is_refused(value: str) -> None:
    with pytest.raises(InputError, match=r"^records: .* for a\.example"):
        parse_record("a.example", value)


def test_the_strings_a_server_divided_a_value_into_dont_matter_when_comparing() -> None:
    read = TxtRecord("a.example", "onetwo", (b"one", b"two"))
    assert read == TxtRecord("a.example", "onetwo")
    assert read.wire_strings() == (b"one", b"two")


def test_a_long_value_is_divided_into_strings_of_255_bytes() -> None:
    assert [len(part) for part in TxtRecord("a.example", "x" * 600).wire_strings()] == [255, 255, 90]


def test_a_name_is_within_its_zone_only_at_a_label_border() -> None:
    assert is_within("a.example.com", "example.com")
    assert is_within("example.com", "example.com")
    assert not is_within("badexample.com", "example.com")
