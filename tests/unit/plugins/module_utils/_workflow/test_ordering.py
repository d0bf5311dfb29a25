# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module order says it would do, from the list and the store alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.accounts import AccountStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.layout import authority_name
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.ordering import Ordering
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

from tests.unit.plugins.module_utils._core.fakes import FakeClock

CA = "https://acme.example/directory"
ACCOUNT = "https://acme.example/acct/1"
SHOP = {"name": "shop", "domains": ["shop.example.com"], "key_types": ["ecdsa-p256"], "profile": "classic"}
PENDING = {
    "url": "https://acme.example/order/1",
    "identifiers": ["shop.example.com"],
    "profile": "classic",
    "account_uri": ACCOUNT,
}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, False),
        ({"url": None}, True),
        ({"identifiers": ["other.example.com"]}, True),
        ({"profile": None}, True),
        ({"account_uri": "https://acme.example/acct/2"}, True),
    ],
    ids=lambda value: next(iter(value), "nothing") if isinstance(value, dict) else None,
)
def test_only_an_order_that_would_be_taken_up_counts_as_pending(
    tmp_path: Path, change: dict[str, Any], changed: bool
) -> None:
    files = Files(str(tmp_path / "store"))
    AccountStore(files, authority_name(CA), "default").set_record({"account_uri": ACCOUNT})
    CertificateStore(files).set_pending("shop", "ecdsa-p256", {**PENDING, **change})
    ordering = Ordering(files, Authority(CA, "default"), 1, 1.0, FakeClock())
    assert ordering.check(parse_wanted([SHOP]), "present")["changed"] is changed
