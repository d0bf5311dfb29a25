# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a certificate is for: DNS names and IP addresses (RFC 8555 §7.1.3, RFC 8738)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .address import short_address
from .errors import InputError
from .plain import quote

LONGEST_NAME = 253
LONGEST_CHALLENGE_NAME = LONGEST_NAME - len("_acme-challenge.")
# the other characters that separate labels (UTS #46 §2.3)
_FULL_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")


@dataclass(frozen=True, order=True)
class Identifier:
    """A DNS name in its ASCII form, lower case, without a final dot, or an IP address."""

    type: Literal["dns", "ip"]
    value: str

    @property
    def wildcard(self) -> bool:
        """Whether it stands for all names one label below its base name."""
        return self.value.startswith("*.")

    @property
    def base(self) -> str:
        """The name without ``*.``: what an authorization is about (RFC 8555 §7.1.4)."""
        return self.value[2:] if self.wildcard else self.value


def parse_identifier(text: str, option: str = "domains") -> Identifier:
    """Read a name as people write it: international or ASCII, any case, final dot or not.

    Raises InputError, naming the option, for what can't be in a certificate.
    """
    name = text.strip()
    address = _parse_address(name)
    if address is not None:
        return Identifier("ip", address)
    name = name.translate(_FULL_STOPS).removesuffix(".")
    wildcard = name.startswith("*.")
    base = name[2:] if wildcard else name
    if "*" in base:
        raise InputError(option, text, "has a wildcard somewhere else than as the whole first label")
    labels = base.split(".")
    if "" in labels:
        raise InputError(option, text, "has an empty label")
    if len(labels) < 2:
        raise InputError(option, text, "is not a full name: it has only one label")
    ascii_name = ".".join(_to_ascii(label, text, option) for label in labels)
    value = f"*.{ascii_name}" if wildcard else ascii_name
    if len(value) > LONGEST_NAME:
        raise InputError(option, text, f"is longer than {LONGEST_NAME} characters")
    if ascii_name.rpartition(".")[2].isdigit():
        raise InputError(option, text, "ends in a number, as no domain does")
    return Identifier("dns", value)


def _parse_address(text: str) -> str | None:
    # the zone of an address means something on one host only
    return None if "%" in text else short_address(text)


def _to_ascii(label: str, text: str, option: str) -> str:
    """One label in its A-label form (RFC 5890 §2.3.2.1)."""
    if len(label) > 63:
        raise InputError(option, text, f"has a label longer than 63 characters: {quote(label)}")
    if label.isascii() and not label.lower().startswith("xn--"):
        if not all(char.isalnum() or char == "-" for char in label) or label[0] == "-" or label[-1] == "-":
            raise InputError(option, text, f"has a label that no host name can have: {quote(label)}")
        return label.lower()
    try:
        # a controller need not have it, and looks at names, too
        import idna
    except ImportError:
        if label.isascii():
            return label.lower()
        reason = "is an international name, and this host has no Python library idna: write it as xn--…"
        raise InputError(option, text, reason) from None
    try:
        return idna.encode(label, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise InputError(option, text, f"is not a valid international name: {error}") from error
