# SPDX-License-Identifier: GPL-3.0-or-later
"""Account keys, their thumbprints and signatures."""

from __future__ import annotations

import json

import josepy
import pytest
from acme.jws import JWS
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey, PrivateKey
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

P256 = ec.generate_private_key(ec.SECP256R1())
KEYS: list[tuple[PrivateKey, str]] = [
    (P256, "ES256"),
    (ec.generate_private_key(ec.SECP384R1()), "ES384"),
    (rsa.generate_private_key(65537, 2048), "RS256"),
]


@pytest.mark.parametrize(("private_key", "algorithm"), KEYS)
def test_each_kind_of_key_signs_with_its_algorithm(private_key: PrivateKey, algorithm: str) -> None:
    key = AccountKey(private_key)
    signed = JWS.from_json(json.loads(key.sign({"nonce": "bm9uY2U", "url": "https://ca.test/"}, b'{"a": 1}')))
    assert signed.verify(key.jwk.public_key())
    assert signed.payload == b'{"a": 1}'
    assert signed.signature.combined.alg.name == algorithm
    assert signed.signature.combined.url == "https://ca.test/"


@settings(max_examples=50)
@given(st.binary(max_size=200), st.text(min_size=1, max_size=50))
def test_what_is_signed_is_what_the_library_reads(payload: bytes, url: str) -> None:
    key = AccountKey(P256)
    signed = JWS.from_json(json.loads(key.sign({"url": url}, payload)))
    assert signed.verify(key.jwk.public_key())
    assert (signed.payload, signed.signature.combined.url) == (payload, url)


@pytest.mark.parametrize(
    "private_key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505
        ec.generate_private_key(ec.SECP521R1()),
    ],
    ids=["rsa-1024", "p-521"],
)
def test_other_kinds_are_refused(private_key: PrivateKey) -> None:
    with pytest.raises(Error, match="An account key must be"):
        AccountKey(private_key)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    """The key of RFC 7638 §3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd"
        "AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF4"
        "4-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = AccountKey(P256)
    key.jwk = josepy.JWK.from_json({"kty": "RSA", "n": modulus, "e": "AQAB"})
    assert key.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_key_shows_nothing_secret() -> None:
    key = AccountKey(P256)
    secret = P256.private_numbers().private_value
    pem = P256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert str(secret) not in repr(key)
    assert pem not in repr(key)
    assert "d" not in key.public_jwk
    assert repr(key) == f"AccountKey(ES256, thumbprint {key.thumbprint})"
