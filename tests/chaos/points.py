# SPDX-License-Identifier: GPL-3.0-or-later
"""The moments at which a process changes something outside of itself, each told by the step it belongs to.

Python's audit events tell of files and connections; what they leave out (bytes that are sent and received, fsync) is
wrapped here. The code under test knows nothing of it.
"""

from __future__ import annotations

import inspect
import os
import resource
import signal
import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Literal

EFFECTS = frozenset(
    (
        *("os.rename", "os.remove", "os.rmdir", "os.symlink", "os.mkdir", "os.chmod", "os.chown", "os.truncate"),
        *("fcntl.flock", "socket.connect", "subprocess.Popen", "shutil.rmtree"),
    )
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
REST = "everything else"
"""What a module does outside the steps."""


Kind = Literal["killed", "stopped", "full"]


@dataclass(frozen=True)
class Accident:
    """What befalls a process at a point: the `number`-th (from 1) of a step, or of all for no step.

    - killed: SIGKILL
    - stopped: SIGSTOP, until somebody continues it
    - full: from then on no file can get any content, as on a full disk
    """

    kind: Kind
    step: str | None
    number: int


def steps() -> dict[str, list[Callable[..., Any]]]:
    """The functions that each step consists of, by its name, in the order in which they come."""
    from ansible_collections.certfleet.acme.plugins.module_utils._core.lock import Lock
    from ansible_collections.certfleet.acme.plugins.module_utils._dns.fleet import Fleet
    from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Frontend
    from ansible_collections.certfleet.acme.plugins.module_utils._workflow import connection, job
    from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.steps import Steps
    from ansible_collections.certfleet.acme.plugins.module_utils._workflow.inquiry import Inquiry
    from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance import (
        awaiting,
        opening,
        steps,
        storing,
    )

    return {
        "lock": [Lock.__enter__],
        "clear finished orders": [job.clear_finished],
        "ask for windows": [Inquiry.ask],
        "withdraw leftovers": [Fleet.withdraw_leftovers],
        "connect": [connection.connect],
        "prepare keys": [steps.prepare_keys],
        "open orders": [opening.open_orders],
        "read authorizations": [steps.read_authorizations],
        "publish": [Fleet.publish],
        "verify": [Fleet.verify],
        "answer": [steps.answer],
        "await validation": [awaiting.await_ready],
        "finalize": [steps.finalize],
        "await issuance": [awaiting.await_issued],
        "download": [steps.download],
        "store": [storing.store_issued],
        "withdraw": [Fleet.withdraw],
        "record failures": [storing.record_failures],
        "account": [Steps.carry_out],
        "prepare frontend": [Frontend.prepare],
        "plan frontend": [Frontend.plan],
        "switch frontend": [Frontend.switch, Frontend.give_access],
    }


class Points:
    """Counts the points of this process by step, and has the accident happen at one."""

    def __init__(self, accident: Accident | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._accident = accident
        self._steps = {_code_of(each): name for name, functions in steps().items() for each in functions}
        self._watching = False
        self._lock = threading.Lock()
        self._thread = threading.local()

    def watch(self) -> None:
        """Begin; what the process has done before doesn't count."""
        self._watching = True
        sys.addaudithook(self._hear)
        for owner, name in ((socket.socket, "send"), (ssl.SSLSocket, "send")):
            _wrap(owner, name, before=self._pass)
        for owner, name in ((socket.socket, "recv"), (ssl.SSLSocket, "recv_into")):
            _wrap(owner, name, after=self._pass)
        _wrap(os, "fsync", before=self._pass)
        self._follow_into_threads()

    def rest(self) -> None:
        """End, since a hook can't be taken away; the disk has room again."""
        self._watching = False
        _soft, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EFFECTS or (event == "open" and (arguments[2] or 0) & WRITING):
            self._pass()

    def _pass(self) -> None:
        if not self._watching:
            return
        step = self._step_of(sys._getframe(1))
        with self._lock:
            self.counts[step] += 1
            total = self.counts.total()
            accident = self._accident
            if accident is None or accident.step not in (step, None):
                return
            if accident.number == (self.counts[step] if accident.step else total):
                self._accident = None
                _befall(accident)

    def _step_of(self, frame: FrameType | None) -> str:
        while frame is not None:
            if frame.f_code in self._steps:
                return self._steps[frame.f_code]
            frame = frame.f_back
        return str(getattr(self._thread, "step", REST))

    def _follow_into_threads(self) -> None:
        """What a thread does belongs to the step that had it done."""
        submit = ThreadPoolExecutor.submit

        def follow(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
            step = self._step_of(sys._getframe(1))

            def work() -> Any:
                self._thread.step = step
                return function(*given, **named)

            return submit(pool, work)

        ThreadPoolExecutor.submit = follow  # type: ignore[method-assign,assignment]


def _befall(accident: Accident) -> None:
    if accident.kind == "full":
        # Python ignores SIGXFSZ, so writing fails as on a full disk, with another reason
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    else:
        os.kill(os.getpid(), signal.SIGKILL if accident.kind == "killed" else signal.SIGSTOP)


def _code_of(function: Callable[..., Any]) -> CodeType:
    code: CodeType = inspect.unwrap(function).__code__
    return code


def _wrap(
    owner: Any, name: str, before: Callable[[], None] | None = None, after: Callable[[], None] | None = None
) -> None:
    wrapped = getattr(owner, name)

    def wrapper(*arguments: Any, **options: Any) -> Any:
        if before:
            before()
        result = wrapped(*arguments, **options)
        if after:
            after()
        return result

    setattr(owner, name, wrapper)
