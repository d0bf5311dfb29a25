# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that others could send, handed to each boundary by the thousand, as rows of the matrix; no lab is needed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from tests.fuzz.boundaries import BOUNDARIES, Boundary, strike

from .matrix import Result

INPUTS = 20_000
"""For all boundaries together."""


def name_of(boundary: Boundary) -> str:
    """The name of its row."""
    return f"fuzz: {boundary.name}"


def rows(boundaries: Sequence[Boundary], inputs: int, seed: int) -> Iterator[Result]:
    """A row for each boundary, which gets its share of the inputs; only in the main thread."""
    for boundary in boundaries:
        yield _row(boundary, -(-inputs // len(BOUNDARIES)), seed)


def _row(boundary: Boundary, amount: int, seed: int) -> Result:
    row, started = Result(name_of(boundary)), time.monotonic()
    try:
        row.times = strike(boundary, amount, seed)
        if row.times < amount:
            row.problems.append(f"{row.name}: the time was over after {row.times} of {amount} inputs")
    except Exception as error:  # noqa: BLE001  whatever comes out of a boundary is what is looked for
        notes = " ".join(getattr(error, "__notes__", []))
        row.problems.append(" ".join(f"{row.name}: {type(error).__name__}: {error} {notes}".split())[:600])
    row.seconds = time.monotonic() - started
    return row
