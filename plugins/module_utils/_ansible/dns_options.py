# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The responders and how they are waited for, as options of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core.clock import Clock
    from .._core.files import Files
    from .._dns.fleet import Fleet

DNS_OPTIONS: dict[str, Any] = {
    "responders": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "address": {"type": "str"},
            "addresses": {"type": "list", "elements": "str"},
            "port": {"type": "int", "default": 53},
            "tsig_key": {"type": "str", "no_log": False},
            "updates": {"type": "bool", "default": True},
            "zones": {"type": "list", "elements": "str"},
        },
    },
    "tsig_keys": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": False,
        "options": {
            "name": {"type": "str", "required": True},
            "algorithm": {"type": "str", "default": "hmac-sha256"},
            "secret": {"type": "str", "required": True, "no_log": True},
        },
    },
    "wait": {"type": "int", "default": 120},
    "ttl": {"type": "int", "default": 60},
    "dns_timeout": {"type": "int", "default": 5},
    "check_name_servers": {"type": "bool", "default": True},
    "require_all": {"type": "bool", "default": False},
    "validation_zones": {"type": "list", "elements": "str", "default": []},
}


def make_fleet(params: dict[str, Any], clock: Clock, files: Files | None, *, needed: bool = True) -> Fleet:
    """The fleet of responders that the options describe; the ledger is in ``files``, if there are any.

    InputError for an empty list where it is ``needed``.
    """
    from .._core.number import LARGEST, LONGEST_TIMEOUT, check_number
    from .._dns.fleet import Fleet
    from .._dns.record import parse_name
    from .._dns.responder import parse_responders

    for option, least, most in (("wait", 0, LARGEST), ("ttl", 0, LARGEST), ("dns_timeout", 1, LONGEST_TIMEOUT)):
        check_number(option, params[option], least, most)
    listed = params["responders"]
    responders = parse_responders(listed, params["tsig_keys"]) if listed or needed else ()
    return Fleet(
        responders,
        clock,
        files,
        timeout=params["dns_timeout"],
        ttl=params["ttl"],
        check_name_servers=params["check_name_servers"],
        require_all=params["require_all"],
        validation_zones=[parse_name(zone, "validation_zones", fewest=1) for zone in params["validation_zones"]],
    )
