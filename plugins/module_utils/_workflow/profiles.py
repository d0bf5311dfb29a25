# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificate profiles allow, where the directory does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._core.errors import InputError


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


def rules_of(profile: str | None) -> ProfileRules:
    """The rules of a profile; those of a CA's own profile are the widest in use."""
    return _KNOWN.get(profile) or ProfileRules(profile)


def check_offered(profile: str | None, offered: Mapping[str, str], directory: str) -> None:
    """Raise InputError when the CA has no such profile (draft-ietf-acme-profiles §3)."""
    if profile is None or profile in offered:
        return
    choice = f"it offers {', '.join(sorted(offered))}" if offered else "it offers no profiles"
    raise InputError("profile", profile, f"is not known to {directory}: {choice}")
