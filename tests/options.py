# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab in the words of the modules' options."""

from __future__ import annotations

from typing import Any

from tests.lab import Lab


def ca(lab: Lab) -> dict[str, Any]:
    """Which CA, and by what its server is trusted."""
    return {"directory": lab.directory, "ca_bundle": str(lab.ca_bundle)}


def responders(lab: Lab) -> list[dict[str, Any]]:
    """All responders, each with all its addresses."""
    return [
        {
            "name": responder.name,
            "addresses": list(responder.addresses),
            "port": responder.port,
            "tsig_key": responder.tsig_key,
            "updates": responder.updates,
        }
        for responder in lab.responders
    ]


def tsig_keys(lab: Lab) -> list[dict[str, str]]:
    """All keys that sign updates."""
    return [{"name": key.name, "algorithm": key.algorithm, "secret": key.secret} for key in lab.tsig_keys.values()]
