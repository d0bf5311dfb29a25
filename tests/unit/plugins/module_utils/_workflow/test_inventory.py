# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store tells of certificates that have failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.failures import Failures, state_of
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.inventory import list_certificates, search

from tests.unit.plugins.module_utils._core.fakes import START

WISH = {"domains": ["shop.example.com"]}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


def remember(files: Files, failures: Failures) -> None:
    CertificateStore(files).update_state("shop", "ecdsa-p256", **state_of(failures, Error("refused"), WISH))


def test_a_failure_is_listed_with_the_time_of_the_next_attempt(files: Files) -> None:
    remember(files, Failures().failed(START, "refused"))
    (found,) = list_certificates(files, START)
    assert (found["failures"], found["needs_human"]) == (1, False)
    assert found["last_failure"] == {"msg": "refused", "at": "2026-11-23T04:00:00Z"}
    assert found["next_attempt"] == "2026-11-23T04:01:00Z"
    assert found["problem"] is None


def test_what_waits_for_a_human_can_be_searched_for(files: Files) -> None:
    remember(files, Failures().stopped(START, "paused"))
    assert search(list_certificates(files, START), "[?needs_human].name") == ["shop"]


def test_a_state_that_can_not_be_read_is_told(files: Files) -> None:
    files.write("certificates/shop/ecdsa-p256/state.json", b"{")
    (found,) = list_certificates(files, START)
    assert "state.json is not JSON" in found["problem"]
    assert found["failures"] == 0
