# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module http01 does: files come, are looked at, and go."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.address import check_address, parse_networks
from .._core.clock import Clock, SystemClock
from .._core.errors import Error, InputError
from .challenge import ChallengeFile, parse_files
from .verification import Rules, verify
from .webroot import place, take_away

HIGHEST_PORT = 65535
MOST_TOLD = 20
"""Addresses in a sentence; the verdicts have all."""


def bring(params: Mapping[str, Any], *, check: bool = False) -> dict[str, Any]:
    """Bring the files into ``state``: what the module returns."""
    files = parse_files(params["files"])
    if params["state"] == "verified":
        return _verified(files, params, SystemClock(), check=check)
    act = place if params["state"] == "present" else take_away
    touched = act(params["webroot"], files, check=check)
    there, gone = "".join(f"{each.path}\n" for each in touched), ""
    before, after = (gone, there) if params["state"] == "present" else (there, gone)
    return {
        "changed": bool(touched),
        "files": [each.as_dict() for each in touched],
        "diff": {
            "before": before,
            "after": after,
            "before_header": params["webroot"],
            "after_header": params["webroot"],
        },
    }


def _verified(
    files: Sequence[ChallengeFile], params: Mapping[str, Any], clock: Clock, *, check: bool
) -> dict[str, Any]:
    """The verdicts; Error with every address that does not answer rightly, unless ``check``."""
    rules = _rules(params)
    addresses = [check_address(each, "addresses") for each in params["addresses"]]
    timeout = _seconds(params, "timeout", least=0)
    verdicts = verify(files, addresses, 0 if check else timeout, clock, rules=rules)
    result = [each.as_dict() for each in verdicts]
    wrong = [each.sentence() for each in verdicts if each.problem]
    if wrong and not check:
        told = wrong[:MOST_TOLD] + [f"and {len(wrong) - MOST_TOLD} more"] * (len(wrong) > MOST_TOLD)
        raise Error(f"Not every address answers the challenges after {timeout:g} s: {'; '.join(told)}", verdicts=result)
    return {"changed": False, "verdicts": result}


def _rules(params: Mapping[str, Any]) -> Rules:
    for option in ("http_port", "https_port"):
        if not 0 < params[option] <= HIGHEST_PORT:
            raise InputError(option, params[option], "is not a port")
    return Rules(
        params["http_port"],
        params["https_port"],
        _seconds(params, "request_timeout", least=0.1),
        parse_networks(params["allowed_networks"], "allowed_networks"),
    )


def _seconds(params: Mapping[str, Any], option: str, least: float) -> float:
    value: float = params[option]
    if not math.isfinite(value) or value < least:
        raise InputError(option, value, f"is not a number of seconds of at least {least:g}")
    return value
