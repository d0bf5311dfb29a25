# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs that others have written, which Python's functions refuse in many ways (RFC 3986)."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

LONGEST_URL = 2000
"""Characters; no CA and no web server needs more."""


def split_url(text: str) -> SplitResult | None:
    """The parts of a URL, whose ``port`` can be read without an error, or None when the text is no URL."""
    if len(text) > LONGEST_URL or not all(character.isprintable() for character in text):
        return None
    try:
        parts = urlsplit(text)
        _port = parts.port  # raises ValueError unless it is a number below 65536
    except ValueError:
        return None
    return parts


def join_url(base: str, reference: str) -> str | None:
    """The absolute URL that a reference means at this base (RFC 3986 §5.2), or None when that is no URL."""
    try:
        joined = urljoin(base, reference)
    except ValueError:
        return None
    return joined if split_url(joined) else None
