# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks on other hosts returned, checked before it is used: anybody may rule such a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..module_utils._core.plain import cut, one_line

LONGEST_OUTPUT = 2000
LONGEST_CSR = 65536
"""In characters; with 100 names and an RSA key of 4096 bits it is some 12,000."""


def read_csrs(answer: Any, wanted: int) -> list[str]:
    """The CSRs that a frontend returned, in the order of the requests; ValueError with what is wrong about the answer."""
    if not isinstance(answer, Mapping):
        raise ValueError("its answer is not a result")
    if has_failed(answer):
        raise ValueError(reason_of(answer))
    csrs = answer.get("csrs")
    if not isinstance(csrs, list):
        raise ValueError("its answer has no list of CSRs")
    if len(csrs) != wanted:
        raise ValueError(f"it was asked for {wanted} CSRs and returned {len(csrs)}")
    return [_read_csr(each) for each in csrs]


def has_failed(answer: Mapping[str, Any]) -> bool:
    """Whether the task failed, or the host could not be reached."""
    return bool(answer.get("failed") or answer.get("unreachable"))


def reason_of(answer: Mapping[str, Any]) -> str:
    """What the host says is the matter: the beginning of it, as text that can be shown."""
    return one_line(cut(str(answer.get("msg") or "it did not say why")))


def output_of(answer: Mapping[str, Any]) -> str:
    """What a command has printed, as one line that can be shown; its errors, if there are any."""
    return one_line(str(answer.get("stderr") or answer.get("stdout") or answer.get("msg") or ""))[:LONGEST_OUTPUT]


def _read_csr(value: Any) -> str:
    csr = value.get("csr") if isinstance(value, Mapping) else None
    if not isinstance(csr, str) or not csr:
        raise ValueError("one of the CSRs in its answer is no text")
    if len(csr) > LONGEST_CSR:
        raise ValueError(f"one of the CSRs in its answer has more than {LONGEST_CSR} characters")
    return csr
