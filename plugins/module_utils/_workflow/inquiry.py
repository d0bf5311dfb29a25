# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the CA when it wants certificates to be renewed, no oftener than it wants to be asked (RFC 9773 §4.3)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import MAXYEAR, datetime, timedelta
from random import SystemRandom

from .._acme.pauses import PausedError
from .._acme.problem import NetworkError, ProblemError
from .._acme.renewal_info import USUAL_INTERVAL, BadRenewalInfoError, RenewalInfo, clamp_pause, fetch_renewal_info
from .._acme.session import Session
from .._core.clock import Clock, format_instant, read_instant
from .._core.errors import Error, InputError, StoreError
from .._core.files import Files
from .._core.known import known
from .._core.workers import do_each, guarded
from .._store.certificates import CertificateStore
from .._store.layout import authority_name
from .._store.memory import AccountMemory
from .connection import Authority, OpenSession, connect
from .plan import Decision, Stored
from .renewal import LONGEST_INTERVAL, Renewal, Window, choose_instant, may_ask, usable_part
from .wanted import Target

ENOUGH = 4  # questions in a row without an answer: the others would get none either
REST = timedelta(minutes=10)  # after that
FIRST_PAUSE = timedelta(seconds=USUAL_INTERVAL)  # after a certificate was issued: its window is far away then
LOTS = SystemRandom()
FEW = 10  # certificates that are named one by one


@dataclass(frozen=True)
class Question:
    """A certificate whose window is to be asked for."""

    target: Target
    stored: Stored

    @property
    def renewal(self) -> Renewal:
        """What is known of its renewal so far."""
        return known(self.stored.renewal)


@dataclass
class Findings:
    """What came of asking: sentences worth reading, whether anything was learned, and how many requests it took."""

    notes: list[str] = field(default_factory=list)
    learned: bool = False
    requests: int = 0


class Inquiry:
    """The questions of one account to its CA, ``width`` at a time; ``chance`` draws lots from 0 to 1.

    For who holds the lock of the store.
    """

    def __init__(
        self,
        files: Files,
        authority: Authority,
        width: int,
        clock: Clock,
        *,
        chance: Callable[[], float] = LOTS.random,
        open_session: OpenSession = connect,
    ) -> None:
        self._files = files
        self._authority = authority
        self._width = width
        self._clock = clock
        self._chance = chance
        self._open_session = open_session
        self._store = CertificateStore(files)

    def ask(self, decisions: Iterable[Decision], account_uri: str | None) -> Findings:
        """Ask for the windows that are to be asked for now, and remember the answers beside the certificates.

        Nothing is sent when there are none, or while the CA is left alone. No answer is no error: what is
        known already stays in force, and without it the lifetime decides.
        """
        findings = Findings()
        now = self._clock.now()
        targets = [(each.target, each.stored) for each in decisions if each.stored is not None]
        questions = [Question(*each) for each in targets if self._is_open(each[1], account_uri, now)]
        if not questions or self._is_resting(now):
            return findings
        try:
            with guarded(), self._open_session(self._authority, self._files, self._width, self._clock) as session:
                if session.directory.renewal_information is None:
                    self._rest(now + LONGEST_INTERVAL, "the CA offers no renewal information")
                else:
                    self._ask_all(_Round(session, self._store, self._chance, targets), questions, findings)
                findings.requests = sum(session.network.requests.values())
        except InputError:
            raise
        except Error as error:
            findings.notes.append(self._give_up(error))
        return findings

    def _ask_all(self, this_round: _Round, questions: Sequence[Question], findings: Findings) -> None:
        answered, failed = do_each(this_round.ask, questions, self._width)
        findings.learned = any(answered.values())
        findings.notes += [*this_round.told.sentences(), *dict.fromkeys(error.message for error in failed.values())]
        if this_round.trouble:
            findings.notes.append(self._give_up(this_round.trouble))

    def _is_open(self, stored: Stored, account_uri: str | None, now: datetime) -> bool:
        """Whether a certificate is one of this account's that has not expired, and the time for a question has come."""
        if stored.renewal is None or account_uri is None or now >= stored.not_after:
            return False
        if (stored.directory, stored.account_uri) != (self._authority.directory, account_uri):
            return False
        first = stored.not_before + min(FIRST_PAUSE, (stored.not_after - stored.not_before) / 10)
        return stored.renewal.may_ask(now) and (stored.renewal.asked is not None or now >= first)

    @property
    def _memory(self) -> AccountMemory:
        return AccountMemory(self._files, authority_name(self._authority.directory), self._authority.account)

    def _is_resting(self, now: datetime) -> bool:
        """Whether it is known from an earlier run that it is no use to ask this CA now."""
        memory = self._memory.recall("renewal")
        return not may_ask(read_instant(memory.get("asked")), read_instant(memory.get("next_ask")), now)

    def _rest(self, until: datetime, reason: str) -> None:
        now = format_instant(self._clock.now())
        with suppress(StoreError):  # then the next run finds out again
            self._memory.remember("renewal", {"asked": now, "next_ask": format_instant(until), "reason": reason})

    def _give_up(self, error: Error) -> str:
        """Leave the CA alone for a while, and say so."""
        now = self._clock.now()
        until = now + REST
        if isinstance(error, PausedError):
            until = max(until, error.until)
        elif isinstance(error, ProblemError) and error.retry_after is not None:
            until = max(until, now + timedelta(seconds=clamp_pause(error.retry_after)))
        until = min(until, now + LONGEST_INTERVAL)
        self._rest(until, error.message)
        return f"No renewal information, which is asked for again after {format_instant(until)}: {error.message}"


class _Round:
    """One question for each of some certificates, asked by many threads.

    ``targets`` are all certificates, since siblings of those asked about may have chosen an instant. ``trouble``
    is an error that will be over some time; after a few in a row nothing more is asked.
    """

    def __init__(
        self,
        session: Session,
        store: CertificateStore,
        chance: Callable[[], float],
        targets: Iterable[tuple[Target, Stored]],
    ) -> None:
        self._session = session
        self._store = store
        self._chance = chance
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._chosen: dict[str, dict[str, datetime]] = {}
        for target, stored in targets:
            if stored.chosen:
                self._chosen.setdefault(target.name, {})[target.key_type] = stored.chosen
        self.told = _Told()
        self.trouble: Error | None = None

    def ask(self, question: Question) -> bool:
        """Ask about one certificate and remember the answer; whether there was one."""
        if self._in_a_row >= ENOUGH:
            return False
        target = question.target
        try:
            renewal = self._renewal_after(question)
            self._store.update_state(target.name, target.key_type, renewal=renewal.as_section())
        except Error as error:
            self._in_a_row = ENOUGH if isinstance(error, PausedError) else self._in_a_row + 1
            self.trouble = error
            return False
        self._in_a_row = 0
        return True

    def _renewal_after(self, question: Question) -> Renewal:
        try:
            info = fetch_renewal_info(self._session, question.renewal.certificate_id)
        except (NetworkError, ProblemError) as error:
            if not _is_final(error):
                raise
            self.told.refused(question.target, error.message)
            return self._answered(question, USUAL_INTERVAL)
        return self._take(question, info)

    def _answered(self, question: Question, pause: float) -> Renewal:
        now = self._session.network.clock.now()
        return replace(question.renewal, asked=now, next_ask=now + timedelta(seconds=pause))

    def _take(self, question: Question, info: RenewalInfo) -> Renewal:
        before, stored, target = question.renewal, question.stored, question.target
        after = replace(self._answered(question, info.pause), explanation=info.explanation)
        window = _whole_seconds(info)
        if window != before.window:
            part = usable_part(window, stored.not_before, stored.not_after)
            after = replace(after, window=window, chosen=self._choose(target, part) if part else None)
            self.told.window(target, before.window, replace(stored, renewal=after))
        if after.explanation and after.explanation != before.explanation:
            self.told.explained(target, after.explanation)
        return after

    def _choose(self, target: Target, part: Window) -> datetime:
        with self._lock:
            siblings = self._chosen.setdefault(target.name, {})
            siblings.pop(target.key_type, None)
            instant = siblings[target.key_type] = choose_instant(part, siblings.values(), self._chance())
        return instant


class _Told:
    """What is worth telling, collected by many threads and then told in few sentences."""

    def __init__(self) -> None:
        self._moved: dict[Target, str] = {}
        self._explained: dict[Target, str] = {}
        self._refused: dict[Target, str] = {}

    def window(self, target: Target, before: Window | None, stored: Stored) -> None:
        """That a window has moved, or can't be meant; the first one that is known is not worth a word."""
        if stored.chosen is None:
            valid = f"{format_instant(stored.not_before)} to {format_instant(stored.not_after)}"
            text = f"the CA's window {stored.window} makes no sense for a certificate that is valid from {valid}"
            self._moved[target] = f"{text}; its lifetime decides when it is renewed"
        elif before is not None:
            text = f"the CA moved its window for the renewal from {before} to {stored.window}"
            self._moved[target] = f"{text}; it is due from {format_instant(stored.renew_at)} on"

    def explained(self, target: Target, page: str) -> None:
        """That the CA says why on a web page."""
        self._explained[target] = page

    def refused(self, target: Target, message: str) -> None:
        """That the CA has no window for a certificate."""
        self._refused[target] = message

    def sentences(self) -> list[str]:
        """All of it, at most ``FEW`` certificates by name for each kind of news."""
        moved = [f"{target}: {text}" for target, text in sorted(self._moved.items())]
        more = [f"The CA moved its windows for {len(moved) - FEW} more certificates"] if len(moved) > FEW else []
        pages = [f"The CA explains its window for {who} at {page}" for page, who in _by_text(self._explained)]
        refusals = [f"No renewal information for {who}: {text}" for text, who in _by_text(self._refused)]
        return [*moved[:FEW], *more, *pages[:FEW], *refusals[:FEW]]


def _by_text(told: dict[Target, str]) -> list[tuple[str, str]]:
    """Each text with the certificates that it is about."""
    found: dict[str, list[str]] = {}
    for target, text in sorted(told.items()):
        found.setdefault(text, []).append(str(target))
    return [
        (text, ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else ""))
        for text, names in found.items()
    ]


def _is_final(error: Error) -> bool:
    """Whether the same answer is to be expected for hours (RFC 9773 §4.3.3), and not that it gets better soon."""
    if isinstance(error, ProblemError):
        status = error.problem.status or 0
        return status not in (408, 429) and status < 500
    return isinstance(error, BadRenewalInfoError)


def _whole_seconds(info: RenewalInfo) -> Window:
    """The window as it is remembered."""
    end = info.end.replace(microsecond=0)
    if end < info.end and end.year < MAXYEAR:  # there is nothing to round up to after the last year
        end += timedelta(seconds=1)
    return Window(info.start.replace(microsecond=0), end)
