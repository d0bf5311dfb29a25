# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a message to a webhook."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from .._core.clock import format_instant
from .._core.errors import Error, InputError
from .._core.url import split_url
from .digest import Digest
from .survey import Row, Survey

TIMEOUT = 30.0


@dataclass(frozen=True)
class Webhook:
    """Where messages are posted to. The address may be a secret, so it has a ``name`` to be told by."""

    name: str
    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None

    @property
    def key(self) -> str:
        """What it is remembered by."""
        return f"webhook {self.name} {hashlib.sha256(self.url.encode()).hexdigest()[:16]}"


def parse_webhook(options: Mapping[str, Any], number: int) -> Webhook:
    """An entry of the option ``webhooks``; InputError, which does not quote the address, for what can't be used."""
    parts = split_url(options["url"])
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
        raise InputError(f"webhooks[{number}].url", "(hidden)", "is not an address with https or http")
    if parts.scheme == "http" and options["token"]:
        raise InputError(f"webhooks[{number}].url", "http://…", "would show the token to everybody on the way")
    return Webhook(options["name"] or parts.hostname or "", options["url"], options["token"], options["ca_bundle"])


def post(webhook: Webhook, survey: Survey, digest: Digest) -> None:
    """POST the message as JSON; Error, without address and token, unless the answer's status is 2xx."""
    headers = {"Authorization": f"Bearer {webhook.token}"} if webhook.token else {}
    try:
        response = requests.post(
            webhook.url,
            json=body_of(survey, digest),
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=False,  # a token is for nobody else
            verify=webhook.ca_bundle or True,
        )
    except (requests.RequestException, OSError) as error:
        raise Error(f"Webhook {webhook.name} could not be reached: {_kind(error)}") from None
    if not response.ok or response.is_redirect:
        raise Error(f"Webhook {webhook.name} answered with status {response.status_code}")


def body_of(survey: Survey, digest: Digest) -> dict[str, Any]:
    """What is posted: ``text`` is what chat systems show, the rest is for programs."""
    return {
        "text": f"{digest.subject}\n\n{digest.text}",
        "subject": digest.subject,
        "host": survey.host,
        "time": format_instant(survey.now),
        "directory": survey.directory,
        "counts": survey.counts,
        "problems": [describe_row(row, survey) for row in survey.problems],
        "notes": list(survey.notes),
    }


def describe_row(row: Row, survey: Survey) -> dict[str, Any]:
    """A row in JSON-safe form; times as RFC 3339 text."""
    instants = {member: getattr(row, member) for member in ("not_after", "renew_at", "next_attempt")}
    return {
        "name": row.name,
        "key_type": row.key_type,
        "domains": list(row.domains),
        "state": row.state(survey.now),
        "reason": row.reason,
        "failures": row.failures,
        "failure": dict(row.failure),
        **{member: instant and format_instant(instant) for member, instant in instants.items()},
    }


def _kind(error: Exception) -> str:
    """What went wrong, in words that have nothing of the address in them."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT:.0f} s"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted, or TLS failed"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
