# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parts of the options as a user gave them may be secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAMES = ("name", "key_id", "ca_bundle")
# options that hold secrets, also by the names that a slip of the keyboard or of memory makes of them
_OPTION = re.compile("tsig|secret|hmac|mac_key|binding|eab")
# options whose texts are secrets as a whole, however short: the address of a webhook lets everybody write to it
_WHOLE = re.compile("passw|passphrase|pwd|token|webhook")
# what a slip makes one text of, with a secret in it
_STRUCTURE = "mail"
_REFERENCE = "tsig_key"
_PRIVATE_KEY = "PRIVATE KEY-----"
# longer than the name of an algorithm
_SECRET = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
# longer than the words around a key; the last line of one may be short
_LINE = re.compile(r"[A-Za-z0-9+/=]{8,}")


def find_secrets(options: Mapping[str, Any]) -> set[str]:
    """What has to be hidden of options as they were given: all that may be a secret, and the lines of private keys."""
    secrets = {found for text in _suspects(options) for found in _SECRET.findall(text)}
    lines = {line for text in _texts(options) if _PRIVATE_KEY in text for line in _LINE.findall(text)}
    return secrets | lines | {secret.rstrip("=") for secret in secrets} | set(_wholes(options))


def _suspects(value: Any) -> Iterator[str]:
    """The texts in which there may be a secret: all in an option that has one, wherever that option was put."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, str) and key == _REFERENCE and not set("+/=") & set(inner):
                continue  # the name of a key, as it should be
            yield from (_texts if _OPTION.search(str(key)) else _suspects)(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _suspects(inner)


def _wholes(value: Any) -> Iterator[str]:
    """The texts that are secrets from their first character to their last."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            secret = _WHOLE.search(str(key)) or (key == _STRUCTURE and isinstance(inner, str))
            yield from (filter(None, _texts(inner)) if secret else _wholes(inner))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _wholes(inner)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _NAMES:
                yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
