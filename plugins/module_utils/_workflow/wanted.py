# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates a fleet should have, as the user says it, checked before anything is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._core.address import check_address
from .._core.errors import InputError
from .._core.identifier import LONGEST_CHALLENGE_NAME, Identifier, parse_identifier
from .._core.mailbox import check_mailbox
from .._core.name import check_name, split_name, stored_name
from .._core.number import check_number
from .._x509.key import check_key_type
from .profiles import check_allowed, rules_of_directory

CHALLENGES = ("dns-01", "http-01", "tls-alpn-01")
KEYS = ("store", "frontend")
APPLY = NEXT_RENEWAL, NOW = "next_renewal", "now"
"""When a changed profile, preferred chain or key type takes effect."""

DEFAULT_KEY_TYPES = ("rsa-2048", "ecdsa-p256")
_KEYS = frozenset(
    {
        "name",
        "domains",
        "key_types",
        "challenge",
        "challenge_hosts",
        "challenge_addresses",
        "profile",
        "preferred_chain",
        "admin",
        "key",
        "frontends",
        "reuse_key",
        "apply",
    }
)


@dataclass(frozen=True, order=True)
class Target:
    """One certificate in the store: a name and the type of its key."""

    name: str
    key_type: str

    def __str__(self) -> str:
        return f"{self.name} ({self.key_type})"


@dataclass(frozen=True)
class Wanted:
    """Certificates for one set of identifiers, one for each key type.

    ``challenge_hosts`` are the inventory's hosts and groups whose web servers have the answers to http-01, none for
    the host itself; ``challenge_addresses`` are asked in place of those that the names have. ``admins`` are the
    addresses of those who are told about it, none for those who are told of the others. ``frontend`` is the host
    that makes and keeps the key, None for the store, and with ``reuse_key`` it goes on with the same one.
    ``profiles`` are the acceptable ones, the preferred one first; empty means the CA's default. ``apply`` is one of
    ``APPLY``. ``max_names`` is the user's own limit on names, None for the one that the profile is known to have.
    """

    name: str
    identifiers: tuple[Identifier, ...]
    key_types: tuple[str, ...]
    challenge: str
    profiles: tuple[str, ...]
    preferred_chain: str | None
    challenge_hosts: tuple[str, ...] = ()
    challenge_addresses: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    frontend: str | None = None
    reuse_key: bool = False
    apply: str = NEXT_RENEWAL
    max_names: int | None = None

    @property
    def names(self) -> frozenset[str]:
        """What it is for, as text."""
        return frozenset(identifier.value for identifier in self.identifiers)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The certificates this asks for."""
        return tuple(Target(self.name, key_type) for key_type in self.key_types)

    def accepts(self, profile: str | None) -> bool:
        """Whether a certificate that was ordered with this profile (None: the CA's default) is what is wanted."""
        return profile in self.profiles if self.profiles else profile is None


def parse_wanted(
    entries: Iterable[Any], max_names: int | None = None, directory: str | None = None, apply: str = NEXT_RENEWAL
) -> tuple[Wanted, ...]:
    """Read a list of certificates; InputError names the entry, its option and the value.

    ``max_names`` replaces the number of names that the profile is known to allow. ``directory`` is the URL of the
    CA's directory, which tells what its profiles allow. ``apply`` holds for the entries that say nothing else.
    """
    if max_names is not None:
        check_number("max_names", max_names, 1)
    found: dict[str, tuple[Wanted, ...]] = {}
    for number, entry in enumerate(entries):
        option = f"certificates[{number}]"
        wanted = replace(_parse_entry(entry, option, apply), max_names=max_names)
        _check_rules(wanted, option, directory)
        # a file system may not tell upper from lower case, so the store must not depend on it
        if wanted.name.lower() in found:
            raise InputError(f"{option}.name", wanted.name, "is the name of another certificate in the list, too")
        found[wanted.name.lower()] = _for_each_frontend(wanted, entry, option)
    return tuple(each for several in found.values() for each in several)


def describe_alike(wanted: Iterable[Wanted], most: int) -> Iterator[tuple[frozenset[Target], str]]:
    """The certificates for one and the same set of names that are more than a CA gives in a week, with a sentence.

    Renewals in their time do without trouble; it is about the first ones, and about all that come at once.
    """
    alike: dict[frozenset[Identifier], list[Wanted]] = {}
    for each in wanted:
        alike.setdefault(frozenset(each.identifiers), []).append(each)
    for several in alike.values():
        targets = frozenset(target for each in several for target in each.targets)
        if len(targets) > most:
            names = ", ".join(dict.fromkeys(split_name(each.name)[0] for each in several))
            sentence = (
                f"{names}: {len(targets)} certificates for the same names, of which no more than {most} are ordered "
                "in seven days (max_orders_per_names); fewer key types, or a key in the store for all of them, need fewer"
            )
            yield targets, sentence


def read_entries(path: str) -> list[Any]:
    """The list in a JSON file; InputError when there is none."""
    if os.path.exists(path) and not os.path.isfile(path):
        # a pipe would be waited for, without end
        raise InputError("certificates_file", path, "is not a file")
    try:
        with open(path, encoding="utf-8") as stream:
            entries = json.load(stream)
    except OSError as error:
        raise InputError("certificates_file", path, f"can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError("certificates_file", path, f"is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise InputError("certificates_file", path, "holds no list")
    return entries


def _parse_entry(entry: Any, option: str, apply: str) -> Wanted:
    if not isinstance(entry, Mapping):
        raise InputError(option, entry, "is not a mapping with at least domains")
    unknown = sorted(str(key) for key in entry if key not in _KEYS)
    if unknown:
        raise InputError(
            option, unknown[0], f"is not an option of a certificate; these are: {', '.join(sorted(_KEYS))}"
        )
    identifiers = _parse_identifiers(entry.get("domains"), f"{option}.domains")
    return Wanted(
        name=check_name(_text(entry.get("name"), f"{option}.name") or identifiers[0].base, f"{option}.name"),
        identifiers=identifiers,
        key_types=_parse_key_types(entry.get("key_types"), f"{option}.key_types"),
        challenge=_parse_challenge(entry.get("challenge"), f"{option}.challenge"),
        profiles=_parse_profiles(entry.get("profile"), f"{option}.profile"),
        preferred_chain=_text(entry.get("preferred_chain"), f"{option}.preferred_chain"),
        challenge_hosts=_parse_texts(entry.get("challenge_hosts"), f"{option}.challenge_hosts"),
        challenge_addresses=tuple(
            check_address(text, f"{option}.challenge_addresses")
            for text in _parse_texts(entry.get("challenge_addresses"), f"{option}.challenge_addresses")
        ),
        admins=tuple(
            check_mailbox(text, f"{option}.admin") for text in _parse_texts(entry.get("admin"), f"{option}.admin")
        ),
        apply=_parse_apply(entry.get("apply"), f"{option}.apply") or apply,
    )


def _for_each_frontend(wanted: Wanted, entry: Mapping[str, Any], option: str) -> tuple[Wanted, ...]:
    """The same, or one for each frontend that is to have a key of its own."""
    key = entry.get("key") or KEYS[0]
    if key not in KEYS:
        raise InputError(f"{option}.key", key, f"is not one of {', '.join(KEYS)}")
    hosts, reuse = _parse_texts(entry.get("frontends"), f"{option}.frontends"), entry.get("reuse_key") or False
    if not isinstance(reuse, bool):
        raise InputError(f"{option}.reuse_key", reuse, "is neither true nor false")
    if key == KEYS[0]:
        if reuse:
            raise InputError(f"{option}.reuse_key", reuse, "is for key: frontend, and the key is in the store")
        # to whom it goes is for certificate_fetch to read
        return (wanted,)
    if not hosts:
        raise InputError(f"{option}.frontends", [], "is empty, and key: frontend needs to know which")
    names = [stored_name(wanted.name, check_name(host, f"{option}.frontends")) for host in hosts]
    return tuple(
        replace(wanted, name=name, frontend=host, reuse_key=reuse) for name, host in zip(names, hosts, strict=True)
    )


def _parse_identifiers(value: Any, option: str) -> tuple[Identifier, ...]:
    if not isinstance(value, list) or not value:
        raise InputError(option, value, "is not a list of at least one name")
    identifiers: dict[Identifier, None] = {}
    for text in value:
        if not isinstance(text, str):
            raise InputError(option, text, "is not a name")
        identifiers[parse_identifier(text, option)] = None
    return tuple(identifiers)


def _parse_key_types(value: Any, option: str) -> tuple[str, ...]:
    if value is None:
        return DEFAULT_KEY_TYPES
    if not isinstance(value, list) or not value:
        raise InputError(option, value, "is not a list of at least one key type")
    return tuple(dict.fromkeys(check_key_type(text, option) for text in value))


def _parse_challenge(value: Any, option: str) -> str:
    if value is None:
        return CHALLENGES[0]
    if value not in CHALLENGES:
        raise InputError(option, value, f"is not one of {', '.join(CHALLENGES)}")
    return str(value)


def _parse_profiles(value: Any, option: str) -> tuple[str, ...]:
    return _parse_texts(value, option) if isinstance(value, list) else tuple(filter(None, [_text(value, option)]))


def _parse_apply(value: Any, option: str) -> str | None:
    if value is not None and value not in APPLY:
        raise InputError(option, value, f"is not one of {', '.join(APPLY)}")
    return value if value is None else str(value)


def _parse_texts(value: Any, option: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise InputError(option, value, "is not a list of texts")
    return tuple(dict.fromkeys(value))


def _text(value: Any, option: str) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise InputError(option, value, "is not text")


def _check_rules(wanted: Wanted, option: str, directory: str | None) -> None:
    """What no CA would accept, or not with this challenge or profile."""
    for member in ("challenge_hosts", "challenge_addresses"):
        if getattr(wanted, member) and wanted.challenge != "http-01":
            listed = list(getattr(wanted, member))
            raise InputError(f"{option}.{member}", listed, f"is for http-01, and the challenge is {wanted.challenge}")
    for identifier in wanted.identifiers:
        if identifier.type == "ip" and wanted.challenge == "dns-01":
            raise InputError(
                f"{option}.domains", identifier.value, "is an address, which dns-01 can't validate (RFC 8738 §7)"
            )
        if identifier.wildcard and wanted.challenge != "dns-01":
            raise InputError(
                f"{option}.domains", identifier.value, f"is a wildcard, which {wanted.challenge} can't validate"
            )
        if wanted.challenge == "dns-01" and len(identifier.base) > LONGEST_CHALLENGE_NAME:
            raise InputError(f"{option}.domains", identifier.value, "is too long to have _acme-challenge before it")
    for rules in rules_of_directory(wanted.profiles, directory):
        check_allowed(wanted.identifiers, rules, wanted.max_names, f"{option}.domains")
