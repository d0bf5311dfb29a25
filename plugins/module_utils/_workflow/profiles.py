# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificate profiles allow, where the directory does not say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .._core.errors import InputError
from .._core.identifier import Identifier


@dataclass(frozen=True)
class ProfileRules:
    """How many names a certificate may have and whether addresses may be among them."""

    name: str | None
    max_names: int = 100
    addresses: bool = True

    def __str__(self) -> str:
        return f"profile {self.name}" if self.name else "the default profile"


# Let's Encrypt's profiles, whose limits its directory doesn't carry (G7)
_KNOWN = {
    rules.name: rules
    for rules in (
        ProfileRules(None, addresses=False),
        ProfileRules("classic", addresses=False),
        ProfileRules("tlsserver", max_names=25, addresses=False),
        ProfileRules("shortlived", max_names=25),
    )
}
_HOSTS = ("acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org")


def has_known_rules(directory: str, offered: Iterable[str] = ()) -> bool:
    """Whether Let's Encrypt's rules hold at a CA: it is Let's Encrypt, or offers all of its profiles by their names.

    ``directory`` is the URL of its directory, ``offered`` are the profiles in it as far as they are known.
    """
    return urlsplit(directory).hostname in _HOSTS or {name for name in _KNOWN if name} <= set(offered)


def rules_of(profile: str | None, known: bool) -> ProfileRules:
    """The rules of a profile; with ``known`` False, or of a CA's own profile, the widest in use: the CA decides."""
    return _KNOWN.get(profile, ProfileRules(profile)) if known else ProfileRules(profile)


def rules_of_directory(profiles: Sequence[str], directory: str | None) -> list[ProfileRules]:
    """The rules of all profiles that may be used, before it is known which of them the CA offers."""
    known = directory is not None and has_known_rules(directory)
    return [rules_of(profile, known) for profile in profiles or (None,)]


def check_allowed(identifiers: Sequence[Identifier], rules: ProfileRules, max_names: int | None, option: str) -> None:
    """Raise InputError about ``option`` when a profile does not allow these; ``max_names`` replaces its limit."""
    count, limit = len(identifiers), max_names or rules.max_names
    if count > limit:
        raise InputError(option, f"{count} names", f"are more than the {limit} that {rules} allows")
    for identifier in identifiers:
        if identifier.type == "ip" and not rules.addresses:
            raise InputError(option, identifier.value, f"is an address, which {rules} does not allow")


def choose_profile(acceptable: Sequence[str], offered: Iterable[str], directory: str) -> str | None:
    """The first acceptable profile that the CA offers, None for its default when any will do.

    InputError when it offers none of them (draft-ietf-acme-profiles §3).
    """
    names = sorted(offered)
    found = next((profile for profile in acceptable if profile in names), None)
    if acceptable and found is None:
        unknown = "is not known" if len(acceptable) == 1 else "are not known"
        choice = f"it offers {', '.join(names)}" if names else "it offers no profiles"
        raise InputError("profile", ", ".join(acceptable), f"{unknown} to {directory}: {choice}")
    return found
