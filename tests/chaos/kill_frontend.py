# SPDX-License-Identifier: GPL-3.0-or-later
"""The kill loop of a frontend: SIGKILL at every step of certificate_install, and then the run that has to put it right.

Needs no lab: the certificates are of a throwaway CA, an old and a new one with keys of their own.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore

from tests.unit.plugins.module_utils._x509.throwaway import Authority, present

from .judge import Row, Wanted, problems_of_folder, problems_of_live
from .nursery import Ended, Job, Nursery
from .points import Accident, Kind

PREPARE, PLAN, SWITCH = STEPS = ("prepare frontend", "plan frontend", "switch frontend")
KEY_TYPES = ("rsa-2048", "ecdsa-p256")
OLD, NEW = 0, 1
TRIES = 5


class Frontends:
    """Frontends that are all alike: new, prepared, or with the old certificates, and a store of each age to fetch from."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self._nursery = nursery
        self._folder = folder
        self._number = 0
        self.wanted = [self._issue(age) for age in (OLD, NEW)]
        self.prepared, self.served = folder / "prepared", folder / "served"
        self.prepare(self.prepared)
        self.bundles = [self._fetch(self.prepared, age) for age in (OLD, NEW)]
        shutil.copytree(self.prepared, self.served, symlinks=True)
        self.install(self.served, self.bundles[OLD])

    def copy(self, template: Path | None) -> Path:
        """One more frontend, like this one or with nothing."""
        self._number += 1
        web = self._folder / f"frontend-{self._number}"
        if template:
            shutil.copytree(template, web, symlinks=True)
        return web

    def prepare(self, web: Path, accident: Accident | None = None) -> Ended:
        """Have a frontend make its recipient key."""
        return self._nursery.run(Job("certificate_install", {"path": str(web), "state": "prepared"}, accident))

    def install(self, web: Path, bundle: str, accident: Accident | None = None) -> Ended:
        """Have a frontend install what was sealed for it."""
        return self._nursery.run(Job("certificate_install", {"path": str(web), "bundle": bundle}, accident))

    def deliver(self, web: Path) -> Ended:
        """Fetch the new certificates and have a frontend install them."""
        return self.install(web, self._fetch(web, NEW))

    def problems(self, web: Path, age: int) -> list[str]:
        """In what the live files are not those of this age, or don't belong together."""
        return [
            f"{each} {problem}" for each in self.wanted[age] for problem in problems_of_live(each.folder(web), each)
        ]

    def _fetch(self, web: Path, age: int) -> str:
        has = self.prepare(web).result
        options = {"store": str(self._folder / f"store-{age}"), "recipient": has["recipient"], "names": ["all"]}
        return str(self._nursery.run(Job("certificate_fetch", options)).result["bundle"])

    def _issue(self, age: int) -> list[Wanted]:
        authority, names = Authority(present()), ["site.test", f"age{age}.site.test"]
        store = CertificateStore(Files(str(self._folder / f"store-{age}")))
        for key_type in KEY_TYPES:
            authority.issue(*names, key_type=key_type).store(store, "site", key_type)
        return [Wanted("site", key_type, frozenset(names)) for key_type in KEY_TYPES]


class FrontendKillLoop:
    """Kills in one step after the other, each on one more frontend; every other one serves the old certificates.

    With another `kind` of accident it has that happen instead.
    """

    def __init__(self, nursery: Nursery, folder: Path, seed: int = 1, kind: Kind = "killed") -> None:
        self._nursery = nursery
        self._kind = kind
        self._folder = folder
        self._random = random.Random(seed)  # noqa: S311  which point is no secret
        self._made: Frontends | None = None
        self._points: dict[Any, int] = {}

    def row(self, step: str, times: int) -> Row:
        """So many kills spread over the points of a step."""
        row = Row(step)
        for time in range(times):
            template = None if step == PREPARE else (self._all.prepared, self._all.served)[time % 2]
            points = self._count(step, template)
            number = 1 + (time * points + self._random.randrange(points)) // times
            for _try in range(TRIES):
                if self._strike(row, Accident(self._kind, step, number), template):
                    break
                number = self._random.randint(1, max(1, number - 1))  # it went by, as runs differ a little
            else:
                row.problems.append(f"there was no point {number} in it")
        return row

    @property
    def _all(self) -> Frontends:
        if self._made is None:
            self._made = Frontends(self._nursery, self._folder)
        return self._made

    def _strike(self, row: Row, accident: Accident, template: Path | None) -> bool:
        web = self._all.copy(template)
        ended = self._begin(web, accident, template)
        if ended.points.get(str(accident.step), 0) < accident.number and not ended.killed:
            return False
        row.kills += 1
        problems = self._look(web, served=template == self._all.served)
        problems += [f"no clear error: {ended.output[-2000:]}"] * ended.met_a_defect
        done = self._all.deliver(web) if template is None else self._all.install(web, self._all.bundles[NEW])
        if done.status != 0:
            problems.append(f"the recovery failed: {done.output[-2000:]}")
        wrong = self._all.problems(web, NEW)
        row.wanted += len(KEY_TYPES)
        row.obtained += len(KEY_TYPES) - min(len(KEY_TYPES), len(wrong))
        row.lost += min(len(KEY_TYPES), len(wrong))
        problems += [*wrong, *problems_of_folder(web, self._all.wanted[NEW])]
        row.problems += [f"{accident.step}, point {accident.number}: {problem}" for problem in problems]
        return True

    def _begin(self, web: Path, accident: Accident | None, template: Path | None) -> Ended:
        if template is None:
            return self._all.prepare(web, accident)
        return self._all.install(web, self._all.bundles[NEW], accident)

    def _look(self, web: Path, served: bool) -> list[str]:
        """What is wrong right after the kill: each pair that is live is whole, the old one or the new."""
        problems = []
        for old, new in zip(*self._all.wanted, strict=True):
            folder = new.folder(web)
            if served or (folder / "live").exists():
                found = [list(problems_of_live(folder, each)) for each in (old, new)]
                problems += [f"live after the kill: {new} {found[NEW]}"] * all(found)
        return problems

    def _count(self, step: str, template: Path | None) -> int:
        if (step, template) not in self._points:
            ended = self._begin(self._all.copy(template), None, template)
            assert ended.status == 0, ended.output
            self._points[step, template] = int(ended.points[step])
        return self._points[step, template]
