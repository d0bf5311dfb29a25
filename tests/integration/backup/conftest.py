# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of a user, and the playbooks backup and restore, played by root on this host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.modules import environment
from tests.playbooks import Played

BOB = 4011
LIVE = "certificates/shop/ecdsa-p256/live"

_INVENTORY = """\
all:
  children:
    validation_hosts:
      hosts:
        validator:
          ansible_connection: local
          ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


def openssl(*words: str, stdin: bytes = b"") -> bytes:
    """The output of the openssl command."""
    return subprocess.run(["openssl", *words], input=stdin, check=True, capture_output=True).stdout


@dataclass(frozen=True)
class Place:
    """A folder with the store of user BOB, the operator's key for backups, and a folder for backups."""

    folder: Path

    @property
    def store(self) -> Path:
        """The store."""
        return self.folder / "store"

    @property
    def signer(self) -> Path:
        """The certificate that the operator keeps."""
        return self.folder / "operator" / "certfleet-validator-signer.pem"

    def play(self, name: str, **variables: Any) -> Played:
        """Play a playbook of the collection with what it needs besides these variables."""
        given = {
            "certfleet_store": str(self.store),
            "certfleet_user": "no-such-user",
            "certfleet_backup_folder": str(self.folder / "backups"),
            "certfleet_backup_recipient": str(self.folder / "operator" / "backup.pem"),
            "certfleet_backup_key": str(self.folder / "operator" / "backup.key"),
            "certfleet_backup_signing_key": str(self.folder / "host" / "backup-signer.pem"),
            **variables,
        }
        command = ["ansible-playbook", "-i", str(self.folder / "inventory.yml"), f"certfleet.acme.{name}"]
        done = subprocess.run(
            [*command, "-e", json.dumps(given)],
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
            timeout=240,
            cwd=self.folder,
        )
        return Played(done.returncode, {}, done.stdout + done.stderr)

    def restore(self, backup: Path, **variables: Any) -> Played:
        """Play restore with this backup, trusting the certificate that the operator keeps."""
        trusted = {} if "certfleet_restore_unsigned" in variables else {"certfleet_backup_signer": str(self.signer)}
        return self.play("restore", certfleet_backup=str(backup), **trusted, **variables)

    def encrypted(self, content: bytes) -> bytes:
        """What anybody can make who has the public certificate: the form of backups before they were signed."""
        recipient = str(self.folder / "operator" / "backup.pem")
        return openssl("cms", "-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc", recipient, stdin=content)

    @property
    def backups(self) -> list[Path]:
        """The backups that there are, by time."""
        return sorted((self.folder / "backups").glob("*.cms"))

    @property
    def has_leftovers(self) -> bool:
        """Whether a folder with a key, or with what is half unpacked, is left."""
        return any(self.folder.glob(".certfleet-restore*"))


@pytest.fixture
def place() -> Iterator[Place]:
    """A folder that every user may enter, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="certfleet-backup-test-"))
    folder.chmod(0o755)
    for name in ("backups", "operator"):
        (folder / name).mkdir(mode=0o700)
    key = str(folder / "operator" / "backup.key")
    certificate = str(folder / "operator" / "backup.pem")
    subject = ["-subj", "/CN=backup", "-days", "10"]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", key, "-out", certificate)
    (folder / "inventory.yml").write_text(_INVENTORY)
    generation = folder / "store" / Path(LIVE).parent / "generations" / "0001"
    generation.mkdir(parents=True)
    (generation / "privkey.pem").write_text("a secret of the store\n")
    (generation / "privkey.pem").chmod(0o600)
    (folder / "store" / LIVE).symlink_to("generations/0001")
    for path in (folder / "store", *(folder / "store").rglob("*")):
        os.chown(path, BOB, BOB, follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    yield Place(folder)
    shutil.rmtree(folder)
