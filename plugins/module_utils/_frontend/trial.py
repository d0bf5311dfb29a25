# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates on trial: live, so that the web server's test sees them, but not to stay before it has passed.

What was live before is written down ahead of the first switch. So a process
that is killed in between leaves nothing untested for good: the next one reads
the record and takes back what was on trial.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .._core.errors import BrokenRecordError
from .._core.files import Files
from .._core.generations import LIVE, Generations
from .._core.name import check_name
from .installed import folder_of

RECORD = "untested.json"


@dataclass(frozen=True)
class Before:
    """What a certificate had before its trial: where ``live`` led to, or that it was no link, and the newest generation."""

    name: str
    key_type: str
    link: str | None
    other: bool
    newest: int

    @property
    def folder(self) -> str:
        """Where its generations are."""
        return folder_of(self.name, self.key_type)


class Trial:
    """The one trial of a frontend's folder that may be under way."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def on_trial(self) -> set[tuple[str, str]]:
        """Name and key type of what a trial that was cut off has left."""
        return {(before.name, before.key_type) for before in self._read()}

    def begin(self, targets: Iterable[tuple[str, str]]) -> None:
        """Write down what is live of these (name and key type)."""
        before = [asdict(self._look(*target)) for target in targets]
        self._files.write_json(RECORD, {"before": before})

    def pass_all(self) -> None:
        """Let what is on trial stay."""
        passed = list(self._read())
        self._files.remove(RECORD)
        for before in passed:
            Generations(self._files, before.folder).prune()

    def take_back(self) -> bool:
        """Make live again what was so before, and remove what was on trial; whether there was something."""
        tried = list(self._read())
        # first all links: the web server may read them at any time
        for before in tried:
            self._restore(before)
        for before in tried:
            self._clear(before)
        return self._files.remove(RECORD)

    def _look(self, name: str, key_type: str) -> Before:
        folder = folder_of(name, key_type)
        generations = Generations(self._files, folder)
        link = self._files.link_target(f"{folder}/{LIVE}")
        other = link is None and os.path.lexists(self._files.path(f"{folder}/{LIVE}"))
        newest = max([*generations.numbers(), generations.live() or 0], default=0)
        return Before(name, key_type, link, other, newest)

    def _restore(self, before: Before) -> None:
        live = f"{before.folder}/{LIVE}"
        if before.link is not None:
            if os.path.isdir(self._files.path(before.folder)):
                self._files.switch_link(live, before.link)
            return
        if self._files.link_target(live) is not None:
            self._files.remove(live)
        if before.other and not os.path.lexists(self._files.path(live)):
            # the switch has set it aside under this name
            self._files.rename(f"{live}.broken", live)

    def _clear(self, before: Before) -> None:
        Generations(self._files, before.folder).drop_after(before.newest)
        if before.link is None and not before.other and not before.newest:
            self._files.remove_tree(before.folder)
            parent = os.path.dirname(before.folder)
            if not self._files.names(parent):
                self._files.remove_tree(parent)

    def _read(self) -> Iterator[Before]:
        record = self._files.read_json(RECORD) or {"before": []}
        try:
            for each in record["before"]:
                yield _parse(**each)
        except (KeyError, TypeError) as error:
            raise BrokenRecordError(
                f"The file {self._files.path(RECORD)} does not say which certificates have not been tested: look what is "
                "live, then remove it"
            ) from error


def _parse(name: str, key_type: str, **others: Any) -> Before:
    return Before(check_name(name), check_name(key_type), **others)
