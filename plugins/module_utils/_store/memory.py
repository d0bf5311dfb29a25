# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of an account from run to run: failures by identifier, orders made, pauses asked for."""

from __future__ import annotations

from typing import Any, Literal

from .._core.errors import StoreError
from .._core.files import Files
from .layout import memory_folder

Subject = Literal["identifiers", "orders", "pauses", "renewal", "visits"]


class AccountMemory:
    """One JSON file for each subject, replaced as a whole; what is in it is for who asks.

    It is apart from the account's key and record, and stays when the account's record is made anew. A file
    that is broken, or can't be read, is never trusted: reading gives nothing, and writing sets it aside as
    ``….json.broken``.
    """

    def __init__(self, files: Files, authority: str, account: str) -> None:
        self._files = files
        self._folder = memory_folder(authority, account)

    def recall(self, subject: Subject) -> dict[str, Any]:
        """What is remembered, empty when nothing is."""
        try:
            return self._files.read_json(self._path(subject)) or {}
        except StoreError:
            return {}

    def remember(self, subject: Subject, value: dict[str, Any]) -> None:
        """Put this in the place of what was remembered; durable when this returns. For who holds the lock."""
        path = self._path(subject)
        try:
            if self._files.read_json(path) == (value or None):
                return
        except StoreError:
            self._files.set_aside(path)
        if value:
            self._files.write_json(path, value)
        else:
            self._files.remove(path)

    def sweep(self) -> None:
        """Take away what was cut off while it was written. For who holds the lock, before anything is remembered."""
        self._files.sweep(self._folder)

    def _path(self, subject: Subject) -> str:
        return f"{self._folder}/{subject}.json"
