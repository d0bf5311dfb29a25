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

PRIMARIES = ("knot", "bind", "powerdns")
Result = TypeVar("Result")

NOTES = f"""
Seconds are from the start of the module's process to its end; several ones are repetitions, and the median counts.
Updates are the messages that each of three primaries got, to publish and to withdraw. Both sides: P-256 keys,
a CA started afresh that refuses no nonce, reuses no authorization and asks for pauses of 1 s, and a resolver of the
CA's that asks in turn whoever was published to: three primaries, for lego the one it can publish to.
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


QUICK = Sizes(issued=((50, 50, 1), (200, 200, 1)), stored=1000, lego=16, looks=1)


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
    return 0


def measure(sizes: Sizes, place: Path) -> Measured:
    """Measure ours and lego one after the other, each on a lab of its own."""
    with Lab(_options(PRIMARIES)) as lab:
        issuances = [
            [_telling(f"{count} certificates", lambda: issue(lab, place, count, size)) for _round in range(times)]  # noqa: B023  # called at once
            for count, size, times in sizes.issued
        ]
        looks = _telling(f"{sizes.stored} stored", lambda: look(lab, place, sizes.stored, sizes.looks))
    with Lab(_options(PRIMARIES[:1])) as lab:
        lego = _telling(f"{sizes.lego} with lego", lambda: issue_with_lego(lab, place, sizes.lego))
    return Measured(issuances, looks, lego)


def _options(asked: tuple[str, ...]) -> Options:
    return Options(nonce_reject=0, authz_reuse=0, frontends=0, asked=asked)


def _telling(what: str, function: Callable[[], Result]) -> Result:
    """Do it and say so meanwhile."""
    print(f"bench: {what} …", end=" ", flush=True)
    started = time.monotonic()
    result = function()
    print(f"{time.monotonic() - started:.1f} s", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
