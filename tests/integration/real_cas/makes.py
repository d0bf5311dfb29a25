# SPDX-License-Identifier: GPL-3.0-or-later
"""What each make of CA can't do; `docs/cas.md` tells users the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Make:
    """A make of CA. A refusal is a part of the sentence that users read, or None for what the CA can do.

    - `rollover_refusal`: when an account gets another key (RFC 8555 §7.3.5).
    - `key_revocation_refusal`: when a certificate's own key signs its revocation (RFC 8555 §7.6).
    - `binds`: whether accounts can be bound to the CA's customers (RFC 8555 §7.3.4).
    - `validation_failure`: the CA's reason when it finds no TXT record; acme2certifier gives none beyond the status.
    """

    name: str
    validation_failure: str
    rollover_refusal: str | None = None
    key_revocation_refusal: str | None = None
    binds: bool = True


PEBBLE = Make("pebble", validation_failure="Error retrieving TXT records for DNS challenge")
CADDY = Make(
    "caddy",
    validation_failure="There was a problem with a DNS query during identifier validation",
    rollover_refusal="can't change the key of an account",
    binds=False,
)
ACME2CERTIFIER = Make(
    "acme2certifier",
    validation_failure="the validation failed, and the CA gives no reason",
    key_revocation_refusal="signed_by=account",
)
MAKES = (PEBBLE, CADDY, ACME2CERTIFIER)
