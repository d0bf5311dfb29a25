# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA asked us to leave alone for a while: limits and 503 with Retry-After (RFC 8555 §6.6, RFC 9110 §10.2.3).

A kind of request is paused: newOrder, finalize and so on. A limit whose text
names a domain (too many certificates for it, too many failed validations)
pauses no more than the orders with that domain, and one on an exact set of
names pauses nothing at all, as nobody but that one certificate is meant. So
one domain holds up none of the others, and a thousand names below one domain
don't all ask to hear the same.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .._core.clock import SLACK, Clock, format_instant, read_instant
from .._core.errors import Error, StoreError
from .problem import Problem, ProblemError

LONGEST_PAUSE = timedelta(days=7)  # the longest period that a CA is known to count over
LONGEST_OVERLOAD = timedelta(days=1)  # nothing is counted here, and a certificate may be valid for six days only
EXACT_SET = "exact set"
WORD = re.compile(r"[a-z0-9*._:-]+")
URL = re.compile(r"https?://\S*")


@dataclass(frozen=True)
class Pause:
    """No such requests until then; ``problem`` is the CA's document."""

    since: datetime
    until: datetime
    problem: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The form on disk."""
        times = {"since": format_instant(self.since), "until": format_instant(self.until)}
        return {**times, "problem": dict(self.problem)}

    def holds(self, now: datetime) -> bool:
        """Whether it is in force; one that begins in the future was written by a clock that has jumped."""
        return self.since <= now + SLACK and now < self.end

    @property
    def end(self) -> datetime:
        """Until when it is in force, whatever ``until`` says."""
        return min(self.until, self.since + longest_pause(self.problem.get("status")))


class PausedError(Error):
    """A request was not sent since the CA had asked to wait; ``until`` when, and ``problem`` has its words."""

    def __init__(self, kind: str, pause: Pause) -> None:
        reason = Problem.from_json(pause.problem).sentence()
        until = pause.end
        super().__init__(
            f"Not sent: the CA asked at {format_instant(pause.since)} to leave {_describe(kind)}"
            f" until {format_instant(until)}: {reason}",
            until=format_instant(until),
            kind=kind,
            problem=dict(pause.problem),
        )
        self.kind = kind
        self.until = until
        self.problem = Problem.from_json(pause.problem)


class Pauses:
    """The pauses that one account has to keep, shared by all threads.

    ``recalled`` is what ``keep`` was given at some time: by kind of request
    ``since``, ``until`` and ``problem``. The kind has a domain after it when
    only orders with that domain are meant, with a dot before it for those of
    names below it; ``newOrder(renewal)`` then stands for those for names that the
    CA has issued for before. ``keep`` is called at once when there is a new pause.
    """

    def __init__(
        self,
        clock: Clock,
        recalled: Mapping[str, Any] | None = None,
        keep: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._pauses = dict(_read(recalled or {}))

    def check(self, kind: str, names: Sequence[str] = (), renewal: bool = False) -> None:
        """Raise PausedError when no such request (or none for one of these names) may be sent now.

        ``renewal``: the CA has issued for exactly these names before, so that limits on new names don't concern it.
        """
        if not self._pauses:
            return
        now = self._clock.now()
        with self._lock:
            for key in (kind, *_keys(_kind_for_names(kind, renewal), names)):
                pause = self._pauses.get(key)
                if pause and pause.holds(now):
                    raise PausedError(key, pause)

    def note(self, kind: str, error: ProblemError, names: Sequence[str] = (), renewal: bool = False) -> None:
        """Remember the pause that a refusal asks for, if it does; ``renewal`` as for :meth:`check`."""
        if not error.asks_to_wait or not error.retry_after:
            return
        key = _meant(kind, error.problem, names)
        if key is None:
            return
        if key != kind:
            key = key.replace(kind, _kind_for_names(kind, renewal), 1)
        now = self._clock.now()
        until = now + timedelta(seconds=min(error.retry_after, longest_pause(error.problem.status).total_seconds()))
        with self._lock:
            known = self._pauses.get(key)
            if known and known.holds(now) and known.end >= until:
                return
            self._pauses[key] = Pause(now, until, error.problem.as_dict())
            self._pauses = {key: pause for key, pause in self._pauses.items() if pause.holds(now)}
            self._save()

    @contextmanager
    def watch(self, kind: str, names: Sequence[str] = ()) -> Iterator[None]:
        """Around a request: it is not sent during a pause, and what the CA says to it is noted."""
        self.check(kind, names)
        try:
            yield
        except ProblemError as error:
            self.note(kind, error, names)
            raise

    def as_dict(self) -> dict[str, Any]:
        """All that hold now, as ``keep`` gets them."""
        now = self._clock.now()
        return {key: pause.as_dict() for key, pause in sorted(self._pauses.items()) if pause.holds(now)}

    def _save(self) -> None:
        if self._keep is None:
            return
        try:
            self._keep(self.as_dict())
        except StoreError:
            return  # this run keeps it all the same, and what the CA said is not to be lost over it


def _read(recalled: Mapping[str, Any]) -> Iterator[tuple[str, Pause]]:
    """The pauses that can be understood."""
    for key, value in recalled.items():
        if not isinstance(value, Mapping):
            continue
        since, until, problem = read_instant(value.get("since")), read_instant(value.get("until")), value.get("problem")
        if since and until and isinstance(problem, Mapping):
            yield key, Pause(since, until, problem)


def _describe(key: str) -> str:
    """A key in words, to go after "leave"."""
    kind, _space, name = key.partition(" ")
    domain = f" for names below {name[1:]}" if name.startswith(".") else f" for {name}"
    return f"requests of the kind {kind}{domain if name else ''}"


def _kind_for_names(kind: str, renewal: bool) -> str:
    """What stands for the kind in the key of a pause for some names only."""
    return f"{kind}(renewal)" if renewal else kind


def _keys(kind: str, names: Sequence[str]) -> Iterator[str]:
    """The keys of the pauses that concern these names."""
    for name in dict.fromkeys(names):
        yield f"{kind} {name}"
        for parent in _parents(name):
            yield f"{kind} .{parent}"


def _meant(kind: str, problem: Problem, names: Sequence[str]) -> str | None:
    """The key of the pause that a refusal of a request for these names asks for; None when it is theirs alone."""
    if not names or problem.status == 503:
        return kind
    words = words_of(problem)
    if EXACT_SET in problem.sentence().lower():
        return None
    for name in names:
        if name in words:
            return f"{kind} {name}"
    for name in names:
        for parent in _parents(name):
            if parent in words:
                return f"{kind} .{parent}"
    return kind


def concerns_all(problem: Problem, names: Sequence[str]) -> bool:
    """Whether a refusal of a request for these names would have met any other request of its kind, too."""
    return _meant("", problem, names) == ""


def longest_pause(status: object) -> timedelta:
    """How long a refusal with this status is heeded, however long it asks to wait."""
    return LONGEST_OVERLOAD if status == 503 else LONGEST_PAUSE


def words_of(problem: Problem) -> frozenset[str]:
    """The words of a problem in lower case, names among them; what is in URLs is about the CA and left out."""
    text = URL.sub(" ", problem.sentence()).lower()
    return frozenset(word.strip(".-:") for word in WORD.findall(text))


def _parents(name: str) -> list[str]:
    """The domains of at least two labels that a name is below."""
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels) - 1)]
