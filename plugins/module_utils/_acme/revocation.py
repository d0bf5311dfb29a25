# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a CA to revoke a certificate (RFC 8555 §7.6)."""

from __future__ import annotations

from .key import encode
from .problem import PREFIX, ProblemError
from .session import Session

REASONS = {
    "unspecified": 0,
    "key_compromise": 1,
    "affiliation_changed": 3,
    "superseded": 4,
    "cessation_of_operation": 5,
    "privilege_withdrawn": 9,
}
"""The reasons that a subscriber can have, with their codes (RFC 5280 §5.3.1)."""

KIND = "revokeCert"


def revoke(session: Session, certificate: bytes, reason: str, what: str) -> bool:
    """Have a certificate (DER) revoked; False when it was so before. ProblemError when the CA refuses.

    The session signs as an account that may do so, or with the key of the certificate itself.
    """
    payload = {"certificate": encode(certificate), "reason": REASONS[reason]}
    try:
        # what is revoked twice is revoked
        session.post(session.directory.endpoint(KIND), payload, what, repeatable=True)
    except ProblemError as error:
        if error.problem.type == f"{PREFIX}alreadyRevoked":
            return False
        raise
    return True
