# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of files that replace each other as a whole.

``live`` is a symbolic link to ``generations/0007``: whoever reads through it
sees key and certificate of one generation, never a mixture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from .files import Files

LIVE = "live"
FOLDER = "generations"
_NUMBER = re.compile("[0-9]{1,9}")
_TARGET = re.compile(rf"{FOLDER}/({_NUMBER.pattern})")


class Generations:
    """The numbered generations below one folder (a path relative to ``files``)."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder

    def live(self) -> int | None:
        """The number of the generation in use, or None when there is none yet."""
        # a link that somebody made by hand leads to no generation of ours
        match = _TARGET.fullmatch(self._files.link_target(f"{self._folder}/{LIVE}") or "")
        return int(match[1]) if match else None

    def read(self, name: str) -> bytes | None:
        """A file of the live generation, or None."""
        number = self.live()
        return None if number is None else self.read_from(number, name)

    def read_from(self, number: int, name: str) -> bytes | None:
        """A file of this generation, or None."""
        return self._files.read(f"{self.path_of(number)}/{name}")

    def read_set(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """Files of one and the same generation, the live one, even if another run switches meanwhile."""
        number = self.live()
        if number is None:
            return dict.fromkeys(names)
        return {name: self.read_from(number, name) for name in names}

    def numbers(self) -> list[int]:
        """The generations on disk, oldest first, finished or not."""
        found = self._files.names(f"{self._folder}/{FOLDER}")
        return sorted(int(name) for name in found if _NUMBER.fullmatch(name))

    def path_of(self, number: int) -> str:
        """Where a generation is (relative to ``files``)."""
        return f"{self._folder}/{FOLDER}/{number:04d}"

    def add(
        self, contents: Mapping[str, bytes], keep: int = 2, before_switch: Callable[[str], None] | None = None
    ) -> int:
        """Write a new generation, switch to it, and keep so many in all; its number.

        ``before_switch`` gets the path of the new generation (relative to ``files``) when its files are there.
        """
        self._drop_unfinished()
        number = max([*self.numbers(), self.live() or 0], default=0) + 1
        self._files.write_set(self.path_of(number), contents)
        if before_switch:
            before_switch(self.path_of(number))
        self.switch(number)
        self.prune(keep)
        return number

    def prune(self, keep: int = 2) -> None:
        """Remove all but so many of the newest generations."""
        for old in self.numbers()[:-keep]:
            self._files.remove_tree(self.path_of(old))

    def drop_after(self, number: int) -> None:
        """Remove the generations that are newer than this one, of which none may be live."""
        for newer in self.numbers():
            if newer > number:
                self._files.remove_tree(self.path_of(newer))

    def switch(self, number: int) -> None:
        """Have this generation be the live one, whatever was in the link's place."""
        live = f"{self._folder}/{LIVE}"
        if self._files.link_target(live) is None:
            # a copy that was made without links has a folder there
            self._files.set_aside(live)
        self._files.switch_link(live, f"{FOLDER}/{number:04d}")

    def _drop_unfinished(self) -> None:
        """Remove what a run that was cut off has left: it would push the last good generation out."""
        self._files.sweep(self._folder)
        live = self.live()
        if live is not None:
            self.drop_after(live)
