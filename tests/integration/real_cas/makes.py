# SPDX-License-Identifier: GPL-3.0-or-later
"""What each make of CA can do; `docs/cas.md` tells users the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Make:
    """A CA of the lab and what it can't do. A refusal is a part of the sentence that the user reads."""

    name: str
    contact_change: bool = True
    """Whether an account's contacts can be replaced."""
    contact_removal: bool = True
    """Whether `contact: []` leaves the account without contacts; otherwise the CA ignores it or refuses it."""
    contact_refusal: str | None = None
    """What the user reads when the CA refuses `contact: []`, or None when it ignores that."""
    rollover_refusal: str | None = None
    binds: bool = True
    """Whether accounts can be bound to customers."""
    bound_revocation_refusal: str | None = None
    """What the user reads when a certificate's own key signs a revocation, although accounts are bound."""
    failure: str = ""
    """A part of the CA's own reason for a validation that failed."""


PEBBLE = Make("pebble", failure="unseen.fleet.test")
CADDY = Make(
    "caddy",
    contact_removal=False,
    rollover_refusal="can't change the key of an account",
    binds=False,
    failure="unseen.fleet.test",
)
ACME2CERTIFIER = Make(
    "acme2certifier",
    contact_removal=False,
    contact_refusal="refused",
    bound_revocation_refusal="signed_by=account",
    failure="unseen.fleet.test",
)
MAKES = (PEBBLE, CADDY, ACME2CERTIFIER)
