# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .issuance import Issuance
from .lego import Yardstick
from .stored import Look
from .unkind import Unkind

HEAD = ("what", "runs of", "seconds", "per second", "requests each", "updates", "peak MB", "of the limit")


@dataclass(frozen=True)
class Measured:
    """Everything that was measured, each of it one or several times."""

    issuances: Sequence[Sequence[Issuance]]
    unkind: Sequence[Unkind]
    looks: Sequence[Look]
    lego: Yardstick

    def table(self) -> str:
        """A table with the medians; under `seconds` every single measurement stands."""
        rows = [
            HEAD,
            *map(_issuance_row, self.issuances),
            *map(_unkind_row, self.unkind),
            _look_row(self.looks),
            _lego_row(self.lego),
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def summary(self) -> dict[str, Any]:
        """The numbers of the biggest issuance, beside the other two."""
        main = _median(max(self.issuances, key=lambda repeats: (repeats[0].count, repeats[0].run_size)))
        look = sorted(self.looks, key=lambda each: each.seconds)[len(self.looks) // 2]
        return {
            "certificates_per_second": round(main.per_second, 1),
            "requests_per_certificate": round(main.requests_each, 3),
            "updates_per_responder": main.updates,
            "peak_memory_mb": round(main.peak_mb, 1),
            f"noop_seconds_{look.count}": round(look.seconds, 2),
            **{each.what: _key_figure(each) for each in self.unkind},
            "lego_certificates_per_second": round(self.lego.per_second, 2),
            "ratio": round(main.per_second / self.lego.per_second, 1),
        }

    @property
    def failures(self) -> list[str]:
        """What could not be measured, and why."""
        return [f"{each.what}: {each.failure}" for each in self.unkind if each.failure]


def _key_figure(unkind: Unkind) -> float | None:
    """The ratio if there is one, else certificates per second."""
    if unkind.issuance is None:
        return None
    return round(unkind.ratio or unkind.issuance.per_second, 2)


def _unkind_row(unkind: Unkind) -> tuple[str, ...]:
    if unkind.issuance is None:
        return (unkind.what, "", "failed", "", "", "", "", "")
    row = _issuance_row([unkind.issuance], unkind.what)
    return (*row[:-1], f"{unkind.ratio:.2f}" if unkind.ratio else "")


def _issuance_row(repeats: Sequence[Issuance], what: str = "") -> tuple[str, ...]:
    middle = _median(repeats)
    return (
        what or f"issue {middle.count}",
        str(middle.run_size),
        _list(each.seconds for each in repeats),
        f"{middle.per_second:.1f}",
        f"{max(each.requests_each for each in repeats):.2f}",
        str(middle.updates),
        f"{max(each.peak_mb for each in repeats):.0f}",
        "",
    )


def _look_row(looks: Sequence[Look]) -> tuple[str, ...]:
    peak = max(each.peak_mb for each in looks)
    return (
        f"{looks[0].count} stored, none due",
        "",
        _list(each.seconds for each in looks),
        "",
        "",
        "",
        f"{peak:.0f}",
        "",
    )


def _lego_row(lego: Yardstick) -> tuple[str, ...]:
    return (f"lego, issue {lego.count}", "", f"{lego.seconds:.2f}", f"{lego.per_second:.2f}", "", "", "", "")


def _median(repeats: Sequence[Issuance]) -> Issuance:
    return sorted(repeats, key=lambda each: each.seconds)[len(repeats) // 2]


def _list(values: Any) -> str:
    return ", ".join(f"{value:.2f}" for value in sorted(values))
