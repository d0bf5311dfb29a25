# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one family of errors that the engine raises.

Every message is a sentence for the person who runs the play: it names the
option or the server and the value, never a secret.
"""

from __future__ import annotations

import os
from traceback import walk_tb
from typing import Any

from .plain import plain, quote

_COLLECTION = "ansible_collections/certfleet/acme/"


class Error(Exception):
    """Something the user has to know; ``details`` holds JSON-safe facts beside the sentence."""

    def __init__(self, message: str, **details: Any) -> None:
        self.message = plain(message)
        super().__init__(self.message)
        self.details: dict[str, Any] = details

    def result(self) -> dict[str, Any]:
        """What a module returns for this error: the sentence as ``msg`` and the details."""
        return {"msg": self.message, **self.details}


class InputError(Error):
    """An option has a value that can't be used; nothing has been sent or written.

    The message quotes the beginning of the value; a reason that repeats a part of it takes :func:`quote`, too.
    """

    def __init__(self, option: str, value: object, reason: str) -> None:
        super().__init__(f"{option}: {quote(value)} {reason}", option=option)


class StoreError(Error):
    """The store can't be read or written."""


class BrokenRecordError(StoreError):
    """A file of the store is there and can be read, but does not hold what it should."""


class FrontendError(Error):
    """A frontend has not done its part; nothing is wrong with the names of its certificate."""


class NotTriedError(Error):
    """Nothing was attempted for a certificate, so no failure of it is remembered."""


class UnexpectedError(Error):
    """A defect of the collection that has come to light at one item; all others can be gone on with.

    The sentence has the type of the exception and the line of ours that it passed last. The exception's own words
    are left out, since they may hold a secret or what a stranger has written.
    """

    def __init__(self, error: Exception) -> None:
        kind = type(error).__name__
        super().__init__(
            f"Nobody expected this: {kind} in {_place_of(error)}. It is a defect of certfleet.acme: please report it "
            "with this sentence",
            defect=kind,
        )


def _place_of(error: Exception) -> str:
    """File and line where the exception left our code, or was raised where none of ours is."""
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    ours = [(file.rpartition(_COLLECTION)[2], line) for file, line in frames if _COLLECTION in file]
    file, line = [("an unknown place", 0), *((os.path.basename(file), line) for file, line in frames[-1:]), *ours][-1]
    return f"{file}, line {line}"
