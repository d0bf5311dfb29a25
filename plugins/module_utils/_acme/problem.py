# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA says when it refuses something (RFC 8555 §6.7, RFC 7807)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._core.clock import read_instant
from .._core.errors import Error
from .._core.identifier import Identifier
from .._core.plain import tame

PREFIX = "urn:ietf:params:acme:error:"
DATE = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)? ?(?:Z|UTC|\+00:?00)(?!\w)")
# A document nested deeper than RFC 8555 §6.7.1 allows is kept as it came, but not taken apart.
DEEPEST = 2


@dataclass(frozen=True)
class Problem:
    """A problem document; ``document`` is the JSON object as the CA sent it, as far as it can be shown."""

    type: str
    detail: str = ""
    status: int | None = None
    subproblems: tuple[Problem, ...] = ()
    identifier: Identifier | None = None
    instance: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], depth: int = 0) -> Problem:
        """Read a problem document; members of the wrong kind count as missing, so this never fails."""
        document = tame(document) if depth == 0 else document
        status = document.get("status")
        subproblems = document.get("subproblems")
        parts = subproblems if isinstance(subproblems, list) and depth < DEEPEST else []
        return cls(
            type=_text(document, "type") or "about:blank",
            detail=_text(document, "detail") or _text(document, "title"),
            status=status if isinstance(status, int) and not isinstance(status, bool) else None,
            subproblems=tuple(cls.from_json(part, depth + 1) for part in parts if isinstance(part, Mapping)),
            identifier=read_identifier(document.get("identifier")),
            instance=_text(document, "instance") or None,
            document=document,
        )

    def as_dict(self) -> dict[str, Any]:
        """The whole document, as the CA sent it where it did."""
        if self.document:
            return dict(self.document)
        own: dict[str, Any] = {
            "type": self.type,
            "detail": self.detail,
            "status": self.status,
            "instance": self.instance,
        }
        if self.identifier:
            own["identifier"] = {"type": self.identifier.type, "value": self.identifier.value}
        if self.subproblems:
            own["subproblems"] = [part.as_dict() for part in self.subproblems]
        return {name: value for name, value in own.items() if value not in ("", None)}

    @property
    def name(self) -> str:
        """The type without the prefix that all ACME errors share: ``rateLimited``."""
        if self.type == "about:blank":
            return f"HTTP {self.status}" if self.status else "an unnamed problem"
        return self.type.removeprefix(PREFIX)

    def sentence(self) -> str:
        """All that the document says, on one line: each subproblem after the name that it is about."""
        own = " ".join(f"{self.identifier.value}: {self.reason}".split()) if self.identifier else self.reason
        return "; ".join([own, *(part.sentence() for part in self.subproblems)])

    @property
    def reason(self) -> str:
        """Name and detail of this problem alone, on one line."""
        return " ".join((f"{self.name}: {self.detail}" if self.detail else self.name).split())

    @property
    def retry_at(self) -> datetime | None:
        """The latest date (UTC) in the text: a limit often says there until when it holds (``retry after 2026-…``)."""
        found = (read_instant(f"{day}T{time}Z") for day, time in DATE.findall(self.sentence()))
        return max((instant for instant in found if instant), default=None)

    def by_identifier(self) -> dict[Identifier, tuple[Problem, ...]]:
        """The problem and its subproblems that name an identifier, by that identifier."""
        found: dict[Identifier, tuple[Problem, ...]] = {}
        for part in _walk(self):
            if part.identifier:
                found[part.identifier] = (*found.get(part.identifier, ()), part)
        return found


class ProblemError(Error):
    """The CA refused a request; ``details`` hold the whole document, and the sentences by name.

    ``retry_after`` is in seconds from when the answer came (RFC 8555 §6.6), or None. ``given_up`` says that
    this was waited out for as long as there was patience, so that nobody waits for it again.
    """

    given_up = False

    def __init__(self, what: str, host: str, problem: Problem, retry_after: float | None = None) -> None:
        later = "" if retry_after is None else f" (it asks to come back in {retry_after:.0f} s)"
        super().__init__(
            f"The CA at {host} refused {what}: {problem.sentence()}{later}",
            problem=problem.as_dict(),
            retry_after=retry_after,
            identifiers={
                identifier.value: "; ".join(part.reason for part in parts)
                for identifier, parts in problem.by_identifier().items()
            },
        )
        self.what = what
        self.problem = problem
        self.retry_after = retry_after

    @property
    def uncertain(self) -> bool:
        """Whether what was asked for may have been done all the same: something on the way failed, before or after."""
        return self.problem.status in (500, 502, 504)

    @property
    def asks_to_wait(self) -> bool:
        """Whether the CA has too much to do, or we have asked for too much; RFC 8555 §6.6 names no status for that."""
        return self.problem.status in (429, 503) or self.is_("rateLimited")

    def is_(self, name: str) -> bool:
        """Whether the problem is the ACME error of this name (``badNonce``)."""
        return self.problem.type == PREFIX + name


class NetworkError(Error):
    """The CA can't be reached, or what answers doesn't speak ACME.

    ``uncertain`` says that the request may have reached the CA and been acted
    on although no answer of use came back.
    """

    def __init__(self, message: str, uncertain: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.uncertain = uncertain


class LostConnectionError(NetworkError):
    """The connection broke after the request had been sent, before the answer came."""

    def __init__(self, message: str) -> None:
        super().__init__(message, uncertain=True)


class UnusableAnswerError(NetworkError):
    """An answer came, but not one that the RFCs know, so that what has become of the request is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(message, uncertain=True)


def read_identifier(value: object) -> Identifier | None:
    """A JSON identifier object (RFC 8555 §7.1.3), or None for anything else."""
    if not isinstance(value, Mapping):
        return None
    kind, name = value.get("type"), value.get("value")
    if kind not in ("dns", "ip") or not isinstance(name, str) or not name:
        return None
    return Identifier(kind, name.lower())


def _walk(problem: Problem) -> Iterator[Problem]:
    yield problem
    for part in problem.subproblems:
        yield from _walk(part)


def _text(document: Mapping[str, Any], member: str) -> str:
    value = document.get(member)
    return value if isinstance(value, str) else ""
