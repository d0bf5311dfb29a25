# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have written, in a form that can go to the store, to a terminal and through Ansible.

JSON may hold half of a character, which Ansible refuses to read: the whole result of a task, with what became of all
the other certificates, would be lost. It may hold commands for a terminal, and be nested deeper than a result can be.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from itertools import islice
from typing import Any

INSTEAD = "\N{REPLACEMENT CHARACTER}"
DEEPEST = 10
MOST_MEMBERS = 1000
LONGEST_TEXT = 8000
LONGEST_QUOTE = 200
SPACE = "\n\r\t"


def plain(text: str) -> str:
    """The text without characters that are none, and without those that control a terminal or how text is shown."""
    return text if text.isprintable() else "".join(map(_plain, text))


def one_line(text: str) -> str:
    """The same on one line: what somebody else has written must not look like a line of ours."""
    return " ".join(plain(text).split())


def cut(text: str) -> str:
    """The beginning of a text that somebody else has written, at most LONGEST_QUOTE characters, for a message."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def quote(value: object) -> str:
    """The value as a message quotes it: a text in quotation marks, and at most LONGEST_QUOTE characters of anything."""
    if isinstance(value, str):
        return f"{value[:LONGEST_QUOTE]!r}{'…' * (len(value) > LONGEST_QUOTE)}"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of thousands of digits
        return f"a {type(value).__name__} that is too large to be shown"
    return cut(text)


def tame(value: Any, depth: int = 0) -> Any:
    """A JSON value with plain texts, as it is otherwise, unless it is larger or deeper than makes sense."""
    if isinstance(value, str):
        return plain(value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…")
    if isinstance(value, (Mapping, list)):
        if depth >= DEEPEST:
            return "…"
        if isinstance(value, list):
            return [tame(each, depth + 1) for each in value[:MOST_MEMBERS]]
        return {tame(name): tame(each, depth + 1) for name, each in islice(value.items(), MOST_MEMBERS)}
    # no JSON but for Python's
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _plain(character: str) -> str:
    return INSTEAD if unicodedata.category(character)[0] == "C" and character not in SPACE else character
