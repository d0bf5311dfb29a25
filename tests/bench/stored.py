# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over a big store in which nothing is due."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import Lab

from .filling import fill
from .issuance import Ca, options, register, wanted, write_list
from .process import BenchError, run_module


@dataclass(frozen=True)
class Look:
    """What it took to find nothing due among `count` stored certificates."""

    count: int
    seconds: float
    peak_mb: float


def look(lab: Lab, place: Path, count: int, times: int) -> list[Look]:
    """Fill a store with valid certificates, then let the module look at it, several times."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        store = folder / "store"
        register(Ca.of(lab), store, folder)
        fill(store, wanted(count), lab.directory)
        arguments = options(lab, store, write_list(folder, wanted(count)), Ca.of(lab))
        return [_look(arguments, folder, count) for _round in range(times)]


def _look(arguments: Mapping[str, Any], folder: Path, count: int) -> Look:
    result, finished = run_module("certificates", arguments, folder)
    if result["changed"] or result["counts"]["valid"] != count or result["requests"]:
        raise BenchError(f"nothing was due, but {result['counts']}, {result['requests']} requests")
    return Look(count, finished.seconds, finished.peak_mb)
