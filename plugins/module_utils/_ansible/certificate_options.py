# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates there should be, as options of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._workflow.orders import Limits
    from .._workflow.wanted import Wanted

LIST_OPTIONS: dict[str, Any] = {
    "certificates": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str"},
            "domains": {"type": "list", "elements": "str", "required": True},
            "key_types": {"type": "list", "elements": "str", "default": ["rsa-2048", "ecdsa-p256"], "no_log": False},
            "challenge": {"type": "str", "default": "dns-01", "choices": ["dns-01", "http-01", "tls-alpn-01"]},
            "challenge_hosts": {"type": "list", "elements": "str"},
            "challenge_addresses": {"type": "list", "elements": "str"},
            "profile": {"type": "list", "elements": "str"},
            "preferred_chain": {"type": "str"},
            "admin": {"type": "list", "elements": "str"},
            "key": {"type": "str", "default": "store", "choices": ["store", "frontend"], "no_log": False},
            "frontends": {"type": "list", "elements": "str"},
            "reuse_key": {"type": "bool", "default": False, "no_log": False},
            "apply": {"type": "str", "choices": ["next_renewal", "now"]},
            "problem": {"type": "str"},
        },
    },
    "certificates_file": {"type": "path"},
    "max_names": {"type": "int"},
    "apply": {"type": "str", "default": "next_renewal", "choices": ["next_renewal", "now"]},
}

CERTIFICATE_OPTIONS: dict[str, Any] = {
    **LIST_OPTIONS,
    "concurrency": {"type": "int", "default": 16},
    "patience": {"type": "int", "default": 120},
    "max_orders": {"type": "int", "default": 300},
    "max_orders_per_names": {"type": "int", "default": 5},
    "max_orders_per_domain": {"type": "int"},
    "retry": {"type": "list", "elements": "str", "default": []},
}

ONE_LIST: dict[str, Any] = {
    "mutually_exclusive": [("certificates", "certificates_file")],
    "required_one_of": [("certificates", "certificates_file")],
}


def read_wanted(params: dict[str, Any]) -> tuple[Wanted, ...]:
    """The certificates that a module's options ask for, from the list or from the file."""
    from .._workflow.wanted import parse_wanted, read_entries

    entries = params["certificates"]
    if entries is None:
        entries = read_entries(params["certificates_file"])
    return parse_wanted(entries, params["max_names"], params["directory"], params["apply"])


def read_limits(params: Mapping[str, Any]) -> Limits:
    """How many orders may be made; InputError for a number below one."""
    from .._workflow.orders import Limits, most_per_domain

    given = params["max_orders_per_domain"]
    return Limits(
        params["max_orders"],
        params["max_orders_per_names"],
        most_per_domain(params["directory"]) if given is None else given,
    )
