# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names are safe as those of folders."""

from __future__ import annotations

import re

from .errors import InputError

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")

_AT = "@"


def check_name(text: str, option: str = "name") -> str:
    """A name that can be a folder: it can't be hidden, climb or hold a separator; InputError otherwise."""
    if not _SAFE.fullmatch(text) or ".." in text:
        raise InputError(
            option,
            text,
            "is no name for the store: letters, digits, dots, dashes and underscores are, without two dots together",
        )
    return text


def stored_name(name: str, host: str) -> str:
    """What a certificate is called in the store whose key is on this frontend."""
    return f"{name}{_AT}{host}"


def check_stored_name(text: str, option: str = "name") -> str:
    """The name of a certificate in the store, be its key on a frontend or not; InputError otherwise."""
    name, at, host = text.partition(_AT)
    check_name(name, option)
    if at:
        check_name(host, option)
    return text


def split_name(text: str) -> tuple[str, str | None]:
    """A certificate's own name, and the frontend that has its key; None when the store has it."""
    name, _at, host = text.partition(_AT)
    return name, host or None
