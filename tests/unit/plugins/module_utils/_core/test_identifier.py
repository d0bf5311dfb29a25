# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses as people write them."""

from __future__ import annotations

import ipaddress
import string
import sys

import idna
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import (
    LONGEST_NAME,
    Identifier,
    parse_identifier,
)
from hypothesis import assume, given
from hypothesis import strategies as st

EDGE = string.ascii_letters + string.digits
LABEL = st.builds(
    lambda first, middle, last: first + middle + last,
    st.sampled_from(EDGE),
    st.text(EDGE + "-", max_size=20),
    st.sampled_from(EDGE),
).filter(lambda label: not label.lower().startswith("xn--") and label[2:4] != "--")
NAME = st.builds(lambda labels, last: ".".join([*labels, last]), st.lists(LABEL, min_size=1, max_size=5), LABEL).filter(
    lambda name: not name.rpartition(".")[2].isdigit()
)


@given(NAME, st.booleans(), st.booleans())
def test_any_name_is_lower_case_without_a_final_dot_and_stays_what_it_is(name: str, wildcard: bool, dot: bool) -> None:
    written = f"{'*.' if wildcard else ''}{name}{'.' if dot else ''}"
    found = parse_identifier(written)
    assert found == Identifier("dns", f"{'*.' if wildcard else ''}{name.lower()}")
    assert found.base == name.lower()
    assert found.wildcard == wildcard
    assert parse_identifier(found.value) == found


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_an_address_has_one_form(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    found = parse_identifier(address.exploded.upper())
    assert found == Identifier("ip", str(address))
    assert not found.wildcard


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_is_refused_in_one_sentence_with_the_option(text: str) -> None:
    found: Identifier | InputError
    try:
        found = parse_identifier(text, "certificates[3].domains")
    except InputError as error:
        found = error
    if isinstance(found, Identifier):
        assert found.value.isascii()
        assert len(found.value) <= LONGEST_NAME
        assert parse_identifier(found.value) == found
    else:
        assert found.message.startswith("certificates[3].domains: ")
        assert "\n" not in found.message


@given(st.text(st.characters(min_codepoint=0xC0, max_codepoint=0x24F, categories=["Ll"]), min_size=1, max_size=12))
def test_international_names_are_the_same_in_either_form(label: str) -> None:
    try:
        ascii_form = idna.encode(label, uts46=True, std3_rules=True).decode()
    except idna.IDNAError:
        assume(False)
    assert parse_identifier(f"{label}.example") == parse_identifier(f"{ascii_form}.example")
    assume(label.upper().lower() == label)  # not so for ß, for one
    assert parse_identifier(f"{label.upper()}.example") == parse_identifier(f"{label}.example")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.EXAMPLE.", "xn--bcher-kva.example"),
        ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("straße.example", "xn--strae-oqa.example"),
        ("faß。example", "xn--fa-hia.example"),
        (" shop.example.com ", "shop.example.com"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
    ],
)
def test_how_a_name_is_understood(written: str, value: str) -> None:
    assert parse_identifier(written).value == value


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "empty label"),
        (".", "empty label"),
        ("*.", "wildcard"),
        ("*", "wildcard"),
        ("shop..example", "empty label"),
        (".shop.example", "empty label"),
        ("shop.example..", "empty label"),
        ("shop.*.example", "wildcard"),
        ("*.*.example", "wildcard"),
        ("w*.example", "wildcard"),
        ("localhost", "only one label"),
        ("*.example", "only one label"),
        ("a" * 64 + ".example", "longer than 63"),
        ("ü" * 60 + ".example", "not a valid international name"),
        (".".join(["a" * 63] * 4), "longer than 253"),
        ("-shop.example", "no host name"),
        ("shop-.example", "no host name"),
        ("sh_op.example", "no host name"),
        ("sh op.example", "no host name"),
        ("shop.example/path", "no host name"),
        ("https://shop.example", "no host name"),
        ("shop.example:443", "no host name"),
        ("192.0.2.300", "ends in a number"),
        ("xn--999999999.example", "not a valid international name"),
        ("xn--a.example", "not a valid international name"),
        ("a\u200db.example", "not a valid international name"),
        ("*.192.0.2.1", "ends in a number"),
        ("[2001:db8::1]", "label"),
    ],
)
def test_what_no_certificate_can_have_is_refused(written: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_identifier(written)


def test_an_address_with_a_zone_is_refused() -> None:
    with pytest.raises(InputError):
        parse_identifier("fe80::1%eth0")


@pytest.mark.parametrize("name", [".".join(["a" * 63] * 3 + ["b" * 59]), ".".join(["a" * 63] * 3 + ["b" * 61])])
def test_a_wildcard_counts_towards_the_length(name: str) -> None:
    """*. and the name together must fit, as they stand in the certificate."""
    if len(f"*.{name}") <= LONGEST_NAME:
        assert parse_identifier(f"*.{name}").value == f"*.{name}"
    else:
        with pytest.raises(InputError, match="longer than 253"):
            parse_identifier(f"*.{name}")


def test_a_controller_without_the_library_reads_names_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idna", None)
    assert parse_identifier("WWW.xn--bcher-kva.example.").value == "www.xn--bcher-kva.example"
    with pytest.raises(InputError, match="this host has no Python library idna"):
        parse_identifier("b\u00fccher.example")
