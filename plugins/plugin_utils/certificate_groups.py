# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hostnames share a certificate, so that a name more or less concerns one certificate only (G7, G30).

Each hostname has a place on a line, by its hash. The line is halved, and each half halved again, until no part has too
many names: each part is a certificate, called after the place where it begins. A name that comes is added to the part
in which its place is; a part that gets too many is halved, and its first half keeps the certificate's name. No other part
changes, and nothing has to be remembered (extendible hashing; Fagin et al., ACM TODS 4(3), 1979).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from ..module_utils._core.errors import InputError
from ..module_utils._core.identifier import parse_identifier
from ..module_utils._core.plain import quote

MOST_NAMES = 100
"""The most names that any known CA takes into one certificate."""

_BITS = 256
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def certificate_groups(
    hostnames: Iterable[Any], size: int = 1, prefix: str = "group", common: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The certificates for these hostnames, each with ``name`` and ``domains``, as ``certfleet_certificates`` takes them.

    ``size`` is the most names in one; ``common`` is what each of them has besides. Names may come in any order, and
    more than once. What can be in no certificate is a certificate of its own, which the modules refuse with the reason:
    it must not cost the other names of a group theirs. Raises ValueError for anything else.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_NAMES:
        raise ValueError(f"size is a number from 1 to {MOST_NAMES}, not {quote(size)}")
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"prefix is made of letters, digits, hyphens and underscores, not {quote(prefix)}")
    if common is not None and (not isinstance(common, Mapping) or common.keys() & {"name", "domains"}):
        raise ValueError(f"common is a dictionary without name and domains, not {quote(common)}")
    known = [(each, _normal(each)) for each in _listed(hostnames)]
    names = sorted({name for _each, name in known if name})
    odd = {f"{prefix}-odd-{_digest(repr(each))[:12]}": [each] for each, name in known if not name}
    if size == 1:
        groups = {f"{_base(name)}_wildcard" if _base(name) != name else name: [name] for name in names}
    else:
        places = {name: int(_digest(_base(name)), 16) for name in names}
        groups = {f"{prefix}-{_call(start)}": part for start, part in _parts(places, size)}
    groups |= odd
    return [{**(common or {}), "name": name, "domains": groups[name]} for name in sorted(groups)]


def _parts(places: Mapping[str, int], size: int, start: int = 0, bits: int = _BITS) -> Iterator[tuple[int, list[str]]]:
    """The parts of the line from ``start`` on, each with its beginning and its names; those without names are left out.

    A name and its wildcard have one place, and fit into any part.
    """
    if len(places) <= size:
        if places:
            yield start, sorted(places)
        return
    half = start + (1 << (bits - 1))
    yield from _parts({name: place for name, place in places.items() if place < half}, size, start, bits - 1)
    yield from _parts({name: place for name, place in places.items() if place >= half}, size, half, bits - 1)


def _call(start: int) -> str:
    """The beginning of a part, in hexadecimal digits, without those at the end that say nothing."""
    return f"{start:0{_BITS // 4}x}".rstrip("0").ljust(2, "0")


def _digest(text: str) -> str:
    return sha256(text.encode(errors="backslashreplace")).hexdigest()


def _base(name: str) -> str:
    """The name without ``*.``, so that a name and its wildcard share a certificate."""
    return name.removeprefix("*.")


def _listed(hostnames: Any) -> list[Any]:
    """The hostnames, which are not one text."""
    if isinstance(hostnames, (str, bytes, Mapping)) or not isinstance(hostnames, Iterable):
        raise ValueError(f"hostnames are a list, not {quote(hostnames)}")
    return list(hostnames)


def _normal(hostname: Any) -> str:
    """The hostname as two ways to write it become one; empty for what can't be in a certificate."""
    if not isinstance(hostname, str):
        return ""
    # an international one is for the modules to judge, whose host has the library for it
    if hostname.isascii():
        try:
            parse_identifier(hostname)
        except InputError:
            return ""
    return hostname.strip().lower().removesuffix(".")
