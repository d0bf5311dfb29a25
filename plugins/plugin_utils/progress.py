# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting the results of several runs together into the result of one task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

_SUMS = ("runs", "orders", "requests")


def merge_runs(before: Mapping[str, Any], latest: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a task so far, with that of its latest run worked in.

    A certificate's latest outcome takes the place of an earlier one. A run
    that broke off (no ``certificates`` in it) adds its failure and nothing else.
    """
    if not before:
        return dict(latest)
    if "certificates" not in latest:
        return {**before, **latest, "changed": before["changed"]}
    outcomes = {(entry["name"], entry["key_type"]): entry for entry in before["certificates"]}
    outcomes.update({(entry["name"], entry["key_type"]): entry for entry in latest["certificates"]})
    counts = Counter(entry["status"] for entry in outcomes.values())
    return {
        **before,
        "certificates": list(outcomes.values()),
        "counts": {status: counts[status] for status in before["counts"]},
        "changed": before["changed"] or latest["changed"],
        "attempted": [*before["attempted"], *latest["attempted"]],
        "updates": dict(Counter(before["updates"]) + Counter(latest["updates"])),
        "notes": list(dict.fromkeys([*before["notes"], *latest["notes"]])),
        **{key: before[key] + latest[key] for key in _SUMS},
        **_merge_failures(before, latest),
        **_merge_diffs(before, latest),
    }


def describe_run(result: Mapping[str, Any], latest: Mapping[str, Any]) -> str:
    """The line about the latest run, with what is still to come."""
    done = [entry["status"] for entry in latest["certificates"] if entry["status"] in ("issued", "renewed", "failed")]
    counts = Counter(done)
    parts = [f"{counts[status]} {status}" for status in ("issued", "renewed", "failed") if counts[status]]
    left = result["counts"]["deferred"]
    return f"run {result['runs']}: {', '.join(parts)}; {f'{left} left' if left else 'none left'}"


def _merge_failures(before: Mapping[str, Any], latest: Mapping[str, Any]) -> dict[str, Any]:
    messages = [result["msg"] for result in (before, latest) if result.get("failed")]
    return {"failed": True, "msg": "\n".join(messages)} if messages else {}


def _merge_diffs(before: Mapping[str, Any], latest: Mapping[str, Any]) -> dict[str, Any]:
    diffs = [result["diff"] for result in (before, latest) if "diff" in result]
    return {"diff": {side: "".join(diff[side] for diff in diffs) for side in ("before", "after")}} if diffs else {}
