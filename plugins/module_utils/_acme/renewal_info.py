# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal information: when a CA wants a certificate to be renewed (RFC 9773 §4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import member
from .answer import read_object
from .problem import NetworkError
from .session import Session

KIND = "renewalInfo"
# seconds between two questions (RFC 9773 §4.3.1, §4.3.3)
SHORTEST_INTERVAL, USUAL_INTERVAL, LONGEST_INTERVAL = 60.0, 6 * 3600.0, 86400.0
WEB_PAGE = re.compile(r"https?://[!-~]{1,2000}")


class BadRenewalInfoError(NetworkError):
    """The CA answered, but with no renewal information that makes sense: the same comes back if asked at once."""


@dataclass(frozen=True)
class RenewalInfo:
    """From ``start`` to ``end`` the CA wants the certificate to be renewed; ``explanation`` is a web page that says why.

    ``pause`` is how many seconds it wants to be left alone now: never less than a minute or more than a day.
    """

    start: datetime
    end: datetime
    explanation: str | None
    pause: float


def fetch_renewal_info(session: Session, certificate_id: str) -> RenewalInfo:
    """What the CA says about a certificate; BadRenewalInfoError when that makes no sense (RFC 9773 §4.1, §4.2)."""
    what = "the question for renewal information"
    base, mark, query = session.directory.endpoint(KIND).partition("?")
    url = f"{base.rstrip('/')}/{certificate_id}{mark}{query}"
    response = session.get(url, KIND, what)
    try:
        document = read_object(response, what)
    except NetworkError as error:
        raise BadRenewalInfoError(error.message) from error
    window = document.get("suggestedWindow")
    start, end = _read_window(window if isinstance(window, Mapping) else {})
    explanation = member.optional_text(document, "explanationURL")
    return RenewalInfo(
        start,
        end,
        explanation if explanation and WEB_PAGE.fullmatch(explanation) else None,
        clamp_pause(session.retry_after(response)),
    )


def clamp_pause(seconds: float | None) -> float:
    """How long to wait before the next question, from what a CA asks for; six hours when it does not say."""
    return USUAL_INTERVAL if seconds is None else min(max(seconds, SHORTEST_INTERVAL), LONGEST_INTERVAL)


def _read_window(window: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start, end = member.instant(window, "start"), member.instant(window, "end")
    if start is None or end is None:
        raise BadRenewalInfoError("The CA answered with renewal information whose window is missing or not valid")
    if end <= start:
        raise BadRenewalInfoError("The CA answered with renewal information whose window ends before it begins")
    return start, end
