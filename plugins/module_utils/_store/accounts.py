# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and their keys."""

from __future__ import annotations

from typing import Any

from .._core.errors import StoreError
from .._core.files import Files
from .layout import account_folder


class AccountStore:
    """The key and the record of one account at one CA."""

    def __init__(self, files: Files, authority: str, name: str) -> None:
        self._files = files
        self._folder = account_folder(authority, name)
        self._record_path = f"{self._folder}/account.json"

    @property
    def key_path(self) -> str:
        """Where the account's private key is, for messages."""
        return self._files.path(f"{self._folder}/key.pem")

    def key(self) -> bytes | None:
        """The account's private key in PEM, or None."""
        return self._files.read(f"{self._folder}/key.pem")

    def set_key(self, pem: bytes) -> None:
        """Put the account's private key there."""
        self._files.write(f"{self._folder}/key.pem", pem)

    def next_key(self) -> bytes | None:
        """The key of a rollover that has been begun, or None."""
        return self._files.read(f"{self._folder}/next.pem")

    def set_next_key(self, pem: bytes) -> None:
        """Have the next key on disk before the CA hears of it."""
        self._files.write(f"{self._folder}/next.pem", pem)

    def promote_next_key(self) -> None:
        """Make the next key the account's key, in one step."""
        self._files.rename(f"{self._folder}/next.pem", f"{self._folder}/key.pem")

    def drop_next_key(self) -> None:
        """Give up a rollover that the CA never heard of."""
        self._files.remove(f"{self._folder}/next.pem")

    def record(self) -> dict[str, Any] | None:
        """What is known of the account, such as its URL, or None; a record of no use is none, as the CA knows it all."""
        try:
            return self._files.read_json(self._record_path)
        except StoreError:
            return None

    def set_record(self, record: dict[str, Any]) -> None:
        """Remember what is known of the account; a record of no use is set aside, as ``account.json.broken``."""
        try:
            self._files.read_json(self._record_path)
        except StoreError:
            self._files.set_aside(self._record_path)
        self._files.write_json(self._record_path, record)

    def sweep(self) -> None:
        """Take away what was cut off while it was written; it may be a key. For who holds the lock."""
        self._files.sweep(self._folder)

    def remove(self) -> None:
        """Take the account away, its keys too."""
        self.sweep()
        for name in ("account.json", "account.json.broken", "next.pem", "key.pem"):
            self._files.remove(f"{self._folder}/{name}")
        self._files.remove_folder(self._folder)
