# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be where before a CA may look at some orders, for users who see to that themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._acme.challenge import dns_01, http_01, tls_alpn_01
from ..._core.clock import format_instant
from . import steps
from .run import Attempt, Run


def describe_needs(runs: Sequence[Run]) -> dict[str, Any]:
    """The orders of some runs, and what must be where before the CA may look, for the challenge of each certificate."""
    values: dict[str, dict[str, None]] = {}
    for _identifier, (owner, value) in _answers(runs, "dns-01", dns_01):
        values.setdefault(owner, {})[value] = None
    files = {(name.value, path): content for name, (path, content) in _answers(runs, "http-01", http_01)}
    certificates = dict(answer for _identifier, answer in _answers(runs, "tls-alpn-01", tls_alpn_01))
    return {
        "orders": [_describe_order(attempt) for run in runs for attempt in run.unfinished],
        "dns_records": [{"name": owner, "values": sorted(wanted)} for owner, wanted in sorted(values.items())],
        "http_files": [
            {"identifier": name, "path": path, "content": content} for (name, path), content in sorted(files.items())
        ],
        "tls_certificates": [
            {"identifier": name, "acme_identifier": digest} for name, digest in sorted(certificates.items())
        ],
    }


def _answers(runs: Sequence[Run], kind: str, make: steps.Make) -> steps.Answers:
    """What all attempts with this kind of challenge have to answer with."""
    return [each for run in runs for answers in steps.answers_of(run, kind, make).values() for each in answers]


def _describe_order(attempt: Attempt) -> dict[str, Any]:
    order, target = attempt.placed_order, attempt.decision.target
    return {
        "name": target.name,
        "key_type": target.key_type,
        "url": order.url,
        "status": order.status,
        "expires": format_instant(order.expires) if order.expires else None,
        "new": attempt.ordered,
    }
