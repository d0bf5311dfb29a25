# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure, print a table, and end with one line of JSON; started by script/bench."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.lab import Lab, LabError, Options
from tests.lab.programs import ROOT

from .issuance import issue
from .lego import AT_A_TIME, issue_with_lego
from .process import BenchError
from .stored import look
from .table import Measured
from .unkind import BURST, RATE, issue_as_letsencrypt, issue_through_limit

PRIMARIES = ("knot", "bind", "powerdns")
Result = TypeVar("Result")

NOTES = f"""
Seconds are from the start of the module's process to its end; several ones are repetitions, and the median counts.
Updates are the messages that each of three primaries got, to publish and to withdraw. Both sides: P-256 keys,
a CA started afresh that refuses no nonce, reuses no authorization and asks for pauses of 1 s, and a resolver of the
CA's that asks in turn whoever was published to: three primaries, for lego the one it can publish to.
The two unkind CAs: one like Let's Encrypt with room for all the orders, which asks for pauses of 1 s, too; and one behind
a server that passes {RATE:.0f} requests a second, {BURST} of which may come at once. "of the limit" is the time over what the limit
allows for the requests that it passed; 1 is the least that there can be, 1.3 the goal.
lego is Debian's, with its own pauses and without its look at the name servers, {AT_A_TIME} processes at a time."""


@dataclass(frozen=True)
class Sizes:
    """How many certificates are issued and stored, and how often each is measured.

    `issued` has triples: how many in all, how many in each run, and how often. The biggest run is the
    cheapest: the pauses that a CA asks for come once in each run, whatever its size.
    """

    issued: tuple[tuple[int, int, int], ...] = ((200, 200, 3), (1000, 200, 1), (1000, 1000, 3))
    stored: int = 10_000
    looks: int = 3
    lego: int = 64
    dual: int = 500
    limited: int = 200


QUICK = Sizes(issued=((50, 50, 1), (200, 200, 1)), stored=1000, lego=16, looks=1, dual=50, limited=30)


def main(arguments: Sequence[str]) -> int:
    """Run everything; returns the exit status."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, to see whether it works")
    sizes = QUICK if parser.parse_args(arguments).quick else Sizes()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / ".cache") as place:
            measured = measure(sizes, Path(place))
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"\n{measured.table()}\n{NOTES}\n")
    print(json.dumps(measured.summary()))
    for failure in measured.failures:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if measured.failures else 0


def measure(sizes: Sizes, place: Path) -> Measured:
    """Measure ours and lego one after the other, each on a lab of its own."""
    with Lab(_options(PRIMARIES)) as lab:
        issuances = [
            [_telling(f"{count} certificates", lambda: issue(lab, place, count, size)) for _round in range(times)]  # noqa: B023  # called at once
            for count, size, times in sizes.issued
        ]
        limited = _telling(f"{sizes.limited} limited", lambda: issue_through_limit(lab, place, sizes.limited))
        looks = _telling(f"{sizes.stored} stored", lambda: look(lab, place, sizes.stored, sizes.looks))
    with Lab(_unkind_options(2 * sizes.dual)) as lab:
        dual = _telling(f"{sizes.dual} dual, as Let's Encrypt", lambda: issue_as_letsencrypt(lab, place, sizes.dual))
    with Lab(_options(PRIMARIES[:1])) as lab:
        lego = _telling(f"{sizes.lego} with lego", lambda: issue_with_lego(lab, place, sizes.lego))
    return Measured(issuances, [dual, limited], looks, lego)


def _options(asked: tuple[str, ...]) -> Options:
    return Options(as_letsencrypt=False, nonce_reject=0, authz_reuse=0, frontends=0, asked=asked)


def _unkind_options(certificates: int) -> Options:
    room = {"orders_per_account": certificates, "certificates_per_domain": certificates}
    return Options(as_letsencrypt=True, limits=room, nonce_reject=0, frontends=0, asked=PRIMARIES)


def _telling(what: str, function: Callable[[], Result]) -> Result:
    """Do it and say so meanwhile."""
    print(f"bench: {what} …", end=" ", flush=True)
    started = time.monotonic()
    result = function()
    print(f"{time.monotonic() - started:.1f} s", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
