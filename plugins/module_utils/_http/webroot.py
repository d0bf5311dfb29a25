# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that a web server answers challenges from."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .._core.errors import StoreError
from .._core.files import Files
from .challenge import ChallengeFile

FOLDER_MODE = 0o755
FILE_MODE = 0o644
"""Everybody may ask for what is in it, and the web server is another user."""


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
    return there


def _make_folder(webroot: str) -> None:
    if os.path.isdir(webroot):
        return
    try:
        os.makedirs(webroot)
        os.chmod(webroot, FOLDER_MODE)
    except OSError as error:
        raise StoreError(f"webroot: can't make {webroot}: {error.strerror}") from error
