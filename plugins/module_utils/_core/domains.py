# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domains that a frontend may have certificates for, each with all names below it."""

from __future__ import annotations

from collections.abc import Iterable

from .errors import InputError
from .identifier import parse_identifier
from .plain import quote


def parse_domains(texts: Iterable[str], option: str) -> tuple[str, ...]:
    """Domains and IP addresses as people write them; InputError, naming the option, for what is none."""
    return tuple(_parse(str(text), option) for text in texts)


def names_outside(names: Iterable[str], domains: Iterable[str]) -> list[str]:
    """The names, or IP addresses, that are neither one of the domains nor below one; what is no name is below none."""
    known = tuple(domains)
    suffixes = tuple(f".{each}" for each in known)
    return [name for name in names if name not in known and not name.endswith(suffixes)]


def refuse_outside(names: Iterable[str], domains: Iterable[str], frontend: str) -> str:
    """Why a frontend gets no certificate for these names, as a clause; empty when it may have one."""
    outside = names_outside(names, domains)
    if not outside:
        return ""
    return f"{frontend} may not have {quote(outside[0])}: certfleet_frontend_domains does not include it"


def _parse(text: str, option: str) -> str:
    identifier = parse_identifier(text, option)
    if identifier.wildcard:
        raise InputError(option, text, "has a wildcard, though a domain stands for all names below it")
    return identifier.value
