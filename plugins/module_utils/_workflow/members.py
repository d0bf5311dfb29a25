# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The members of an entry of the list, each read by itself; InputError names the option and the value."""

from __future__ import annotations

from typing import Any

from .._core.errors import InputError
from .._core.identifier import Identifier, parse_identifier
from .._core.mailbox import check_mailbox
from .._x509.key import check_key_type

CHALLENGES = ("dns-01", "http-01", "tls-alpn-01")
APPLY = NEXT_RENEWAL, NOW = "next_renewal", "now"
"""When a changed profile, preferred chain or key type takes effect."""

MOST_DOMAINS = 10_000
"""How many names of one certificate are read; no known CA takes more than a hundredth of that."""

MOST_ADMINS = 20
"""How many addresses an entry may name: each of them gets a mail of its own."""

DEFAULT_KEY_TYPES = ("rsa-2048", "ecdsa-p256")


def parse_identifiers(value: Any, option: str) -> tuple[Identifier, ...]:
    """What the certificate is for, each identifier once."""
    if not isinstance(value, list) or not value:
        raise InputError(option, value, "is not a list of at least one name")
    if len(value) > MOST_DOMAINS:
        raise InputError(option, f"{len(value)} names", f"are more than the {MOST_DOMAINS} that are read")
    identifiers: dict[Identifier, None] = {}
    for text in value:
        if not isinstance(text, str):
            raise InputError(option, text, "is not a name")
        identifiers[parse_identifier(text, option)] = None
    return tuple(identifiers)


def parse_key_types(value: Any, option: str) -> tuple[str, ...]:
    """The types of keys, ``DEFAULT_KEY_TYPES`` when none are given."""
    if value is None:
        return DEFAULT_KEY_TYPES
    if not isinstance(value, list) or not value:
        raise InputError(option, value, "is not a list of at least one key type")
    return tuple(dict.fromkeys(check_key_type(text, option) for text in value))


def parse_challenge(value: Any, option: str) -> str:
    """The kind of challenge, the first of ``CHALLENGES`` when none is given."""
    if value is None:
        return CHALLENGES[0]
    if value not in CHALLENGES:
        raise InputError(option, value, f"is not one of {', '.join(CHALLENGES)}")
    return str(value)


def parse_profiles(value: Any, option: str) -> tuple[str, ...]:
    """The acceptable profiles, of which there may be one as a text."""
    return parse_texts(value, option) if isinstance(value, list) else tuple(filter(None, [parse_text(value, option)]))


def parse_admins(value: Any, option: str) -> tuple[str, ...]:
    """The addresses of those in charge."""
    texts = parse_texts(value, option)
    if len(texts) > MOST_ADMINS:
        raise InputError(option, f"{len(texts)} addresses", f"are more than {MOST_ADMINS}")
    return tuple(check_mailbox(text, option) for text in texts)


def parse_apply(value: Any, option: str) -> str | None:
    """When changes take effect, None when the entry does not say."""
    if value is not None and value not in APPLY:
        raise InputError(option, value, f"is not one of {', '.join(APPLY)}")
    return value if value is None else str(value)


def parse_texts(value: Any, option: str) -> tuple[str, ...]:
    """A list of texts, each once; empty when there is none."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise InputError(option, value, "is not a list of texts")
    return tuple(dict.fromkeys(value))


def parse_text(value: Any, option: str) -> str | None:
    """A text that is not empty, or None when there is none."""
    if value is None or (isinstance(value, str) and value):
        return value
    raise InputError(option, value, "is not text")
