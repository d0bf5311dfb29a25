# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON that somebody may have damaged, and that has to be told through Ansible, on a page and to Prometheus.

JSON allows what these can't take: half of a character, infinite numbers, and any number of brackets.
"""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 50
LARGEST_NUMBER = 2**63


def is_text(text: str) -> bool:
    """Whether it can be encoded as UTF-8, which half of a surrogate pair can't be."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def parse_document(content: bytes) -> Any:
    """The JSON value in UTF-8 text; ValueError with a reason when it is none, or can't be told to others."""
    try:
        value = json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("it is nested too deep")
    if isinstance(value, str):
        if not value.isascii() and not is_text(value):
            raise ValueError("it has half of a character in a text")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check(name, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, (int, float)) and not -LARGEST_NUMBER < value < LARGEST_NUMBER:
        # also what is no number at all, which is neither larger nor smaller
        raise ValueError("it has a number that is too large")
