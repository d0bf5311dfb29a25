# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses."""

from __future__ import annotations

import ipaddress

from .errors import InputError


def short_address(text: str) -> str | None:
    """An IPv4 or IPv6 address in its short form (RFC 5952), or None when the text is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def check_address(text: str, option: str) -> str:
    """The same; InputError when it is none."""
    address = short_address(text)
    if address is None:
        raise InputError(option, text, "is not an IPv4 or IPv6 address")
    return address
