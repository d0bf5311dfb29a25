# SPDX-License-Identifier: GPL-3.0-or-later
"""The kill loop: SIGKILL at every step of an issuance, on the lab, and then the run that has to put it right.

`python -m tests.chaos.kills --times 20` prints a line for each step.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab import ROOM, Lab, Options
from tests.options import ca, responders, tsig_keys

from .judge import Held, Row, Wanted, problems_of_folder, problems_of_live, values_left
from .kill_frontend import STEPS as FRONTEND_STEPS
from .kill_frontend import FrontendKillLoop
from .nursery import Ended, Job, Nursery
from .points import REST, Accident, Kind

__all__ = ["HEADING", "STEPS", "KillLoop", "Row", "Scene", "options"]

ACCOUNT = "account"
STEPS = (
    ACCOUNT,
    *("lock", "clear finished orders", "withdraw leftovers", "connect", "prepare keys", "open orders"),
    *("read authorizations", "publish", "verify", "answer", "await validation", "finalize", "await issuance"),
    *("download", "store", "withdraw", "record failures", REST),
    *FRONTEND_STEPS,
)
"""Where it is killed: the making of an account, the steps of an issuance, and those of an installation on a frontend."""

SECOND = {
    "clear finished orders": Accident("killed", "store", -3),
    "withdraw leftovers": Accident("killed", "answer", 1),
}
"""Steps that have something to do only after a run that was killed before, and where; from the end when negative."""

AGAIN = 4
"""Every so many times the run that has to put it right is killed, too."""

TRIES = 5


HEADING = f"{'killed in':24}" + "".join(f"{name:>8}" for name in ("kills", "wanted", "there", "extra", "TXT", "lost"))


def options() -> Options:
    """Nothing that has to be waited for, neither a pause that the CA asks for nor a secondary that follows."""
    return Options(limits=ROOM, retry_after=(0, 0), secondary=False, frontends=1)


class Scene:
    """A new store with an account, and a list that has three certificates in two zones, and one that the CA refuses."""

    def __init__(self, lab: Lab, nursery: Nursery, folder: Path, number: int) -> None:
        self.store = folder / f"store-{number}"
        self._lab = lab
        self._nursery = nursery
        names = [f"k{number}.fleet.test", f"*.k{number}.fleet.test"]
        self.list: list[dict[str, Any]] = [
            {"name": "both", "domains": names, "profile": "classic"},
            {"name": "shop", "domains": [f"k{number}.shop.test"], "key_types": ["ecdsa-p256"], "profile": "classic"},
            {"name": "refused", "domains": [f"k{number}.blocked.test"], "key_types": ["ecdsa-p256"]},
        ]
        self.wanted = [
            *(Wanted("both", key_type, frozenset(names)) for key_type in ("rsa-2048", "ecdsa-p256")),
            Wanted("shop", "ecdsa-p256", frozenset([f"k{number}.shop.test"])),
        ]
        self._orders_before = self._count_orders()
        self._accounts_before = self._count_accounts()

    def register(self, accident: Accident | None = None) -> Ended:
        """Make the account."""
        return self.run("account", {"terms_agreed": True}, accident)

    def keep(self, accident: Accident | None = None, *, more: Mapping[str, Any] | None = None, **job: Any) -> Ended:
        """Have the certificates issued; `more` are other arguments of the module."""
        return self._nursery.run(self.job(accident, more=more, **job))

    def job(self, accident: Accident | None = None, *, more: Mapping[str, Any] | None = None, **job: Any) -> Job:
        """The task that has the certificates issued."""
        arguments = {
            "responders": responders(self._lab),
            "tsig_keys": tsig_keys(self._lab),
            "wait": 20,
            "certificates": self.list,
            "fail_on": "never",
        }
        return Job("certificates", {**self._base, **arguments, **(more or {})}, accident, **job)

    def run(self, module: str, arguments: Mapping[str, Any], accident: Accident | None = None, **job: Any) -> Ended:
        """Run any module on this store and this CA."""
        return self._nursery.run(Job(module, {**self._base, **arguments}, accident, **job))

    @property
    def _base(self) -> dict[str, Any]:
        return {**ca(self._lab), "store": str(self.store)}

    def held(self) -> dict[Wanted, Held]:
        """What there is of each certificate right now."""
        return {each: Held.look(each.folder(self.store)) for each in self.wanted}

    @property
    def account_key(self) -> bytes | None:
        """The account's key, if it is there."""
        found = list(self.store.glob("accounts/*/default/key.pem"))
        return found[0].read_bytes() if found else None

    def register_again(self, key: bytes | None) -> list[str]:
        """Make the account after a run that was killed at it; what is wrong then."""
        ended = self.register()
        problems = [f"the account failed: {ended.output[-2000:]}"] * (ended.status != 0)
        problems += ["the account has another key"] * (key not in (None, self.account_key))
        made = self._count_accounts() - self._accounts_before
        return problems + [f"{made} accounts were made"] * (made != 1)

    @property
    def orders(self) -> int:
        """How many orders the CA has made since."""
        return self._count_orders() - self._orders_before

    def judge(self, before: dict[Wanted, Held], row: Row) -> None:
        """Add to a row how things are after the run that had to put it right."""
        problems = []
        for each in self.wanted:
            faults = list(problems_of_live(each.folder(self.store), each))
            row.obtained += not faults
            row.lost += bool(faults)
            problems += [f"{each} {fault}" for fault in [*faults, *before[each].problems(each.folder(self.store))]]
        problems += problems_of_folder(self.store, self.wanted)
        extra = max(0, self.orders - len(self.wanted))
        left = values_left(self._lab)
        row.wanted += len(self.wanted)
        row.extra_orders += extra
        row.txt_left += sum(len(values) for found in left.values() for values in found.values())
        problems += [f"{extra} orders more than certificates"] * bool(extra) + [f"TXT left: {left}"] * bool(left)
        row.problems += problems
        if left:
            self._lab.remove_every_txt()

    def _count_orders(self) -> int:
        return self._lab.log("pebble").count('Added order "')

    def _count_accounts(self) -> int:
        return self._lab.log("pebble").count(" accounts in memory")


class KillLoop:
    """Kills in one step after the other; needs a lab of its own, since it counts the CA's orders.

    With another `kind` of accident it has that happen instead.
    """

    def __init__(self, lab: Lab, nursery: Nursery, folder: Path, seed: int = 1, kind: Kind = "killed") -> None:
        self._lab = lab
        self._kind = kind
        self._nursery = nursery
        self._folder = folder
        self._random = random.Random(seed)  # noqa: S311  which point is no secret
        self._scenes = 0
        self._frontends = FrontendKillLoop(nursery, folder / "frontends", seed, kind)
        self._points: dict[Accident | None, dict[str, int]] = {}

    def rows(self, times: int, steps: Sequence[str] = STEPS) -> Iterator[Row]:
        """A row for each step, with so many kills spread over it."""
        for step in steps:
            yield self.row(step, times)

    def row(self, step: str, times: int) -> Row:
        """So many kills spread over the points of a step, each with a new store."""
        if step in FRONTEND_STEPS:
            return self._frontends.row(step, times)
        row, points = Row(step), self._points_of(step)
        if points == 0:
            return row
        for time in range(times):
            number = 1 + (time * points + self._random.randrange(points)) // times
            for _try in range(TRIES):
                if self._strike(row, step, min(number, points), again=time % AGAIN == AGAIN - 1):
                    break
                number = self._random.randint(1, max(1, number - 1))  # it went by, as runs differ a little
            else:
                row.problems.append(f"there was no point {number} in it")
        return row

    def _strike(self, row: Row, step: str, number: int, again: bool) -> bool:
        """One kill, the recovery, and how things are then; False when the step had no such point this time."""
        scene = self._scene(step)
        if step in SECOND:
            self._before(scene, SECOND[step])
        accident = Accident(self._kind, step, number)
        ended = scene.register(accident) if step == ACCOUNT else scene.keep(accident)
        if ended.points.get(step, 0) < number and not ended.killed:
            return False
        row.kills += 1
        if ended.met_a_defect:
            row.problems.append(f"no clear error: {ended.output[-2000:]}")
        before, account = scene.held(), scene.account_key
        if step == ACCOUNT:
            row.problems += scene.register_again(account)
        if again and scene.keep(Accident(self._kind, None, self._random.randint(1, 200))).killed:
            row.kills += 1
            before = {each: _first_known(before[each], held) for each, held in scene.held().items()}
        found = len(row.problems)
        recovered = scene.keep()
        if recovered.status != 0:
            row.problems.append(f"the recovery failed: {recovered.output[-2000:]}")
        scene.judge(before, row)
        row.problems[found:] = [f"{step}, point {number}: {problem}" for problem in row.problems[found:]]
        return True

    def _points_of(self, step: str) -> int:
        if step == ACCOUNT:
            return int(self._scene(step).register().points[step])
        return self._count(SECOND.get(step)).get(step, 0)

    def _count(self, before: Accident | None) -> dict[str, int]:
        """The points of a whole run by step, or of the run that follows a killed one."""
        if before not in self._points:
            scene = self._scene()
            if before:
                self._before(scene, before)
            ended = scene.keep()
            assert ended.status == 0, ended.output
            self._points[before] = dict(ended.points)
        return self._points[before]

    def _before(self, scene: Scene, accident: Accident) -> None:
        number = accident.number
        if number < 0:
            number += self._count(None)[str(accident.step)] + 1
        assert scene.keep(Accident("killed", accident.step, number)).killed

    def _scene(self, step: str = REST) -> Scene:
        self._scenes += 1
        scene = Scene(self._lab, self._nursery, self._folder, self._scenes)
        if step == ACCOUNT:
            return scene
        registered = scene.register()
        assert registered.status == 0, registered.output
        return scene


def _first_known(first: Held, second: Held) -> Held:
    return Held(first.key or second.key, first.order or second.order)


def main() -> int:
    """Print a row for each step; the exit status says whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills in each step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=["killed", "full"], default="killed", help="what happens there")
    parser.add_argument("steps", nargs="*", default=STEPS, help=f"some of: {', '.join(STEPS)}")
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="certfleet-kills-") as name, Lab(options()) as lab:
        folder = Path(name)
        with Nursery(folder / "nursery") as nursery:
            print(HEADING)
            loop = KillLoop(lab, nursery, folder, arguments.seed, arguments.kind)
            for row in loop.rows(arguments.times, arguments.steps):
                print(row, *row.problems, sep="\n    ", flush=True)
                bad += bool(row.problems)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
