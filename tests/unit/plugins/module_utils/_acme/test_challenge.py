# SPDX-License-Identifier: GPL-3.0-or-later
"""Key authorizations and what each kind of challenge wants to see."""

from __future__ import annotations

import hashlib

import josepy
import pytest
from acme import challenges
from ansible_collections.certfleet.acme.plugins.module_utils._acme.authorization import Authorization, Challenge
from ansible_collections.certfleet.acme.plugins.module_utils._acme.challenge import (
    dns_01,
    http_01,
    key_authorization,
    tls_alpn_01,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

KEY = AccountKey(ec.generate_private_key(ec.SECP256R1()))
TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"  # of RFC 8555 §8


def authorization(token: str | None = TOKEN, name: str = "www.example.org", kind: str = "dns") -> Authorization:
    """An authorization with the three usual challenges."""
    return Authorization(
        "https://ca.test/authz/1",
        Identifier(kind, name),  # type: ignore[arg-type]
        "pending",
        tuple(Challenge(each, "https://ca.test/c", "pending", token) for each in ("http-01", "dns-01", "tls-alpn-01")),
    )


def test_the_key_authorization_of_rfc_8555() -> None:
    """Token and thumbprint of RFC 8555 §8.1 and RFC 7638 §3.1."""
    key = AccountKey(ec.generate_private_key(ec.SECP256R1()))
    key.__dict__["thumbprint"] = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert key_authorization(TOKEN, key) == f"{TOKEN}.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@given(st.binary(min_size=16, max_size=64))
def test_all_three_agree_with_the_library(secret: bytes) -> None:
    asked = authorization(josepy.encode_b64jose(secret))
    assert dns_01(asked, KEY) == ("_acme-challenge.www.example.org", challenges.DNS01(token=secret).validation(KEY.jwk))
    http = challenges.HTTP01(token=secret)
    assert http_01(asked, KEY) == (http.path, http.validation(KEY.jwk))
    text = challenges.TLSALPN01(token=secret).key_authorization(KEY.jwk) if hasattr(challenges, "TLSALPN01") else None
    digest = hashlib.sha256((text or key_authorization(josepy.encode_b64jose(secret), KEY)).encode()).hexdigest()
    assert tls_alpn_01(asked, KEY) == ("www.example.org", digest)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_an_address_is_asked_for_by_its_reverse_name(address: str, name: str) -> None:
    """RFC 8738 §6."""
    assert tls_alpn_01(authorization(name=address, kind="ip"), KEY)[0] == name


@pytest.mark.parametrize("token", [None, "", "a/../b", "..", "a b", "täst", "abc=", "abc\n"])
def test_a_token_outside_of_base64url_is_refused(token: str | None) -> None:
    with pytest.raises(NetworkError, match="without a valid token"):
        http_01(authorization(token), KEY)


def test_a_kind_that_is_not_offered_names_those_that_are() -> None:
    asked = Authorization("u", Identifier("dns", "a.example"), "pending", (Challenge("dns-01", "u", "pending", TOKEN),))
    with pytest.raises(NetworkError, match=r"^a\.example: the CA offers no http-01 challenge, only: dns-01$"):
        http_01(asked, KEY)
