# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates a fleet should have, as the user says it, checked before anything is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._core.address import check_address
from .._core.errors import Error, InputError
from .._core.identifier import LONGEST_CHALLENGE_NAME, Identifier
from .._core.name import check_name, split_name, stored_name
from .._core.number import check_number
from .._core.plain import one_line
from .._core.workers import guarded
from .members import (
    DEFAULT_KEY_TYPES,
    NEXT_RENEWAL,
    parse_admins,
    parse_apply,
    parse_challenge,
    parse_identifiers,
    parse_key_types,
    parse_profiles,
    parse_text,
    parse_texts,
)
from .profiles import check_allowed, rules_of_directory
from .remains import find_remains

KEYS = ("store", "frontend")
PROBLEM = "problem"
"""The member by which the action plugin says that it can't know the hosts of an entry."""

LONGEST_PROBLEM = 400
FEW = 5
"""How many entries are named that share a name."""

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
    ``frontends`` are the hosts and groups that get the certificate, None when the entry does not say.
    ``fault`` is why the entry of the list can't be used, None when it can: nothing is done for one with a fault, and
    what the other members have is only what could be read of it.
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
    frontends: tuple[str, ...] | None = None
    fault: Error | None = None

    @property
    def is_nameless(self) -> bool:
        """Whether it is called by its place in the list; no name in the store has a bracket."""
        return "[" in self.name

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
    entries: Iterable[Any],
    max_names: int | None = None,
    directory: str | None = None,
    apply: str = NEXT_RENEWAL,
    *,
    strict: bool = True,
) -> tuple[Wanted, ...]:
    """Read a list of certificates; InputError names the entry, its option and the value.

    ``max_names`` replaces the number of names that the profile is known to allow. ``directory`` is the URL of the
    CA's directory, which tells what its profiles allow. ``apply`` holds for the entries that say nothing else.
    Unless it is ``strict``, an entry that can't be used has its error as its ``fault``, and the others are as they
    would be without it.
    """
    if max_names is not None:
        check_number("max_names", max_names, 1)
    read: list[tuple[Wanted, ...]] = []
    for number, entry in enumerate(entries):
        option = f"certificates[{number}]"
        try:
            with guarded():
                read.append(_parse_whole(entry, option, max_names, directory, apply))
        except Error as error:
            read.append(_remaining(entry, option, error))
    wanted = tuple(each for several in _without_namesakes(read) for each in several)
    faults = [each.fault for each in wanted if each.fault]
    if strict and faults:
        raise faults[0]
    return tuple(_once(wanted))


def refuse(wanted: Wanted, fault: Error, *, strict: bool) -> Wanted:
    """The same, which can't be used for this reason, or for the one that there was before; raised if it is ``strict``."""
    if strict:
        raise fault
    return wanted if wanted.fault else replace(wanted, fault=fault)


def _parse_whole(
    entry: Any, option: str, max_names: int | None, directory: str | None, apply: str
) -> tuple[Wanted, ...]:
    """What an entry asks for, if everything about it is right."""
    wanted = replace(_parse_entry(entry, option, apply), max_names=max_names)
    _check_rules(wanted, option, directory)
    return _for_each_frontend(wanted, entry, option)


def _remaining(entry: Any, option: str, fault: Error) -> tuple[Wanted, ...]:
    """What can be told of an entry that can't be used, so that its failure is found where its certificate is."""
    found = find_remains(entry, option)
    key_types = found.key_types or DEFAULT_KEY_TYPES
    return tuple(
        Wanted(
            name,
            found.identifiers,
            key_types,
            "",
            (),
            None,
            admins=found.admins,
            frontends=found.frontends,
            fault=fault,
        )
        for name in found.names
    )


def _without_namesakes(read: Sequence[tuple[Wanted, ...]]) -> list[tuple[Wanted, ...]]:
    """The same, with a fault where entries that can be used share a name.

    Nobody knows which of them the certificate in the store is for, so it is left to none of them. An entry that can't
    be used anyway leaves the name to the one that can, and is called by its place in the list.
    """
    usable: dict[str, list[int]] = {}
    for number, several in enumerate(read):
        if several[0].fault is None:
            usable.setdefault(_key_of(several[0]), []).append(number)

    def settle(number: int, several: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
        numbers = usable.get(_key_of(several[0]), [])
        if several[0].fault is not None:
            return (replace(several[0], name=f"certificates[{number}]"),) if numbers else several
        if len(numbers) == 1:
            return several
        return tuple(replace(each, fault=_describe_namesakes(each, number, numbers), frontends=()) for each in several)

    return [settle(number, several) for number, several in enumerate(read)]


def _key_of(wanted: Wanted) -> str:
    """The name of an entry; a file system may not tell upper from lower case, so the store must not depend on it."""
    return split_name(wanted.name)[0].lower()


def _describe_namesakes(wanted: Wanted, number: int, numbers: Sequence[int]) -> InputError:
    others = [f"certificates[{each}]" for each in numbers[: FEW + 1] if each != number]
    more = f" and {len(numbers) - 1 - FEW} more" if len(numbers) - 1 > FEW else ""
    return InputError(
        f"certificates[{number}].name",
        split_name(wanted.name)[0],
        f"is the name of another certificate in the list, too, so that none of them is used: {', '.join(others[:FEW])}{more}",
    )


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


def _once(wanted: Iterable[Wanted]) -> Iterator[Wanted]:
    """The same, each certificate once, which has a fault from more than one entry."""
    told: set[Target] = set()
    for each in wanted:
        left = tuple(key_type for key_type in each.key_types if Target(each.name, key_type) not in told)
        if left:
            yield each if left == each.key_types else replace(each, key_types=left)
        told.update(each.targets)


def _parse_entry(entry: Any, option: str, apply: str) -> Wanted:
    if not isinstance(entry, Mapping):
        raise InputError(option, entry, "is not a mapping with at least domains")
    if entry.get(PROBLEM):
        raise Error(f"{option}: {one_line(str(entry[PROBLEM]))[:LONGEST_PROBLEM]}", option=option)
    unknown = sorted(str(key) for key in entry if key not in (*_KEYS, PROBLEM))
    if unknown:
        raise InputError(
            option, unknown[0], f"is not an option of a certificate; these are: {', '.join(sorted(_KEYS))}"
        )
    identifiers, frontends = parse_identifiers(entry.get("domains"), f"{option}.domains"), entry.get("frontends")
    return Wanted(
        name=check_name(parse_text(entry.get("name"), f"{option}.name") or identifiers[0].base, f"{option}.name"),
        identifiers=identifiers,
        key_types=parse_key_types(entry.get("key_types"), f"{option}.key_types"),
        challenge=parse_challenge(entry.get("challenge"), f"{option}.challenge"),
        profiles=parse_profiles(entry.get("profile"), f"{option}.profile"),
        preferred_chain=parse_text(entry.get("preferred_chain"), f"{option}.preferred_chain"),
        challenge_hosts=parse_texts(entry.get("challenge_hosts"), f"{option}.challenge_hosts"),
        challenge_addresses=tuple(
            check_address(text, f"{option}.challenge_addresses")
            for text in parse_texts(entry.get("challenge_addresses"), f"{option}.challenge_addresses")
        ),
        admins=parse_admins(entry.get("admin"), f"{option}.admin"),
        apply=parse_apply(entry.get("apply"), f"{option}.apply") or apply,
        frontends=None if frontends is None else parse_texts(frontends, f"{option}.frontends"),
    )


def _for_each_frontend(wanted: Wanted, entry: Mapping[str, Any], option: str) -> tuple[Wanted, ...]:
    """The same, or one for each frontend that is to have a key of its own."""
    key = entry.get("key") or KEYS[0]
    if key not in KEYS:
        raise InputError(f"{option}.key", key, f"is not one of {', '.join(KEYS)}")
    hosts, reuse = wanted.frontends, entry.get("reuse_key") or False
    if not isinstance(reuse, bool):
        raise InputError(f"{option}.reuse_key", reuse, "is neither true nor false")
    if key == KEYS[0]:
        if reuse:
            raise InputError(f"{option}.reuse_key", reuse, "is for key: frontend, and the key is in the store")
        return (wanted,)
    if not hosts:
        raise InputError(f"{option}.frontends", [], "is empty, and key: frontend needs to know which")
    names = [stored_name(wanted.name, check_name(host, f"{option}.frontends")) for host in hosts]
    return tuple(
        replace(wanted, name=name, frontend=host, reuse_key=reuse) for name, host in zip(names, hosts, strict=True)
    )


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
