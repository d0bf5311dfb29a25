# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles, opened by the command that frontends have."""

from __future__ import annotations

import json
import string
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.bundle import FILES, recipient_id
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.bundle import read_bundle
from ansible_collections.certfleet.acme.plugins.module_utils._x509.bundle import Entry, pack, seal
from hypothesis import given, settings
from hypothesis import strategies as st

from .throwaway import Authority, present

NOW = present().replace(microsecond=0)
NAMES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=30)
CONTENTS = st.binary(max_size=300)
ENTRIES = st.lists(
    st.builds(
        Entry,
        name=NAMES,
        key_type=st.sampled_from(["rsa-2048", "ecdsa-p256"]),
        identifiers=st.lists(st.text(max_size=20), max_size=4).map(tuple),
        sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
        not_after=st.just("2027-02-21T04:05:05Z"),
        files=st.fixed_dictionaries(dict.fromkeys(FILES, CONTENTS)),
    ),
    max_size=5,
    unique_by=lambda entry: (entry.name, entry.key_type),
)


@dataclass(frozen=True)
class Recipient:
    """A key and its certificate, made by the command."""

    folder: Path

    @property
    def certificate(self) -> bytes:
        return (self.folder / "cert.pem").read_bytes()

    def open(self, der: bytes) -> subprocess.CompletedProcess[bytes]:
        """What the command makes of a bundle."""
        command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-recip", "cert.pem", "-inkey", "key.pem"]
        return subprocess.run(command, input=der, capture_output=True, check=False, cwd=self.folder)


def make_recipient(folder: Path, key: str = "rsa:2048") -> Recipient:
    command = f"openssl req -x509 -newkey {key} -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=test".split()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return Recipient(folder)


@pytest.fixture(scope="module")
def recipient(tmp_path_factory: pytest.TempPathFactory) -> Recipient:
    return make_recipient(tmp_path_factory.mktemp("recipient"))


@settings(max_examples=25)
@given(content=st.binary(max_size=4000))
def test_the_command_opens_what_was_sealed(recipient: Recipient, content: bytes) -> None:
    assert recipient.open(seal(recipient.certificate, content)).stdout == content


@given(entries=ENTRIES)
def test_a_frontend_reads_what_was_packed(entries: list[Entry]) -> None:
    found = read_bundle(pack(entries, b"recipient", NOW))
    assert (found.made_at, found.recipient) == (NOW, recipient_id(b"recip ient\n"))
    assert [(each.name, each.key_type, each.identifiers, each.sha256, each.files) for each in found.entries] == [
        (each.name, each.key_type, each.identifiers, each.sha256, each.files) for each in entries
    ]


def test_the_document_is_as_it_is_written_down() -> None:
    now = present()
    issued = Authority(now).issue("shop.example", "*.shop.example")
    document = json.loads(pack([issued.entry("shop", "ecdsa-p256")], b"recipient", now))
    assert sorted(document) == ["certificates", "digest", "made_at", "recipient", "version"]
    assert (document["version"], document["made_at"]) == (2, format_instant(now))
    [certificate] = document["certificates"]
    assert sorted(certificate) == ["files", "identifiers", "key_type", "name", "not_after", "sha256"]
    assert certificate["identifiers"] == ["*.shop.example", "shop.example"]
    assert {name: text.encode() for name, text in certificate["files"].items()} == issued.files


def test_another_recipient_does_not_open_it(recipient: Recipient, tmp_path: Path) -> None:
    other = make_recipient(tmp_path)
    done = other.open(seal(recipient.certificate, b"secret"))
    assert done.returncode != 0
    assert b"secret" not in done.stdout + done.stderr


def test_the_content_is_not_in_the_bundle_and_each_bundle_differs(recipient: Recipient) -> None:
    one, other = (seal(recipient.certificate, b"this is the secret") for _round in range(2))
    assert b"secret" not in one
    assert one != other


@pytest.mark.parametrize("key", ["rsa:1024", "ec -pkeyopt ec_paramgen_curve:P-256", "ed25519"])
def test_a_recipient_that_is_too_weak_or_can_not_decrypt_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(Error, match=r"^The recipient's (RSA key has 1024 bits|key is not RSA)"):
        seal(make_recipient(tmp_path, key).certificate, b"")


@pytest.mark.parametrize("part", ["key.pem", "none", "cut"])
def test_what_is_no_certificate_is_refused_without_quoting_it(recipient: Recipient, part: str) -> None:
    given = {
        "key.pem": (recipient.folder / "key.pem").read_bytes(),
        "none": b"",
        "cut": recipient.certificate[:200],
    }[part]
    with pytest.raises(Error) as refused:
        seal(given, b"")
    assert refused.value.message == "The recipient is not a certificate in PEM form"


def test_an_entry_does_not_show_its_files() -> None:
    issued = Authority(present()).issue("shop.example")
    assert "PRIVATE" not in repr(issued.entry("shop", "ecdsa-p256"))
