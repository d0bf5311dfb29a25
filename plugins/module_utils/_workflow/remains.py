# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be read of an entry of the list that can't be used.

It serves to tell its failure under the name of its certificate, and whether the certificate in the store is enough
meanwhile. Nothing is done with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .._core.errors import Error
from .._core.identifier import Identifier, parse_identifier
from .._core.mailbox import check_mailbox
from .._core.name import check_name, stored_name
from .._core.plain import cut, one_line, quote
from .._core.workers import guarded
from .._x509.key import check_key_type
from .members import MOST_ADMINS

MOST = 1000
"""How many members of a list are looked at."""


@dataclass(frozen=True)
class Remains:
    """The names of the certificates, with one for each frontend, and what else could be read; at least one name.

    ``frontends`` is None when the entry does not say for whom it is.
    """

    names: tuple[str, ...]
    identifiers: tuple[Identifier, ...] = ()
    key_types: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    frontends: tuple[str, ...] | None = None


def find_remains(entry: Any, option: str) -> Remains:
    """What there is; an entry that tells no name is called as the option is."""
    if not isinstance(entry, Mapping):
        return Remains((option,))
    domains = _texts(entry.get("domains"))
    name = _call(entry.get("name"), domains) or option
    frontends = None if entry.get("frontends") is None else _valid(entry.get("frontends"), check_name)
    hosts = frontends or () if entry.get("key") == "frontend" else ()
    return Remains(
        tuple(stored_name(name, host) for host in hosts) or (name,),
        tuple(dict.fromkeys(_identify(domain) for domain in domains)),
        _valid(entry.get("key_types"), check_key_type),
        _valid(entry.get("admin"), check_mailbox)[:MOST_ADMINS],
        frontends,
    )


def _call(given: object, domains: tuple[str, ...]) -> str | None:
    """The name that the entry has, or that it gets from its first domain; None when it is none for the store."""
    texts = _texts(given) or tuple(
        domain.strip().lower().removeprefix("*.").removesuffix(".") for domain in domains[:1]
    )
    return next(iter(_valid(list(texts[:1]), check_name)), None)


def _identify(domain: str) -> Identifier:
    """The identifier; one that no certificate can have where the text is none."""
    with suppress(Error), guarded():
        return parse_identifier(domain)
    return Identifier("dns", one_line(cut(domain)))


def _valid(values: object, check: Callable[[str, str], str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in _texts(values):
        with suppress(Error), guarded():
            found[check(text, "")] = None
    return tuple(found)


def _texts(values: object) -> tuple[str, ...]:
    """The members of a list as texts; a text alone is a list of one."""
    listed = values if isinstance(values, list) else [] if values is None else [values]
    return tuple(each if isinstance(each, str) else quote(each) for each in listed[:MOST])
