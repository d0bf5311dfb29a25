# SPDX-License-Identifier: GPL-3.0-or-later
"""Issuing from CAs that are not kind: one like Let's Encrypt, and one that limits requests a second."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab import Lab
from tests.lab.ca_proxy import CaProxy
from tests.lab.unkind.rates import RequestRate

from .issuance import KEY_TYPE, Ca, Issuance, issue
from .process import BenchError

DUAL = ("rsa-2048", KEY_TYPE)
RATE, BURST = 30.0, 10
"""Requests a second, and how many may come before their time."""


@dataclass(frozen=True)
class Unkind:
    """What it took, or why it came to nothing; `ratio` is the time over what the limit allows for the requests that passed."""

    what: str
    issuance: Issuance | None
    failure: str = ""
    ratio: float | None = None


def issue_as_letsencrypt(lab: Lab, place: Path, count: int) -> Unkind:
    """Issue for so many sites, RSA beside ECDSA, from a lab whose CA is like Let's Encrypt with room for all of them."""
    what = f"issue {count} dual, as Let's Encrypt"
    try:
        return Unkind(what, issue(lab, place, count, count * len(DUAL), key_types=DUAL))
    except BenchError as error:
        return Unkind(what, None, str(error))


def issue_through_limit(lab: Lab, place: Path, count: int) -> Unkind:
    """Issue so many certificates through a server that passes 30 requests a second."""
    what = f"issue {count}, {RATE:.0f} requests/s"
    rate = RequestRate(RATE, BURST)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        lab.restart_ca()
        with CaProxy(lab, Path(folder)) as proxy:
            proxy.behave(rate)
            try:
                issuance = issue(lab, place, count, count, ca=Ca(proxy.directory, proxy.ca_bundle))
            except BenchError as error:
                return Unkind(what, None, str(error))
    passed = issuance.requests - rate.struck
    return Unkind(what, issuance, ratio=issuance.seconds / (passed / RATE))
