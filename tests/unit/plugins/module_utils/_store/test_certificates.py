# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and what is known about them, on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import (
    CertificateStore,
    StoredCertificate,
)

CONTENTS = {
    "privkey.pem": b"key",
    "cert.pem": b"certificate",
    "chain.pem": b"chain",
    "fullchain.pem": b"certificate chain",
}
ORDER = {"url": "https://ca/order/1", "identifiers": ["shop.example"]}
RECORD = {"not_after": "2027-02-21T04:05:05Z", "identifiers": ["shop.example"]}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


@pytest.fixture
def store(files: Files) -> CertificateStore:
    return CertificateStore(files)


def test_an_empty_store_holds_nothing(store: CertificateStore, files: Files) -> None:
    assert list(store.scan()) == []
    assert list(store.scan(["shop"])) == []
    assert store.issuance("shop", "rsa-2048") is None
    assert store.live("shop", "rsa-2048", "cert.pem") is None
    assert store.pending("shop", "rsa-2048") is None
    assert store.pending_key("shop", "rsa-2048") is None
    assert store.state("shop", "rsa-2048") == {}
    store.clear_pending("shop", "rsa-2048")
    assert not os.path.exists(files.root)


def test_a_certificate_is_where_the_layout_says(store: CertificateStore, files: Files) -> None:
    assert store.add_generation("shop", "rsa-2048", CONTENTS, RECORD) == 1
    folder = Path(files.root) / "certificates" / "shop" / "rsa-2048"
    assert os.readlink(folder / "live") == "generations/0001"
    assert sorted(os.listdir(folder / "live")) == [*sorted([*CONTENTS, "issuance.json"])]
    for path in Path(files.root).rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_was_stored_comes_back(store: CertificateStore) -> None:
    store.add_generation("shop", "rsa-2048", CONTENTS, RECORD)
    assert store.issuance("shop", "rsa-2048") == RECORD
    assert store.live("shop", "rsa-2048", "chain.pem") == b"chain"
    assert store.live_set("shop", "rsa-2048", CONTENTS) == CONTENTS


def test_a_file_that_is_lacking_is_named(store: CertificateStore, files: Files) -> None:
    store.add_generation("shop", "rsa-2048", CONTENTS, RECORD)
    files.remove("certificates/shop/rsa-2048/live/chain.pem")
    with pytest.raises(StoreError, match=r"shop/rsa-2048 lacks the file chain\.pem$"):
        store.live_set("shop", "rsa-2048", CONTENTS)


def test_an_order_and_its_key_are_kept_until_they_are_cleared(store: CertificateStore) -> None:
    store.set_pending_key("shop", "rsa-2048", b"key")
    store.set_pending("shop", "rsa-2048", ORDER)
    assert store.pending("shop", "rsa-2048") == ORDER
    assert store.pending_key("shop", "rsa-2048") == b"key"
    # an order alone is no certificate
    assert list(store.scan()) == []
    store.clear_pending("shop", "rsa-2048")
    assert store.pending("shop", "rsa-2048") is None
    assert store.pending_key("shop", "rsa-2048") is None


def test_clearing_cut_off_half_way_leaves_no_order_without_its_key(
    store: CertificateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set_pending_key("shop", "rsa-2048", b"key")
    store.set_pending("shop", "rsa-2048", ORDER)
    unlink = os.unlink

    def refuse_the_key(path: str) -> None:
        if path.endswith(".pem"):
            raise PermissionError(1, "Operation not permitted")
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse_the_key)
    with pytest.raises(StoreError):
        store.clear_pending("shop", "rsa-2048")
    assert store.pending("shop", "rsa-2048") is None


def test_a_state_without_anything_in_it_is_no_file(store: CertificateStore, files: Files) -> None:
    store.set_state("shop", "rsa-2048", {"failures": 2})
    assert store.state("shop", "rsa-2048") == {"failures": 2}
    store.set_state("shop", "rsa-2048", {})
    assert store.state("shop", "rsa-2048") == {}
    assert files.names("certificates/shop/rsa-2048") == []


def test_the_scan_tells_a_broken_record_and_goes_on(store: CertificateStore, files: Files) -> None:
    for name in ("mail", "shop", "web"):
        for key_type in ("rsa-2048", "ecdsa-p256"):
            store.add_generation(name, key_type, CONTENTS, RECORD)
    files.write("certificates/shop/rsa-2048/live/issuance.json", b"{")
    files.write("certificates/stray file", b"")
    found = list(store.scan())
    assert [(each.name, each.key_type) for each in found] == [
        (name, key_type) for name in ("mail", "shop", "web") for key_type in ("ecdsa-p256", "rsa-2048")
    ]
    [broken] = [each for each in found if each.broken]
    assert (broken.name, broken.key_type, broken.issuance) == ("shop", "rsa-2048", None)
    assert "issuance.json is not JSON" in str(broken.broken)


def test_the_scan_of_some_names_looks_at_no_others(store: CertificateStore, files: Files) -> None:
    for name in ("mail", "shop"):
        store.add_generation(name, "rsa-2048", CONTENTS, RECORD)
    files.write("certificates/mail/rsa-2048/live/issuance.json", b"{")
    assert list(store.scan(["shop", "nothing", "shop"])) == [StoredCertificate("shop", "rsa-2048", RECORD)]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"[" * 100_000, b"\xff", b'{"url": 5, "identifiers": []}', b'{"url": "u", "identifiers": [1]}'],
)
def test_an_order_whose_record_is_broken_is_lost(store: CertificateStore, files: Files, content: bytes) -> None:
    files.write("certificates/shop/rsa-2048/order.json", content)
    assert store.pending("shop", "rsa-2048") is None


def test_what_was_never_issued_is_found_when_asked_for(store: CertificateStore) -> None:
    store.set_state("shop", "rsa-2048", {"failures": 1})
    assert list(store.scan()) == []
    assert list(store.scan(unissued=True)) == [StoredCertificate("shop", "rsa-2048", None)]


def test_one_part_of_what_is_remembered_changes_without_the_others(store: CertificateStore) -> None:
    store.update_state("shop", "rsa-2048", failures=2, renewal={"start": "then"})
    store.update_state("shop", "rsa-2048", failures=None)
    assert store.state("shop", "rsa-2048") == {"renewal": {"start": "then"}}


def test_a_broken_state_is_not_trusted_and_set_aside_when_there_is_something_to_remember(
    store: CertificateStore, files: Files
) -> None:
    files.write("certificates/shop/rsa-2048/state.json", b"{half")
    assert store.state("shop", "rsa-2048") == {}
    store.update_state("shop", "rsa-2048", failures=1)
    assert store.state("shop", "rsa-2048") == {"failures": 1}
    assert files.read("certificates/shop/rsa-2048/state.json.broken") == b"{half"


def test_what_was_cut_off_while_it_was_written_goes_with_the_order_or_with_the_next_failure(
    store: CertificateStore, files: Files
) -> None:
    leftover = "certificates/shop/rsa-2048/.new-abc"
    files.write(leftover, b"half a key")
    store.clear_pending("shop", "rsa-2048")
    assert files.read(leftover) is None
    files.write(leftover, b"half a state")
    store.update_state("shop", "rsa-2048", failures=1)
    assert files.read(leftover) is None
