# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorizations and their challenges (RFC 8555 §7.1.4, §7.1.5 and §7.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from .._core.identifier import Identifier
from . import member
from .answer import read_object
from .problem import Problem, UnusableAnswerError
from .session import Session


@dataclass(frozen=True)
class Challenge:
    """One way to prove control; ``token`` is None for kinds that work without."""

    type: str
    url: str
    status: str
    token: str | None = None
    error: Problem | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Challenge:
        """Read a challenge object; NetworkError when it isn't one."""
        what = "an authorization"
        return cls(
            type=member.text(document, "type", what),
            url=member.text(document, "url", what),
            status=member.optional_text(document, "status") or "pending",
            token=member.optional_text(document, "token"),
            error=member.problem(document, "error"),
        )


@dataclass(frozen=True)
class Authorization:
    """The right to one identifier; ``identifier`` has no ``*.``, ``wildcard`` says that it was asked for.

    ``retry_after`` are the seconds that the CA asked to wait when it was read.
    """

    url: str
    identifier: Identifier
    status: str
    challenges: tuple[Challenge, ...]
    wildcard: bool = False
    expires: datetime | None = None
    retry_after: float | None = field(default=None, compare=False)

    @classmethod
    def from_json(cls, url: str, document: Mapping[str, Any], retry_after: float | None = None) -> Authorization:
        """Read an authorization object; NetworkError when it isn't one."""
        what = "an authorization"
        challenges = document.get("challenges")
        return cls(
            url=url,
            identifier=member.identifier(document.get("identifier"), what),
            status=member.text(document, "status", what),
            challenges=tuple(
                Challenge.from_json(each)
                for each in (challenges if isinstance(challenges, list) else [])
                if isinstance(each, Mapping)
            ),
            wildcard=document.get("wildcard") is True,
            expires=member.instant(document, "expires"),
            retry_after=retry_after,
        )

    def challenge(self, type: str) -> Challenge | None:
        """The challenge of this type, or None when the CA doesn't offer it here."""
        return next((each for each in self.challenges if each.type == type), None)

    @property
    def error(self) -> Problem | None:
        """Why validation failed, or None."""
        return next((each.error for each in self.challenges if each.error), None)


def fetch_authorization(session: Session, url: str) -> Authorization:
    """The authorization as it is now."""
    return _read(session, url, session.post(url, None, "the reading of an authorization", kind="authorization"))


def answer(session: Session, challenge: Challenge) -> Challenge | None:
    """Tell the CA that it can validate now (RFC 8555 §7.5.1); the challenge as it is then, None if that can't be read.

    Not repeated when the connection breaks: CAs may refuse a second answer, and
    the authorization tells how it went.
    """
    what = f"the answer to a {challenge.type} challenge"
    response = session.post(challenge.url, {}, what, kind="challenge")
    try:
        return Challenge.from_json(read_object(response, what))
    except UnusableAnswerError:
        return None


def deactivate_authorization(session: Session, url: str) -> Authorization:
    """Give an authorization up, so that the order's failure leaves nothing pending (RFC 8555 §7.5.2)."""
    response = session.post(
        url, {"status": "deactivated"}, "the end of an authorization", kind="authorization", repeatable=True
    )
    return _read(session, url, response)


def _read(session: Session, url: str, response: requests.Response) -> Authorization:
    return Authorization.from_json(url, read_object(response, "an authorization"), session.retry_after(response))
