# SPDX-License-Identifier: GPL-3.0-or-later
"""The table at the end of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .proof import Proof

HEADINGS = ("site", "names", "key types", "not after", "renew at", "served by")


def print_table(proofs: Sequence[Proof]) -> None:
    """One line for each site."""
    rows = [_row(list(group)) for _key, group in groupby(proofs, key=lambda proof: str(proof.certificate["name"]))]
    widths = [max(len(row[column]) for row in [HEADINGS, *rows]) for column in range(len(HEADINGS))]
    for row in [HEADINGS, tuple("-" * width for width in widths), *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(proofs: Sequence[Proof]) -> tuple[str, ...]:
    first = proofs[0].certificate
    served_by = [name for name in proofs[0].served_by if all(name in proof.served_by for proof in proofs)]
    return (
        first["name"],
        _shorten(first["domains"]),
        " ".join(proof.certificate["key_type"] for proof in proofs),
        min(proof.certificate["not_after"] for proof in proofs),
        min(proof.certificate["renew_at"] for proof in proofs),
        " ".join(served_by) or "nobody",
    )


def _shorten(names: Sequence[str]) -> str:
    return " ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"
