# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that others have made, stores whose user sets traps, and the way of an honest backup between them."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
from pathlib import Path

import pytest

from tests.integration.backup.conftest import BOB, LIVE, Place

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give itself up")

SECRET = "certificates/shop/ecdsa-p256/generations/0001/privkey.pem"


def picture(store: Path) -> dict[str, tuple[int, str | bytes]]:
    """Mode, and target or content, of all that is in a store."""
    return {
        str(path.relative_to(store)): (
            stat.S_IMODE(path.lstat().st_mode),
            os.readlink(path) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes(),
        )
        for path in store.rglob("*")
        if path.name != ".lock"
    }


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o600, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.devmajor, info.devminor = kind, mode, link, 1, 3
    return info


def test_a_store_comes_back_as_it_was(place: Place) -> None:
    before = picture(place.store)
    made = place.play("backup")
    assert made.status == 0, made.output
    (backup,) = place.backups
    assert b"secret of the store" not in backup.read_bytes()
    assert b"PRIVATE KEY" not in place.signer.read_bytes()
    shutil.rmtree(place.store)
    restored = place.restore(backup)
    assert restored.status == 0, restored.output
    assert picture(place.store) == before
    assert not place.has_leftovers
    assert place.play("backup").status == 0, "the same key signs again"


def test_a_backup_that_anybody_could_have_made_is_refused(place: Place) -> None:
    assert place.play("backup").status == 0
    forged = place.folder / "forged.cms"
    forged.write_bytes(place.encrypted(archive((member("accounts/planted.pem"), b"mine"))))
    shutil.rmtree(place.store)
    refused = place.restore(forged)
    assert refused.status != 0
    assert "carries no signature" in refused.output
    assert "certfleet_restore_unsigned" in refused.output
    assert not place.store.exists()
    assert not place.has_leftovers


def test_a_backup_signed_by_somebody_else_is_refused(place: Place) -> None:
    assert place.play("backup").status == 0
    other = place.play("backup", certfleet_backup_signing_key=str(place.folder / "other" / "signer.pem"))
    assert other.status != 0, "the operator hears that it is another key"
    assert "signs with another key than" in other.output
    shutil.rmtree(place.store)
    refused = place.restore(place.backups[-1])
    assert refused.status != 0
    assert "signed with another key" in refused.output
    assert not place.store.exists()


def test_of_an_old_backup_only_plain_files_folders_and_own_links_are_unpacked(place: Place) -> None:
    old = place.folder / "old.cms"
    old.write_bytes(
        place.encrypted(
            archive(
                (member(".", tarfile.DIRTYPE, 0o777), b""),
                (member(f"./{SECRET}", mode=0o644), b"key"),
                (member(f"./{LIVE}", tarfile.SYMTYPE, 0o777, "generations/0001"), b""),
                (member("./accounts/shell", mode=0o4755), b"#!/bin/sh\n"),
                (member("./accounts/device", tarfile.CHRTYPE, 0o666), b""),
                (member("./accounts/passwd", tarfile.SYMTYPE, 0o777, "/etc/passwd"), b""),
            )
        )
    )
    shutil.rmtree(place.store)
    restored = place.restore(old, certfleet_restore_unsigned=True)
    assert restored.status == 0, restored.output
    assert "accounts/device" in restored.output, "what is left out is told"
    assert picture(place.store) == {
        "certificates": (0o700, b""),
        "certificates/shop": (0o700, b""),
        "certificates/shop/ecdsa-p256": (0o700, b""),
        "certificates/shop/ecdsa-p256/generations": (0o700, b""),
        "certificates/shop/ecdsa-p256/generations/0001": (0o700, b""),
        SECRET: (0o600, b"key"),
        LIVE: (0o777, "generations/0001"),
        "accounts": (0o700, b""),
        "accounts/shell": (0o600, b"#!/bin/sh\n"),
    }


def test_the_lock_of_a_store_leads_root_nowhere(place: Place) -> None:
    target = place.folder / "operator" / "made-by-root"
    (place.store / ".lock").symlink_to(target)
    os.chown(place.store / ".lock", BOB, BOB, follow_symlinks=False)
    refused = place.play("backup")
    assert not target.exists()
    assert refused.status != 0
    assert "Permission denied" in refused.output
    assert place.backups == []
