# SPDX-License-Identifier: GPL-3.0-or-later
"""Responders and keys as the user lists them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import (
    Responder,
    TsigKey,
    parse_responders,
)

SECRET = "c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM="
KEY = {"name": "acme", "algorithm": "hmac-sha256", "secret": SECRET}
FRA = {"name": "fra", "address": "192.0.2.53", "tsig_key": "acme"}


def test_a_responder_is_read_with_its_defaults() -> None:
    (responder,) = parse_responders([FRA], [KEY])
    assert responder == Responder("fra", ("192.0.2.53",), 53, TsigKey("acme", "hmac-sha256", SECRET), True)


def test_a_host_name_stands_for_all_its_addresses() -> None:
    asked = []

    def resolve(host: str) -> tuple[str, ...]:
        asked.append(host)
        return ("192.0.2.1", "2001:db8::1")

    (responder,) = parse_responders([{"name": "fra", "address": "NS1.example.com", "port": 5353}], [], resolve)
    assert asked == ["ns1.example.com"]
    assert responder.endpoints == (Endpoint("192.0.2.1", 5353), Endpoint("2001:db8::1", 5353))


def test_a_host_name_without_address_is_kept_as_unresolved() -> None:
    (responder,) = parse_responders([{"name": "fra", "address": "gone.example.com"}], [], lambda _host: ())
    assert (responder.addresses, responder.unresolved) == ((), ("gone.example.com",))


def test_an_ipv6_address_has_one_form() -> None:
    (responder,) = parse_responders([{"name": "fra", "addresses": ["[2001:DB8:0::1]", "2001:db8::1"]}], [])
    assert responder.addresses == ("2001:db8::1",)


def test_a_key_name_has_one_form() -> None:
    (responder,) = parse_responders([{**FRA, "tsig_key": "ACME."}], [{**KEY, "name": "Acme"}])
    assert responder.tsig_key is not None
    assert responder.tsig_key.name == "acme"


def test_zones_limit_what_a_responder_is_asked_for() -> None:
    (responder,) = parse_responders([{**FRA, "zones": ["Example.com."]}], [KEY])
    assert responder.serves("_acme-challenge.shop.example.com")
    assert not responder.serves("_acme-challenge.example.org")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tsig_key": "other"}, "responders: 'other' is the tsig_key of fra, but no key of this name is in tsig_keys"),
        ({"address": None}, "responders: 'fra' has neither address nor addresses"),
        ({"address": "192.0.2.530"}, "responders: '192.0.2.530' is neither an IP address nor a host name"),
        ({"address": "a..b"}, "responders: 'a..b' is not a domain name"),
        ({"port": 0}, "responders: 0 is not a port for fra"),
        ({"port": 65536}, "responders: 65536 is not a port for fra"),
        ({"port": "domain"}, "responders: 'domain' is not a port for fra"),
        ({"name": "../fra"}, "responders: '../fra' is no name for a responder"),
        ({"name": None}, "responders: '' is no name for a responder"),
        ({"updates": False}, "responders: ['fra'] has no responder that takes updates"),
    ],
)
def test_a_responder_that_cant_be_used_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as error:
        parse_responders([{**FRA, **change}], [KEY])
    assert error.value.message.startswith(sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"algorithm": "hmac-md5"},
            "tsig_keys: 'hmac-md5' is not an algorithm for the key acme: use one of hmac-sha256",
        ),
        ({"algorithm": "hmac-sha1"}, "tsig_keys: 'hmac-sha1' is not an algorithm for the key acme"),
        ({"secret": "not base64!"}, "tsig_keys: 'acme' has a secret that is not base64 text"),
        ({"secret": ""}, "tsig_keys: 'acme' has a secret that is not base64 text"),
        ({"name": ""}, "tsig_keys: '' is not a domain name"),
    ],
)
def test_a_key_that_cant_be_used_is_refused_without_showing_its_secret(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as error:
        parse_responders([FRA], [{**KEY, **change}])
    assert error.value.message.startswith(sentence)
    assert "not base64!" not in str(error.value.result())


def test_two_responders_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="'fra' is the name of two responders"):
        parse_responders([FRA, {**FRA, "address": "192.0.2.54"}], [KEY])


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="'acme' is the name of two keys"):
        parse_responders([FRA], [KEY, KEY])


def test_one_address_for_two_responders_is_refused() -> None:
    with pytest.raises(InputError, match=r"'192\.0\.2\.53' is an address of both fra and sin"):
        parse_responders([FRA, {**FRA, "name": "sin"}], [KEY])


def test_no_responder_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="has no responder that takes updates"):
        parse_responders([], [KEY])


def test_no_text_of_a_responder_shows_the_secret() -> None:
    (responder,) = parse_responders([FRA], [KEY])
    assert SECRET not in f"{responder!r} {responder} {responder.tsig_key!r}"
