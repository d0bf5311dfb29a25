# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the members of a CA's JSON objects, so that a wrong one is told by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .._core.clock import read_instant
from .._core.identifier import Identifier
from .problem import Problem, UnusableAnswerError, read_identifier


def text(document: Mapping[str, Any], name: str, what: str) -> str:
    """A member that must be a text."""
    value = document.get(name)
    if not isinstance(value, str):
        raise _not_valid(what, name)
    return value


def optional_text(document: Mapping[str, Any], name: str) -> str | None:
    """A member that may be missing."""
    value = document.get(name)
    return value if isinstance(value, str) else None


def texts(document: Mapping[str, Any], name: str, what: str) -> tuple[str, ...]:
    """A member that must be a list of texts."""
    value = document.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _not_valid(what, name)
    return tuple(value)


def instant(document: Mapping[str, Any], name: str) -> datetime | None:
    """A member with a time (RFC 3339), or None when there is none that can be read."""
    value = document.get(name)
    return read_instant(_six_digits(value)) if isinstance(value, str) else None


def identifier(value: object, what: str) -> Identifier:
    """An identifier object (RFC 8555 §7.1.3)."""
    found = read_identifier(value)
    if found is None:
        raise _not_valid(what, "identifier")
    return found


def problem(document: Mapping[str, Any], name: str) -> Problem | None:
    """A member with a problem document, or None."""
    value = document.get(name)
    return Problem.from_json(value) if isinstance(value, Mapping) else None


def _six_digits(value: str) -> str:
    """Python 3.10 reads fractions of three or six digits only; Go writes nine."""
    whole, dot, rest = value.partition(".")
    if not dot:
        return value
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{whole}.{digits[:6]:0<6}{rest[len(digits) :]}"


def _not_valid(what: str, name: str) -> UnusableAnswerError:
    return UnusableAnswerError(f"The CA answered {what} with an object whose {name} is missing or not valid")
