# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: a bounded number of certificates that go through every step together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..._acme.authorization import Authorization
from ..._acme.order import Order
from ..._acme.session import Session
from ..._core.clock import Clock
from ..._core.errors import Error, NotTriedError
from ..._core.identifier import Identifier
from ..._core.known import known
from ..._core.workers import do_each
from ..._http.challenge import ChallengeFile
from ..._store.certificates import CertificateStore
from ..._x509.chain import CertificateFacts
from ..._x509.csr import Csr
from ..._x509.key import PrivateKey, fingerprint_of
from ..plan import Decision, Stored
from ..wanted import Target, Wanted

STATUSES = ("pending", "ready", "processing", "valid", "invalid")


LONGEST_PAUSE = 60.0
"""Seconds between two looks at an order: CAs have been seen to ask for a day where validation took a second."""


class LostOrderError(Error):
    """Nothing can become of the order, for no fault of the certificate or its names: a new order helps."""


@dataclass
class Attempt:
    """One certificate on its way through a run; with a failure it goes no further.

    ``ordered`` says that its order was made in this run, not resumed, or that it may have been: the answer got
    lost, and ``replaces`` which certificate it names as the one before. ``key_made`` says of the key that it is new.
    ``next_look`` is when the CA wants the order to be read again at the earliest (clock.monotonic()), and ``trouble``
    why the last look at it told nothing.
    ``held`` is why no new order may be made for it, and ``refused`` says that its failure is the CA's wish to be
    asked again later. ``again`` says that an order for it was lost before in this task,
    and ``given_up`` that nothing can become of the one that it has. ``parked`` says that it goes on in a later run,
    once others have put its answers into place, or another order for the same name is through. ``profile`` is the one of its
    order, or the acceptable one that a new order asks for (None: the CA's default).
    """

    decision: Decision
    order: Order | None = None
    ordered: bool = False
    replaces: str | None = None
    key_made: bool = False
    next_look: float = 0.0
    trouble: Error | None = None
    # set by the first step: the key, or for one that is on a frontend what that has signed with it
    key: PrivateKey | None = field(default=None, repr=False)
    csr: Csr | None = None
    chain: bytes | None = None
    issued: CertificateFacts | None = None
    stored: Stored | None = None
    failure: Error | None = None
    held: NotTriedError | None = None
    refused: bool = False
    again: bool = False
    given_up: bool = False
    parked: bool = False
    profile: str | None = None

    # attempts are told apart by who they are, since several may look alike
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    @property
    def fingerprint(self) -> str:
        """That of the key which the certificate has to be for."""
        return self.csr.fingerprint if self.csr else fingerprint_of(self.own_key)

    @property
    def own_key(self) -> PrivateKey:
        """The key, in the steps that come after it was made."""
        if self.key is None:
            raise TypeError(f"{self.decision.target} has no key here")
        return self.key

    @property
    def is_tried_again(self) -> bool:
        """Whether the task tries the certificate once more, since its order was lost: that is no failure yet."""
        return isinstance(self.failure, LostOrderError) and not self.again

    @property
    def placed_order(self) -> Order:
        """The order, in the steps that come after it was made."""
        return known(self.order)

    def is_of_others(self, order: Order) -> bool:
        """Whether none of the names that a CA shows for an order is wanted here; CAs may add names or tell none.

        Addresses tell nothing, since there are several texts for one.
        """
        shown, wanted = (
            {each.value for each in identifiers if each.type == "dns"}
            for identifiers in (order.identifiers, self.decision.wanted.identifiers)
        )
        return bool(shown and wanted) and shown.isdisjoint(wanted)


def _names(identifiers: Iterable[Identifier]) -> str:
    """A few names for a sentence."""
    return ", ".join(sorted(each.value for each in identifiers)[:3])


@dataclass(frozen=True)
class Placement:
    """Files that a certificate needs on other hosts; ``hosts`` are hosts and groups of the inventory."""

    target: Target
    hosts: tuple[str, ...]
    files: tuple[ChallengeFile, ...]

    def as_dict(self) -> dict[str, object]:
        """The JSON-safe form."""
        return {
            "certificate": str(self.target),
            "hosts": list(self.hosts),
            "files": [each.as_dict() for each in self.files],
        }


class Memory(Protocol):
    """Where runs leave what later ones have to know."""

    def note_orders(self, attempts: Sequence[Attempt]) -> None:
        """Record the orders that are about to be made; an attempt that may not order is held."""

    def has_ordered(self, wanted: Wanted, url: str) -> bool:
        """Whether an order with this URL was made before for these names."""

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Write down what came of a run."""


@dataclass
class Run:
    """The certificates of a run and what its steps work with.

    ``width`` is how many requests are under way at once, and ``patience`` how
    many seconds the CA gets for validating and as many for issuing. ``updates``
    counts the UPDATE messages by responder. ``refused_answers`` are the URLs of authorizations whose challenge the CA
    called failed when it was answered. ``placements`` and ``requests`` are what the
    parked attempts wait for: answers on other hosts, and CSRs of frontends. ``memory`` is told what the run does.
    """

    session: Session
    store: CertificateStore
    clock: Clock
    attempts: list[Attempt]
    width: int = 16
    patience: float = 120.0
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    refused_answers: set[str] = field(default_factory=set)
    updates: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    requests: list[Wanted] = field(default_factory=list)
    memory: Memory | None = None

    @property
    def going(self) -> list[Attempt]:
        """The attempts that have neither failed nor to wait for others."""
        return [attempt for attempt in self.attempts if attempt.failure is None and not attempt.parked]

    @property
    def unfinished(self) -> list[Attempt]:
        """The attempts with an order that has not become a certificate yet, and has not failed."""
        return [each for each in self.attempts if each.failure is None and each.order and not each.stored]

    def note(self, *notes: str) -> None:
        """Keep what is worth knowing although it stopped nothing, each sentence once."""
        self.notes.extend(note for note in notes if note not in self.notes)

    def take(self, attempt: Attempt, order: Order) -> None:
        """Note an attempt's order as the CA has just shown it, and how long it wants to be left alone.

        Error for an order that is for other names, LostOrderError for a status that RFC 8555 §7.1.6 does not know.
        """
        if attempt.is_of_others(order):
            names, wanted = _names(order.identifiers), _names(attempt.decision.wanted.identifiers)
            raise Error(
                f"The CA's order at {order.url} is for other names: {names} instead of {wanted}", order=order.url
            )
        attempt.order = order
        attempt.next_look = self.clock.monotonic() + min(order.retry_after or 0.0, LONGEST_PAUSE)
        if order.status not in STATUSES:
            raise LostOrderError(f"Nothing can become of the order {order.url}: its status is {order.status}")

    def step(self, function: Callable[[Attempt], None], attempts: list[Attempt] | None = None) -> None:
        """Do one step for all that are going (or for some of them), and let drop out what fails."""
        _done, failed = do_each(function, self.going if attempts is None else attempts, self.width)
        for attempt, error in failed.items():
            attempt.failure = error
