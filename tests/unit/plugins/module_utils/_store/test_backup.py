# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: who made them, who can open them, and what is left when something goes wrong."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._core.lock import Lock
from ansible_collections.certfleet.acme.plugins.module_utils._store.backup import back_up, restore


def openssl(*words: object, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, words)], input=stdin, check=True, capture_output=True).stdout


@dataclass(frozen=True)
class Desk:
    """A store, the backup key, the signer's certificate, and a backup."""

    folder: Path

    @property
    def backup(self) -> Path:
        return self.folder / "store.cms"

    def back_up(self, **options: Any) -> dict[str, Any]:
        given = {"recipient": str(self.folder / "backup.pem"), "signing_key": str(self.folder / "keys" / "signer.pem")}
        made = back_up(str(self.folder / "store"), str(self.backup), **{**given, **options})
        (self.folder / "signer.pem").write_text(made["signer"])
        return made

    def restore(self, source: Path | None = None, **options: Any) -> dict[str, Any]:
        given = {"key": str(self.folder / "backup.key"), "signer": str(self.folder / "signer.pem"), **options}
        try:
            return restore(str(source or self.backup), str(self.folder / "back"), **given)
        finally:
            assert not list(self.folder.glob(".certfleet*")), "nothing half done is left"

    def write(self, content: bytes) -> Path:
        path = self.folder / "other.cms"
        path.write_bytes(content)
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A store with one secret, and the operator's key."""
    files = ("-keyout", tmp_path / "backup.key", "-out", tmp_path / "backup.pem")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 10, "-subj", "/CN=backup", *files)
    Files(str(tmp_path / "store")).write("accounts/ca/default/key.pem", b"a secret")
    return Desk(tmp_path)


def test_a_backup_restores_what_it_was_made_of(desk: Desk) -> None:
    made = desk.back_up()
    assert (made["files"], made["left_out"]) == (1, [])
    assert "PRIVATE" not in made["signer"]
    assert stat.S_IMODE(desk.backup.stat().st_mode) == 0o600
    assert stat.S_IMODE((desk.folder / "keys" / "signer.pem").stat().st_mode) == 0o600
    told = desk.restore()
    assert told["note"].startswith("store made 2")
    assert (desk.folder / "back/accounts/ca/default/key.pem").read_bytes() == b"a secret"


def test_openssl_and_tar_alone_open_a_backup(desk: Desk) -> None:
    desk.back_up()
    signer = desk.folder / "signer.pem"
    opening = ("cms", "-verify", "-binary", "-inform", "DER", "-in", desk.backup, "-noverify", "-nointern")
    encrypted = openssl(*opening, "-certfile", signer)
    packed = openssl(
        "cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", desk.folder / "backup.key", stdin=encrypted
    )
    listed = subprocess.run(["tar", "--list"], input=packed, check=True, capture_output=True).stdout
    assert b"accounts/ca/default/key.pem" in listed


def test_a_changed_backup_is_refused(desk: Desk) -> None:
    desk.back_up()
    content = bytearray(desk.backup.read_bytes())
    content[len(content) // 2] ^= 1
    with pytest.raises(Error, match="was changed, or is signed with another key"):
        desk.restore(desk.write(bytes(content)))
    assert not (desk.folder / "back").exists()


def test_who_signs_with_a_certificate_of_the_same_name_is_nobody(desk: Desk) -> None:
    made = desk.back_up()
    desk.back_up(signing_key=str(desk.folder / "elsewhere" / "signer.pem"))
    (desk.folder / "signer.pem").write_text(made["signer"])
    with pytest.raises(Error, match="signed with another key"):
        desk.restore()
    (desk.folder / "signer.pem").write_text("no certificate")
    with pytest.raises(Error, match="signed with another key"):
        desk.restore()


def wrapped(content: bytes) -> bytes:
    """SignedData that nobody has signed (RFC 5652 section 5.1 allows it)."""

    def tlv(tag: int, body: bytes) -> bytes:
        return bytes([tag, 0x84]) + len(body).to_bytes(4, "big") + body

    data, signed = (bytes.fromhex(f"06092a864886f70d01070{number}") for number in (1, 2))
    inner = tlv(0x30, data + tlv(0xA0, tlv(4, content)))
    return tlv(0x30, signed + tlv(0xA0, tlv(0x30, b"\x02\x01\x01" + tlv(0x31, b"") + inner + tlv(0x31, b""))))


def test_a_signature_of_nobody_is_none(desk: Desk) -> None:
    desk.back_up()
    recipient = desk.folder / "backup.pem"
    encrypted = openssl("cms", "-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc", recipient, stdin=b"forged")
    with pytest.raises(Error, match="signed with another key"):
        desk.restore(desk.write(wrapped(encrypted)))


def test_unsigned_backups_need_to_be_asked_for(desk: Desk) -> None:
    desk.back_up()
    packed = subprocess.run(
        ["tar", "--create", "-C", desk.folder / "store", "--exclude", "./.lock", "."], check=True, capture_output=True
    ).stdout
    recipient = desk.folder / "backup.pem"
    old = desk.write(openssl("cms", "-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc", recipient, stdin=packed))
    with pytest.raises(Error, match=r"carries no signature.*ask for unsigned"):
        desk.restore(old)
    with pytest.raises(Error, match="is signed; signer has to say"):
        desk.restore(signer=None)
    assert desk.restore(old, signer=None)["files"] == 1
    assert (desk.folder / "back/accounts/ca/default/key.pem").read_bytes() == b"a secret"


def test_what_is_no_backup_and_what_another_key_opens_is_told(desk: Desk) -> None:
    desk.back_up()
    with pytest.raises(Error, match="is no backup of a store"):
        desk.restore(desk.write(b"something else"))
    openssl("genpkey", "-algorithm", "RSA", "-out", desk.folder / "backup.key")
    with pytest.raises(Error, match="does not open the backup"):
        desk.restore()
    assert not (desk.folder / "back").exists()


def test_only_the_signature_is_looked_at_in_check_mode(desk: Desk) -> None:
    desk.back_up()
    (desk.folder / "backup.key").write_text("")
    desk.restore(check=True)
    assert not (desk.folder / "back").exists()


def test_a_store_that_another_run_works_on_gives_no_backup(desk: Desk) -> None:
    with Lock(Files(str(desk.folder / "store"))), pytest.raises(Error, match="Another run works on"):
        desk.back_up()
    assert not desk.backup.exists()
    assert not list(desk.folder.glob(".certfleet*"))


@pytest.mark.parametrize(
    ("option", "words"), [("recipient", "no file with a certificate"), ("signing_key", "in PEM form")]
)
def test_files_that_are_no_keys_are_named(desk: Desk, option: str, words: str) -> None:
    wrong = desk.folder / "wrong.pem"
    wrong.write_text("wrong")
    with pytest.raises(Error, match=f"{option}: .*{words}"):
        desk.back_up(**{option: str(wrong)})
    assert not desk.backup.exists()


def test_a_key_that_can_not_be_made_is_named_by_its_option(desk: Desk) -> None:
    (desk.folder / "file").touch()
    with pytest.raises(Error, match=r"signing_key: '.*/file/signer.pem' can't be used: Can't"):
        desk.back_up(signing_key=str(desk.folder / "file" / "signer.pem"))


def test_a_large_store_that_can_not_be_encrypted_holds_nobody_up(desk: Desk) -> None:
    Files(str(desk.folder / "store")).write("large", os.urandom(1_000_000))
    with pytest.raises(Error, match="recipient"):
        desk.back_up(recipient=str(desk.folder / "nothing.pem"))
    desk.back_up()
    assert desk.restore()["size"] == 1_000_008
