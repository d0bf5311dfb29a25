# SPDX-License-Identifier: GPL-3.0-or-later
"""What users ask of an account, and what is remembered of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import ExternalBinding
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.record import (
    Record,
    WantedAccount,
    parse_binding,
    parse_contact,
    read_wanted_account,
)
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import key_to_pem, make_key
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

NOTHING: dict[str, Any] = {
    "contact": None,
    "terms_agreed": False,
    "key_type": None,
    "key_label": None,
    "key_file": None,
    "external_binding": None,
}


def test_nothing_asked_for_leaves_everything() -> None:
    assert read_wanted_account(NOTHING) == WantedAccount()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("ops@example.com", "mailto:ops@example.com"),
        (" mailto:ops@example.com ", "mailto:ops@example.com"),
        ("MAILTO:Ops@example.com", "mailto:Ops@example.com"),
        ("tel:+49-30-1234", "tel:+49-30-1234"),
        ("https://example.com/contact", "https://example.com/contact"),
    ],
)
def test_a_contact_becomes_a_url(text: str, url: str) -> None:
    assert parse_contact([text]) == (url,)


def test_a_contact_that_is_there_twice_counts_once() -> None:
    assert parse_contact(["a@example.com", "mailto:a@example.com"]) == ("mailto:a@example.com",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ops",
        "@",
        "a@",
        "mailto:",
        "a b@example.com",
        "a@example.com,b@example.com",
        "mailto:a@example.com?subject=x",
    ],
)
def test_a_contact_that_is_none_is_named(text: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_contact([text])
    assert raised.value.message.startswith(f"contact: {text.strip()!r} ")


def test_a_key_type_that_cas_refuse_is_named() -> None:
    with pytest.raises(InputError, match=r"^key_type: 'rsa-1024' is not one of rsa-2048"):
        read_wanted_account({**NOTHING, "key_type": "rsa-1024"})


def test_a_binding_is_read() -> None:
    binding = {"key_id": "kid-1", "key": "c2VjcmV0", "algorithm": "HS384"}
    wanted = read_wanted_account({**NOTHING, "external_binding": binding})
    assert wanted.external_binding is not None
    assert (wanted.external_binding.key_id, wanted.external_binding.algorithm) == ("kid-1", "HS384")
    assert "c2VjcmV0" not in repr(wanted)


def test_a_binding_is_read_without_the_white_space_that_copying_adds() -> None:
    binding = {"key_id": " kid-1\n", "key": "\tc2Vj\r\n cmV0 \n", "algorithm": "HS256"}
    assert parse_binding(binding) == ExternalBinding("kid-1", "c2VjcmV0")


def key_file(folder: Path, content: bytes) -> dict[str, Any]:
    """The option for a file with this content."""
    path = folder / "account.pem"
    path.write_bytes(content)
    return {**NOTHING, "key_file": str(path)}


def test_a_key_file_is_read(tmp_path: Path) -> None:
    key = make_key("ecdsa-p256")
    wanted = read_wanted_account(key_file(tmp_path, key_to_pem(key)))
    assert wanted.key is not None
    assert key_to_pem(wanted.key) == key_to_pem(key)
    assert "PRIVATE" not in repr(wanted)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hunter2", "is not an unencrypted private key in PEM form"),
        (
            make_key("ecdsa-p256").private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")
            ),
            "is not an unencrypted private key in PEM form",
        ),
        (key_to_pem(ec.generate_private_key(ec.SECP521R1())), "is on the curve secp521r1"),
        (key_to_pem(rsa.generate_private_key(65537, 1024)), "is RSA with 1024 bits"),  # noqa: S505
    ],
    ids=["no key", "encrypted", "p-521", "rsa-1024"],
)
def test_a_key_that_cannot_be_an_accounts_is_told_without_a_word_of_it(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(Error) as raised:
        read_wanted_account(key_file(tmp_path, content))
    assert reason in raised.value.message
    assert raised.value.message.startswith("key_file: ")
    assert "hunter2" not in str(raised.value.result())


def test_a_key_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^key_file: '.*none\.pem' can't be read: No such file"):
        read_wanted_account({**NOTHING, "key_file": str(tmp_path / "none.pem")})


texts = st.text()
lists = st.lists(texts, max_size=3).map(tuple)


@given(
    st.builds(
        Record,
        texts,
        texts,
        texts,
        texts,
        texts,
        contact=lists,
        contact_shown=st.none() | lists,
        key_label=st.none() | texts,
        adopted=st.none() | texts,
    )
)
def test_a_record_on_disk_comes_back_as_it_was(record: Record) -> None:
    assert Record.from_json(json.loads(json.dumps(record.as_dict()))) == record


def test_a_record_may_have_more_than_is_known_but_not_less() -> None:
    record = Record("uri", "dir", "f", "t", "ecdsa-p256")
    assert Record.from_json({**record.as_dict(), "later": 1}) == record
    assert Record.from_json({"account_uri": "uri"}) is None
    assert Record.from_json(None) is None
