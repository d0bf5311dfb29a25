# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of revocations, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.revocation import REASONS
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.revoked import (
    REVOCATIONS,
    Revocation,
    read_revocation,
    read_revocations,
)
from ansible_collections.certfleet.acme.plugins.modules import certificate_revoke

NOW = "2026-11-26T18:00:00Z"
MARKED = Revocation("superseded", NOW, directory="https://ca.test/directory", certificate="PEM")


def test_what_is_written_is_read_again() -> None:
    done = Revocation("key_compromise", NOW, revoked_at=NOW)
    state = {REVOCATIONS: {"0a": MARKED.as_record(), "0b": done.as_record()}}
    assert read_revocations(state) == {"0a": MARKED, "0b": done}
    assert read_revocation(state, "0b") == done
    assert (MARKED.done, done.done) == (False, True)


def test_others_are_not_shown_the_certificate() -> None:
    assert MARKED.as_dict() == {"reason": "superseded", "asked_at": NOW, "revoked_at": None}


@pytest.mark.parametrize(
    "section",
    [None, [], "x", {"0a": None}, {"0a": {}}, {"0a": {"reason": "x"}}, {"0a": {"reason": 1, "asked_at": NOW}}],
)
def test_what_is_broken_counts_as_not_there(section: Any) -> None:
    assert read_revocations({REVOCATIONS: section}) == {}
    assert read_revocation({REVOCATIONS: section}, "0a") is None


@pytest.mark.parametrize("serial", [None, 10, "0c"])
def test_another_serial_number_is_another_certificate(serial: object) -> None:
    assert read_revocation({REVOCATIONS: {"0a": MARKED.as_record()}}, serial) is None


def test_the_module_has_the_reasons_of_the_engine() -> None:
    assert set(certificate_revoke.REASONS) == set(REASONS)
