# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domains that people register, by the public suffix list: CAs count new certificates for each of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from publicsuffixlist import PublicSuffixList

from .._core.identifier import Identifier


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # a quarter of a second


def registered_domains(identifiers: Iterable[Identifier]) -> frozenset[str]:
    """For each name the domain below a public suffix that it is in; an address, or a public suffix, is one itself."""
    return frozenset(
        each.base if each.type == "ip" else _suffixes().privatesuffix(each.base) or each.base for each in identifiers
    )
