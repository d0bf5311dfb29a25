# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hostnames are taken from what was found (G30)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import InputError

HOSTNAME = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")


@dataclass(frozen=True)
class Choice:
    """Names that can be those of web sites, match any of ``include`` and none of ``exclude``.

    Without ``include`` all match.
    """

    include: tuple[re.Pattern[str], ...] = ()
    exclude: tuple[re.Pattern[str], ...] = ()
    wildcards: bool = False

    def takes(self, name: str) -> bool:
        """Whether a name is taken: lower case, without a final dot."""
        if not HOSTNAME.fullmatch(name) or (name.startswith("*.") and not self.wildcards):
            return False
        wanted = not self.include or any(pattern.search(name) for pattern in self.include)
        return wanted and not any(pattern.search(name) for pattern in self.exclude)


def parse_choice(include: Iterable[str], exclude: Iterable[str], *, wildcards: bool) -> Choice:
    """The options of these names; InputError for what is no regular expression."""
    return Choice(_parse_all("include", include), _parse_all("exclude", exclude), wildcards)


def _parse_all(option: str, patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(_parse(option, pattern) for pattern in patterns)


def _parse(option: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise InputError(option, pattern, f"is no regular expression: {error}") from error
