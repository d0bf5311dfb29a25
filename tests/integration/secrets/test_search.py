# SPDX-License-Identifier: GPL-3.0-or-later
"""The search finds what it is to find: a search that can't fail would prove nothing."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import key_to_pem, make_key
from cryptography.hazmat.primitives import serialization

from .search import Evidence, Secret, private_keys

KEY_TYPES = ("rsa-2048", "ecdsa-p256", "ecdsa-p384")


def der_of(pem: bytes) -> bytes:
    """A key in the older form of its type, where the private numbers are elsewhere than in PKCS #8."""
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def planted(pem: bytes) -> dict[str, bytes]:
    """A private key in all the ways in which it may get somewhere."""
    der = der_of(pem)
    url = base64.urlsafe_b64encode(der)
    numbers: Any = serialization.load_pem_private_key(pem, None)
    numbers = numbers.private_numbers()
    return {
        "PEM": pem,
        "one line of PEM": pem.splitlines()[-3 if len(pem) > 1000 else 2],
        "PEM in JSON": json.dumps({"key": pem.decode()}).encode(),
        "PEM in JSON in JSON": json.dumps(json.dumps({"key": pem.decode()})).encode(),
        "lines of PEM in a list": json.dumps(pem.decode().splitlines()).encode(),
        "PEM as Python shows bytes": repr(pem).encode(),
        "DER": der,
        "base64": base64.b64encode(der),
        "base64 after something else": base64.b64encode(b"key:" + der),
        "base64url": url,
        "base64url without padding": url.rstrip(b"="),
        "base64 of PEM": base64.b64encode(pem),
        "hex": der.hex().encode(),
        "HEX": der.hex().upper().encode(),
        "hex with colons": der.hex(":").encode(),
        "numbers": repr(numbers.d if hasattr(numbers, "d") else numbers.private_value).encode(),
    }


@pytest.mark.parametrize("form", planted(key_to_pem(make_key("ecdsa-p256"))))
@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_a_planted_private_key_is_found_in_every_form(key_type: str, form: str) -> None:
    pem, other = (key_to_pem(make_key(key_type)) for _round in range(2))
    evidence = Evidence()
    evidence.add("here", b"before " + planted(pem)[form] + b" after")
    evidence.add("there", b"before " + planted(other)[form] + b" after")
    assert evidence.search([Secret.of_key("mine", pem)]) == {"here": {"mine"}}


@pytest.mark.parametrize("size", [32, 33, 34, 64])
def test_a_planted_shared_key_is_found_in_every_form(size: int) -> None:
    value = secrets.token_bytes(size)
    standard, url = base64.b64encode(value), base64.urlsafe_b64encode(value)
    forms = {
        "standard": standard,
        "standard without padding": standard.rstrip(b"="),
        "url": url.rstrip(b"="),
        "encoded once more": base64.b64encode(b"x" + standard),
        "hex": value.hex().encode(),
        "raw": value,
        "half": standard[: len(standard) // 2 + 2],
        "in bytes": repr(value).encode(),
    }
    evidence = Evidence()
    for form, content in forms.items():
        evidence.add(form, b"secret=" + content + b";")
    assert set(evidence.search([Secret.of_text("mine", standard.decode())])) == set(forms)
    assert set(evidence.search([Secret.of_text("mine", url.decode())])) == set(forms)


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_a_public_key_is_no_secret(key_type: str) -> None:
    key = make_key(key_type)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    evidence = Evidence()
    evidence.add("public", public + base64.b64encode(b"\0" + public))
    assert evidence.search([Secret.of_key("mine", key_to_pem(key))]) == {}


def test_keys_are_found_in_files() -> None:
    pem = key_to_pem(make_key("ecdsa-p256"))
    assert private_keys(b"-----BEGIN CERTIFICATE-----\n" + pem + pem) == [pem, pem]
