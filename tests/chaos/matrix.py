# SPDX-License-Identifier: GPL-3.0-or-later
"""Playing one trouble through, and the table about all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import ROOM, Lab, Options
from tests.lab.ca_proxy import CaProxy

from .nursery import Nursery
from .scene import WAITS, Scene, Trouble

# a nonce refused now and then would have a request that is struck come again when the others are through
OPTIONS = Options(limits=ROOM, retry_after=(0, 0), authz_reuse=0, nonce_reject=0, frontends=0)
"""A lab in which nothing happens but what a trouble does."""

BETWEEN = 900.0
"""Seconds between runs while the trouble lasts."""


@dataclass
class Result:
    """A row of the table; `problems` are all things that are not as they must be."""

    name: str
    times: int = 0
    wanted: int = 0
    obtained: int = 0
    forced: int = 0
    wasted: int = 0
    txt_left: int = 0
    lost: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether everything is as it was promised."""
        return not self.problems

    def __str__(self) -> str:
        numbers = (self.times, self.wanted, self.obtained, self.forced, self.wasted, self.txt_left, self.lost)
        return f"{self.name:{WIDTH}}" + "".join(f"{number:10}" for number in numbers) + f"{self.seconds:9.1f}"


WIDTH = 44
COLUMNS = ("injected", "wanted", "obtained", "forced", "wasted", "TXT left", "lost")
HEADING = f"{'fault':{WIDTH}}" + "".join(f"{name:>10}" for name in COLUMNS) + f"{'seconds':>9}"

NOTES = """
injected: requests, messages, processes or files that the fault has met. wanted: certificates that were due, old and new.
obtained: those that were there in the end. When a fault is over, runs follow on a clock that is set forward by 2 minutes,
15 minutes, 2 hours and 25 hours, so that the waiting time of every remembered failure passes.
forced: orders beyond one for each certificate, which the fault leaves no choice about: what the CA has ended can't be
used again, nor what was made for a renewal that has been forgotten with everything else. wasted: orders beyond these.
lost: certificates that had been there and were not, whole and fitting, at any moment, keys without a certificate, and
wanted ones that were not obtained."""


class Matrix:
    """Troubles upon one lab, each with new stores; needs a lab of its own, since it looks at all its TXT values."""

    def __init__(self, lab: Lab, ca: CaProxy, nursery: Nursery, folder: Path) -> None:
        self._lab = lab
        self._ca = ca
        self._nursery = nursery
        self._folder = folder
        self._scenes = 0

    def rows(self, troubles: Sequence[Trouble], times: int) -> Iterator[Result]:
        """A row for each trouble, which comes so many times."""
        for trouble in troubles:
            row, started = Result(trouble.name), time.monotonic()
            for _time in range(times):
                self._play(trouble, row)
            row.seconds = time.monotonic() - started
            if row.times == 0:
                row.problems.append("it never happened")
            yield row

    def _play(self, trouble: Trouble, row: Result) -> None:
        self._scenes += 1
        store = self._folder / f"store-{self._scenes}"
        scene = Scene(self._lab, self._ca, self._nursery, store, self._scenes, trouble)
        scene.prepare()
        before, found = scene.orders, len(row.problems)
        with trouble.begin(scene):
            for _run in range(trouble.runs):
                scene.keep()
                scene.problems += [f"meanwhile, {each}" for each in scene.lost_in_sight()]
                scene.clock += BETWEEN
        self._recover(scene)
        self._judge(scene, scene.orders - before, row)
        row.problems[found:] = [f"{trouble.name}: {problem}" for problem in row.problems[found:]]

    def _recover(self, scene: Scene) -> None:
        """Run until everything is there."""
        for number, wait in enumerate(WAITS):
            scene.clock += wait
            scene.keep(**({"retry": ["all"]} if scene.trouble.retry and number == 0 else {}))
            if all(scene.is_obtained(each) for each in scene.due):
                break

    def _judge(self, scene: Scene, orders: int, row: Result) -> None:
        missing = [str(each) for each in scene.due if not scene.is_obtained(each)]
        extra = orders - len(scene.due)
        wasted = max(0, extra - scene.trouble.forced)
        txt_left = scene.values_left()
        behind = scene.left_behind()
        gone = [f"in the end, {each}" for each in scene.lost()]
        row.times += scene.injected
        row.wanted += len(scene.due)
        row.obtained += len(scene.due) - len(missing)
        row.forced += max(0, extra - wasted)
        row.wasted += wasted
        row.txt_left += txt_left
        row.problems += [*scene.problems, *gone, *behind, *(f"{each} was not obtained" for each in missing)]
        row.problems += [f"{wasted} orders wasted"] * bool(wasted) + [f"{txt_left} TXT values left"] * bool(txt_left)
        keys = [each for each in behind if "order.pem" in each]
        row.lost += len(missing) + len(keys) + len(gone) + sum(each.startswith("meanwhile") for each in scene.problems)
        row.problems += self._repeat(scene)
        if txt_left:
            self._lab.remove_every_txt()

    def _repeat(self, scene: Scene) -> list[str]:
        """What is wrong with a run that has nothing left to do."""
        orders = scene.orders
        ended = scene.keep()
        if ended.status != 0 or ended.result["changed"] or scene.orders != orders:
            return [f"the last run was not idle: {ended.output[-500:]}"]
        return []
