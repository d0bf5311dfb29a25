# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which numbers make sense."""

from __future__ import annotations

from .errors import InputError

LARGEST = 2**31 - 1
"""The longest time to live (RFC 2181 §8), and more than anybody wants to have or to wait for."""

LONGEST_TIMEOUT = 3600
"""As long as a question may wait for its answer, in seconds."""


def check_number(option: str, value: float, least: float, most: float = LARGEST) -> float:
    """The number, if it is neither too small nor too large; InputError otherwise."""
    if value < least:
        raise InputError(option, value, f"is less than {least}")
    # "not a number" is neither more nor less than anything
    if not value <= most:
        raise InputError(option, value, f"is more than {most}")
    return value
