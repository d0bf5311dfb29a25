# SPDX-License-Identifier: GPL-3.0-or-later
"""Have everything go wrong on the lab, and print a table about it; started by script/chaos."""

from __future__ import annotations

import argparse
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import Queue

from tests.fuzz.boundaries import BOUNDARIES, Boundary
from tests.lab import Lab, LabError
from tests.lab.ca_proxy import CaProxy
from tests.lab.programs import ROOT

from . import kills, of_ca, of_ca_ways, of_customers, of_dns, of_frontends, of_fuzz, of_host, of_hostile
from .matrix import HEADING, NOTES, OPTIONS, Matrix, Result
from .nursery import Nursery
from .scene import Trouble

LANES: dict[str, tuple[Trouble, ...]] = {
    "ca": (*of_ca.TROUBLES, *of_ca_ways.TROUBLES, *of_hostile.TROUBLES),
    "dns": of_dns.TROUBLES,
    "host": (*of_host.TROUBLES, *of_customers.TROUBLES),
}
KILLED = "killed in: "


def main(arguments: Sequence[str]) -> int:
    """Run everything that is asked for; the exit status says whether all was as promised."""
    parser = argparse.ArgumentParser(prog="script/chaos", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help="only rows with one of these words in their names")
    parser.add_argument("--times", type=int, default=1, help="how often each trouble comes upon a new store")
    parser.add_argument("--kills", type=int, default=20, help="how many kills at each step")
    parser.add_argument("--inputs", type=int, default=of_fuzz.INPUTS, help="how many hostile inputs for all boundaries")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="which hostile inputs")
    parser.add_argument("--list", action="store_true", help="only say which rows there are")
    given = parser.parse_args(arguments)
    if given.list:
        troubles = [each for lane in _picked(given.rows).values() for each in lane]
        others = [of_frontends.NAME] * is_picked(of_frontends.NAME, given.rows)
        others += [*(f"{KILLED}{step}" for step in _steps(given.rows)), *map(of_fuzz.name_of, _boundaries(given.rows))]
        print("\n".join([*(each.name for each in troubles), *others]))
        return 0
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-", dir=ROOT / ".cache") as place:
            print(HEADING, flush=True)
            results = [_shown(row) for row in play(given, Path(place))]
        if boundaries := _boundaries(given.rows):
            print(f"hostile inputs: --seed {given.seed}", flush=True)
            results += [_shown(row) for row in of_fuzz.rows(boundaries, given.inputs, given.seed)]
    except LabError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    print(f"{NOTES}\n")
    return _conclude(results, time.monotonic() - started)


def is_picked(name: str, words: Sequence[str]) -> bool:
    """Whether a row is asked for, by a part of its name that begins a word: all are, if none is named."""
    return not words or any(re.search(rf"\b{re.escape(word)}", name, re.IGNORECASE) for word in words)


def play(given: argparse.Namespace, place: Path) -> Iterator[Result]:
    """The rows in their order; those of one lane are played one after the other, the lanes side by side."""
    steps = _steps(given.rows)
    lanes = [
        *(partial(_play_troubles, picked, given.times, place / name) for name, picked in _picked(given.rows).items()),
        *(
            [partial(of_frontends.rows, given.times, place / "frontends")]
            if is_picked(of_frontends.NAME, given.rows)
            else []
        ),
        *([partial(_play_kills, steps, given.kills, place / "kills")] if steps else []),
    ]
    with ThreadPoolExecutor(len(lanes) or 1) as pool:
        queues = [_Lane(lane) for lane in lanes]
        for queue in queues:
            pool.submit(queue.fill)
        for queue in queues:
            yield from queue.rows()


def _picked(words: Sequence[str]) -> dict[str, list[Trouble]]:
    lanes = {name: [each for each in troubles if is_picked(each.name, words)] for name, troubles in LANES.items()}
    return {name: troubles for name, troubles in lanes.items() if troubles}


def _steps(words: Sequence[str]) -> list[str]:
    return [step for step in kills.STEPS if is_picked(f"{KILLED}{step}", words)]


def _boundaries(words: Sequence[str]) -> list[Boundary]:
    return [each for each in BOUNDARIES if is_picked(of_fuzz.name_of(each), words)]


def _play_troubles(troubles: Sequence[Trouble], times: int, place: Path) -> Iterator[Result]:
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(OPTIONS))
        (place / "proxy").mkdir(parents=True)
        ca = stack.enter_context(CaProxy(lab, place / "proxy"))
        nursery = stack.enter_context(Nursery(place / "nursery", of_host.without_privileges()))
        yield from Matrix(lab, ca, nursery, place).rows(troubles, times)


def _play_kills(steps: Sequence[str], times: int, place: Path) -> Iterator[Result]:
    place.mkdir()
    with Lab(kills.options()) as lab, Nursery(place / "nursery") as nursery:
        loop = kills.KillLoop(lab, nursery, place)
        for step in steps:
            started = time.monotonic()
            row = loop.row(step, times)
            yield _of_kills(row, time.monotonic() - started)


class _Lane:
    """Rows that come while others are printed."""

    def __init__(self, play: Callable[[], Iterator[Result]]) -> None:
        self._play = play
        self._queue: Queue[Result | BaseException | None] = Queue()

    def fill(self) -> None:
        """Play; what goes wrong with that is for who takes the rows."""
        try:
            for row in self._play():
                self._queue.put(row)
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001  raised again below
            self._queue.put(error)

    def rows(self) -> Iterator[Result]:
        """The rows, when they are there."""
        while (row := self._queue.get()) is not None:
            if isinstance(row, BaseException):
                raise row
            yield row


def _of_kills(row: kills.Row, seconds: float) -> Result:
    return Result(
        f"{KILLED}{row.step}",
        times=row.kills,
        wanted=row.wanted,
        obtained=row.obtained,
        wasted=row.extra_orders,
        txt_left=row.txt_left,
        lost=row.lost,
        seconds=seconds,
        problems=row.problems,
    )


def _shown(row: Result) -> Result:
    print(row, flush=True)
    for problem in row.problems[:5]:
        print(f"    {problem}", flush=True)
    return row


def _conclude(results: Sequence[Result], seconds: float) -> int:
    bad = [row.name for row in results if not row.is_good]
    lost, left = sum(row.lost for row in results), sum(row.txt_left for row in results)
    print(
        f"{len(results)} rows in {seconds:.0f} s; {lost} lost, {left} TXT values left, {len(bad)} rows not as promised"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
