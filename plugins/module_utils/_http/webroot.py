# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that a web server answers challenges from."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress

from .._core.errors import StoreError
from .._core.files import Files
from .challenge import CONTENT, TOKEN, ChallengeFile

FOLDER_MODE = 0o755
FILE_MODE = 0o644
"""Everybody may ask for what is in it, and the web server is another user."""
LONGEST = 14 * 86400
"""Seconds for which an answer may be asked for: longer than a CA keeps an authorization pending."""


def place(webroot: str, wanted: Sequence[ChallengeFile], *, check: bool = False) -> list[ChallengeFile]:
    """Have every file there, and return those that were not; with ``check`` only say so."""
    files = Files(webroot)
    lacking = [each for each in wanted if files.read(each.token) != each.content.encode()]
    if lacking and not check:
        _make_folder(webroot)
        for each in lacking:
            files.write(each.token, each.content.encode(), FILE_MODE)
    return lacking


def take_away(webroot: str, unwanted: Sequence[ChallengeFile], *, check: bool = False) -> list[ChallengeFile]:
    """Have none of the files there, and return those that were; with ``check`` only say so."""
    files = Files(webroot)
    there = [each for each in unwanted if files.read(each.token) is not None]
    if not check:
        for each in there:
            files.remove(each.token)
        _sweep(files)
    return there


def _sweep(files: Files) -> None:
    """Remove the answers that runs which were killed have left: no CA asks for them any more."""
    for name in files.names():
        # it may be somebody else's, or gone meanwhile; a folder that has it for longer is no trouble
        with suppress(StoreError, OSError):
            if _is_left(files, name):
                files.remove(name)


def _is_left(files: Files, name: str) -> bool:
    path = files.path(name)
    if not TOKEN.fullmatch(name) or not os.path.isfile(path) or time.time() - os.stat(path).st_mtime <= LONGEST:
        return False
    content = (files.read(name) or b"").decode("ascii", "replace")
    return content.startswith(f"{name}.") and CONTENT.fullmatch(content) is not None


def _make_folder(webroot: str) -> None:
    if os.path.isdir(webroot):
        return
    try:
        os.makedirs(webroot)
        os.chmod(webroot, FOLDER_MODE)
    except OSError as error:
        raise StoreError(f"webroot: can't make {webroot}: {error.strerror}") from error
