# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading certificates and CSRs that others have made, which may be broken in any part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from .._core.errors import Error
from .._core.plain import cut

FAULTS = (
    ValueError,
    TypeError,
    OverflowError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.AttributeNotFound,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for input that it can't read; most of these are not related to one another."""


@contextmanager
def reading(sentence: str) -> Iterator[None]:
    """Raise Error with this sentence, and the library's reason after it, when the input can't be read.

    The library reads a certificate part by part, when the part is asked for: everything that asks belongs in here.
    """
    try:
        yield
    except FAULTS as error:
        reason = cut(" ".join(str(error).split()))
        raise Error(f"{sentence}: {reason or type(error).__name__}") from error
