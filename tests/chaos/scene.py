# SPDX-License-Identifier: GPL-3.0-or-later
"""One store with its certificates, upon which a trouble comes when they are to be renewed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.lab import Lab
from tests.lab.ca_proxy import CaProxy
from tests.options import responders, tsig_keys

from .judge import Wanted, problems_of_folder, problems_of_live, values_left
from .nursery import Ended, Job, Nursery
from .points import Accident

ASKED = 8 * 86400.0
RENEWAL = 9 * 86400.0
"""Seconds after which the runs ask for the CA's windows, and after which they find their certificates due.

The CA is told to have them renewed that soon: it has a clock of its own, by which those that it issues then must not be
due again when the runs' clock has been set forward. More than a week, so that the first orders count no more."""

WAITS = (120.0, 900.0, 7200.0, 90000.0)
"""Seconds before each run when the trouble is over: longer than what follows the first, second … failure."""

OLD_KEY_TYPES = ("rsa-2048", "ecdsa-p256")


@dataclass(frozen=True)
class Trouble:
    """One thing that goes wrong.

    - `begin`: makes it go wrong within a `with` block.
    - `runs`: how many runs are made meanwhile, a quarter of an hour apart.
    - `forced`: orders beyond one for each certificate that it forces, as when the CA gives orders up, or when one is
      given up that was made for a certificate of which nobody knows any more that it is due.
    - `retry`: an administrator asks for a retry when it is over.
    - `sets_aside`: whether broken files are left beside their places, for a human to look at.
    - `forgets`: whether the CA's windows are forgotten, so that the lifetime decides again and nothing old is due.
    """

    name: str
    begin: Callable[[Scene], AbstractContextManager[None]]
    runs: int = 1
    forced: int = 0
    retry: bool = False
    sets_aside: bool = False
    forgets: bool = False


@dataclass
class Scene:
    """The store, and what its runs are called with; a trouble may change that.

    `clock` is by how many seconds the runs' clock is ahead: nobody waits for renewals and retries. `options` are further
    options of the runs.
    """

    lab: Lab
    ca: CaProxy
    nursery: Nursery
    store: Path
    number: int
    trouble: Trouble
    clock: float = 0.0
    injected: int = 0
    accident: Accident | None = None
    environment: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with what the lab is like when nothing is wrong."""
        self.responders: list[dict[str, Any]] = responders(self.lab)
        self.tsig_keys: list[dict[str, str]] = tsig_keys(self.lab)
        names = [f"o{self.number}.fleet.test", f"*.o{self.number}.fleet.test"]
        self.old = [Wanted("old", key_type, frozenset(names)) for key_type in OLD_KEY_TYPES]
        self.new = Wanted("new", "ecdsa-p256", frozenset([f"n{self.number}.shop.test"]))
        self.listed: list[dict[str, Any]] = [{"name": "old", "domains": names, "profile": "classic"}]

    @property
    def due(self) -> list[Wanted]:
        """Those that there are to be new ones of."""
        return [self.new] if self.trouble.forgets else self.wanted

    @property
    def wanted(self) -> list[Wanted]:
        """All certificates that there are to be in the end."""
        return [*self.old, self.new]

    @property
    def orders(self) -> int:
        """How many orders the CA has made for them."""
        names = set().union(*(each.names for each in self.wanted))
        return sum(1 for order in self.ca.orders if set(order) <= names)

    def prepare(self) -> None:
        """Have an account and certificates, and come to the time when they are due and a site is new."""
        registered = self.run("account", {"terms_agreed": True})
        first = self.keep()
        assert registered.status == 0, registered.output
        assert first.status == 0, first.output
        self.had = {each: self.chain(each) for each in self.old}
        start = datetime.now(timezone.utc) + timedelta(seconds=RENEWAL)
        for chain in self.had.values():
            self.lab.set_renewal_window(chain.decode(), start, start + timedelta(seconds=1))
        self.clock = ASKED
        learnt = self.keep()
        assert learnt.result["counts"]["valid"] == len(self.old), learnt.output
        self.clock = RENEWAL + 60
        new = {"name": "new", "domains": sorted(self.new.names), "key_types": ["ecdsa-p256"], "profile": "classic"}
        self.listed.append(new)

    def keep(self, **more: Any) -> Ended:
        """A run over the list."""
        return self.run("certificates", {**self._job(), **more})

    @contextmanager
    def held_up(self, accident: Accident) -> Iterator[int]:
        """A run that stops where it is until somebody continues it, meanwhile; its process."""
        pid = self.nursery.start(replace(self._describe("certificates", self._job()), accident=accident))
        if self.nursery.wait(pid) is not None:
            self.problems.append("the run that was to be held up went through")
        yield pid
        if self.nursery.wait(pid) is None:
            self.problems.append("the run that was held up did not go on")

    def _job(self) -> dict[str, Any]:
        """The options, with all waiting as short as it may be."""
        return {
            "certificates": self.listed,
            "responders": self.responders,
            "tsig_keys": self.tsig_keys,
            "fail_on": "never",
            "wait": 4,
            "dns_timeout": 1,
            "patience": 4,
            **self.options,
        }

    def run(self, module: str, arguments: dict[str, Any]) -> Ended:
        """A module in a process of its own; that it neither ends nor says a word is a problem."""
        ended = self.nursery.run(self._describe(module, arguments))
        if not ended.killed and not _has_result(ended):
            self.problems.append(f"{module} ended with {ended.status}: {ended.output[-1500:]}")
        if ended.met_a_defect:
            self.problems.append(f"{module} met a defect: {ended.output[-1500:]}")
        return ended

    def _describe(self, module: str, arguments: dict[str, Any]) -> Job:
        common = {"directory": self.ca.directory, "ca_bundle": str(self.ca.ca_bundle), "store": str(self.store)}
        # a report asks the CA nothing
        given = {**common, **({} if module == "report" else {"request_timeout": 3}), **arguments}
        return Job(module, given, self.accident, self.clock, self.environment)

    def chain(self, wanted: Wanted) -> bytes:
        """The certificate that is in place, with its chain; empty when there is none."""
        path = wanted.folder(self.store) / "live" / "fullchain.pem"
        return path.read_bytes() if path.exists() else b""

    def is_obtained(self, wanted: Wanted) -> bool:
        """Whether there is the certificate that was wanted, and not the one before."""
        faults = list(problems_of_live(wanted.folder(self.store), wanted))
        return not faults and self.chain(wanted) != self.had.get(wanted)

    def lost(self) -> list[str]:
        """What was there and is not there any more, whole and fitting together."""
        return [f"{each} {fault}" for each in self.old for fault in problems_of_live(each.folder(self.store), each)]

    def lost_in_sight(self) -> list[str]:
        """The same while a fault lasts: what an ordinary user may not read then is judged when it is over."""
        return [f"{each} {fault}" for each in self.old for fault in _in_sight(each.folder(self.store), each)]

    def values_left(self) -> int:
        """How many TXT values there are on all primaries."""
        return sum(len(values) for owners in values_left(self.lab).values() for values in owners.values())

    def left_behind(self) -> list[str]:
        """Parts, orders, keys and entries of the ledger that should not be in the store any more."""
        found = problems_of_folder(self.store, self.wanted)
        return [each for each in found if not (self.trouble.sets_aside and ".broken was left behind" in each)]


def _has_result(ended: Ended) -> bool:
    try:
        return bool(ended.result)
    except AssertionError:
        return False


def _in_sight(folder: Path, wanted: Wanted) -> list[str]:
    try:
        return list(problems_of_live(folder, wanted))
    except PermissionError:
        return []
