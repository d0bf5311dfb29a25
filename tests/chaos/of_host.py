# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong on the validation host, as rows of the matrix."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.lab.ca_faults import always, lose_request

from .points import Accident
from .scene import Scene, Trouble

Begin = Callable[[Scene], AbstractContextManager[None]]

KILLS = (1, 3, 7, 14)
"""At which points of a step."""

PERMISSIONS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Have permissions count for root, too."""


def without_privileges() -> Sequence[str]:
    """What to put before a command so that it can be kept from files."""
    return PERMISSIONS if os.geteuid() == 0 else ()


def full(step: str) -> Begin:
    """From the first file in a step on, no file gets any content."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        scene.accident = Accident("full", step, 1)
        yield
        scene.accident = None
        scene.injected += 1

    return begin


def killed(step: str) -> Begin:
    """SIGKILL at several points of a step, in a run each, while certificates that are in place are renewed."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        for number in KILLS:
            scene.accident = Accident("killed", step, number)
            scene.injected += scene.keep().killed
            scene.problems += [f"meanwhile, {each}" for each in scene.lost()]
        scene.accident = None
        yield

    return begin


def spoilt(pattern: str, content: bytes) -> Begin:
    """Overwrite files of the store; those that there are."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        for path in sorted(scene.store.glob(pattern)):
            path.write_bytes(content)
            scene.injected += 1
        yield

    return begin


def after_outage(begin_after: Begin) -> Begin:
    """The same when a run has failed just before, so that there is something to remember."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        scene.ca.inject("finalize", lose_request(), always)
        scene.keep()
        scene.ca.heal()
        with begin_after(scene):
            yield

    return begin


def forbidden(pattern: str, mode: int) -> Begin:
    """Take permissions away, and give them back."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        found = [path for path in sorted(scene.store.glob(pattern)) if not path.is_symlink()]
        modes: dict[Path, int] = {path: path.stat().st_mode & 0o777 for path in found}
        for path in reversed(found):
            path.chmod(mode if path.is_file() else mode | 0o100 * (mode != 0))
        scene.injected += len(found)
        try:
            yield
        finally:
            for path in found:
                path.chmod(modes[path])

    return begin


@contextmanager
def _two_at_once(scene: Scene) -> Iterator[None]:
    """A run that comes to a halt in the middle, holding the lock, while others come and go."""
    with scene.held_up(Accident("stopped", "publish", 1)) as pid:
        refused = scene.keep()
        if "Another run works on" not in refused.output:
            scene.problems.append(f"the second run did not leave the first one alone: {refused.output[-500:]}")
        scene.injected += 1
        os.kill(pid, signal.SIGCONT)
    yield


def clock(seconds: float) -> Begin:
    """Have the CA out of reach while the clock is wrong by so much."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        scene.clock += seconds
        scene.ca.inject("any", lose_request(), always)
        scene.injected += 1
        yield
        scene.ca.heal()
        scene.clock -= seconds

    return begin


@contextmanager
def _other_zone(scene: Scene) -> Iterator[None]:
    """A failure in one time zone, and what follows in others."""
    scene.environment["TZ"] = "America/St_Johns"
    scene.ca.inject("finalize", lose_request(), always)
    yield
    scene.ca.heal()
    scene.environment["TZ"] = "Pacific/Kiritimati"
    scene.injected += 1


BROKEN = b'{"failures": "many", "url'

TROUBLES = (
    *(
        Trouble(f"host: renewal killed in {step}", killed(step), runs=0)
        for step in ("ask for windows", "open orders", "publish", "finalize", "store", "withdraw", "record failures")
    ),
    *(
        Trouble(f"host: disk full in {step}", full(step))
        for step in ("prepare keys", "open orders", "publish", "store", "withdraw")
    ),
    Trouble("host: store read-only", forbidden("**/", 0o400)),
    Trouble("host: certificates not readable", forbidden("certificates/**/*", 0)),
    Trouble("host: one certificate not readable", forbidden("certificates/old/rsa-2048", 0)),
    Trouble("host: ledger not readable", forbidden("dns", 0)),
    *(
        Trouble(f"host: {name} broken", after_outage(spoilt(pattern, BROKEN)), sets_aside=True)
        for name, pattern in (
            ("state.json", "certificates/*/*/state.json"),
            ("order.json", "certificates/*/*/order.json"),
            ("order.pem", "certificates/*/*/order.pem"),
            ("account's memory", "memory/*/*/*.json"),
            ("issuance.json", "certificates/*/*/live/issuance.json"),
            ("account.json", "accounts/*/*/account.json"),
        )
    ),
    Trouble(
        "host: everything in JSON empty",
        after_outage(spoilt("**/*.json", b"")),
        sets_aside=True,
        forgets=True,
        forced=2,
    ),
    Trouble("host: two runs at once", _two_at_once),
    Trouble("host: clock ahead by a week", clock(7 * 86400)),
    Trouble("host: clock behind by a day", clock(-86400)),
    Trouble("host: time zones", _other_zone),
)
"""All of them."""
