# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of files that replace each other as a whole.

``live`` is a symbolic link to ``generations/0007``: whoever reads through it
sees key and certificate of one generation, never a mixture.
"""

from __future__ import annotations

from collections.abc import Mapping

from .files import Files

LIVE = "live"
FOLDER = "generations"


class Generations:
    """The numbered generations below one folder (a path relative to ``files``)."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder

    def live(self) -> int | None:
        """The number of the generation in use, or None when there is none yet."""
        target = self._files.link_target(f"{self._folder}/{LIVE}")
        return int(target.rpartition("/")[2]) if target else None

    def read(self, name: str) -> bytes | None:
        """A file of the live generation, or None."""
        return self._files.read(f"{self._folder}/{LIVE}/{name}")

    def numbers(self) -> list[int]:
        """The generations on disk, oldest first, finished or not."""
        found = self._files.names(f"{self._folder}/{FOLDER}")
        return sorted(int(name) for name in found if name.isdigit())

    def add(self, contents: Mapping[str, bytes], keep: int = 2) -> int:
        """Write a new generation, switch to it, and keep so many in all; its number."""
        number = max([*self.numbers(), self.live() or 0], default=0) + 1
        self._files.write_set(f"{self._folder}/{FOLDER}/{number:04d}", contents)
        self._files.switch_link(f"{self._folder}/{LIVE}", f"{FOLDER}/{number:04d}")
        for old in self.numbers()[:-keep]:
            self._remove(old)
        return number

    def _remove(self, number: int) -> None:
        folder = f"{self._folder}/{FOLDER}/{number:04d}"
        for name in self._files.names(folder):
            self._files.remove(f"{folder}/{name}")
        self._files.remove_folder(folder)
