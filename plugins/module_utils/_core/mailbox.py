# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail addresses."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address

from .errors import InputError


def check_mailbox(text: str, option: str) -> str:
    """The bare address, if it is one (RFC 5322 §3.4.1); InputError otherwise."""
    try:
        address = Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError):
        raise InputError(option, text, "is not a mail address") from None
    if not address.username or not address.domain or not text.isascii() or not text.isprintable() or " " in text:
        raise InputError(option, text, "is not a mail address")
    return text
