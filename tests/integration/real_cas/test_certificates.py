# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates are issued, renewed and revoked at each make of CA."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from .conftest import PATIENCE, UNSEEN, Store, statuses


def site(name: str, *domains: str, **more: Any) -> dict[str, Any]:
    """A certificate of the user's list, with nothing but defaults unless told otherwise."""
    return {"name": name, "domains": list(domains or [f"{name}.fleet.test"]), **more}


def test_twenty_sites_with_all_defaults_get_two_certificates_each_in_one_run(store: Store) -> None:
    result = store.keep(*(site(f"dual{number}") for number in range(20)))
    assert list(statuses(result).values()).count("issued") == len(statuses(result)) == 40
    assert (result["runs"], result["left"]) == (1, 0)


def test_a_wildcard_and_its_base_are_in_one_certificate(store: Store) -> None:
    result = store.keep(site("wild", "wild.fleet.test", "*.wild.fleet.test"))
    assert set(statuses(result).values()) == {"issued"}
    names = certificate(store, "wild").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"wild.fleet.test", "*.wild.fleet.test"}


def test_a_name_that_fails_is_told_with_the_cas_reason_and_holds_up_no_other(store: Store) -> None:
    began = time.monotonic()
    result = store.keep(site("unseen", UNSEEN), site("well"), site("too"))
    seconds = time.monotonic() - began
    found = statuses(result)
    assert {status for (name, _type), status in found.items() if name != "unseen"} == {"issued"}
    # the second certificate for names that have failed is put off
    assert sorted(status for (name, _type), status in found.items() if name == "unseen") == ["deferred", "failed"]
    reasons = [entry["reason"] for entry in result["certificates"] if entry["name"] == "unseen"]
    assert any(store.ca.make.validation_failure in reason for reason in reasons), reasons
    assert seconds < PATIENCE / 3


def test_a_certificate_is_renewed_before_it_expires(store: Store) -> None:
    wanted = site("renewed", key_types=["ecdsa-p256"])
    store.keep(wanted)
    before = certificate(store, "renewed")
    lifetime = before.not_valid_after_utc - before.not_valid_before_utc
    assert set(statuses(store.keep(wanted)).values()) == {"valid"}
    # a window may end with the certificate
    renewed = store.keep(wanted, later=lifetime - timedelta(minutes=10))
    assert set(statuses(renewed).values()) == {"renewed"}
    assert certificate(store, "renewed").serial_number != before.serial_number


def test_a_certificate_is_revoked_by_the_account_and_then_replaced(store: Store) -> None:
    wanted = site("revoked", key_types=["ecdsa-p256"])
    store.keep(wanted)
    before = certificate(store, "revoked")
    revoked = store.revoke("revoked", by_certificate=False)
    assert set(statuses(revoked).values()) == {"revoked"}, revoked
    store.keep(wanted)
    assert certificate(store, "revoked").serial_number != before.serial_number


def test_a_certificate_is_revoked_by_its_own_key_or_the_user_is_told_the_way_out(store: Store) -> None:
    store.keep(site("leaked", key_types=["ecdsa-p256"]))
    revoked = store.revoke("leaked", by_certificate=True)
    if refusal := store.ca.make.key_revocation_refusal:
        assert set(statuses(revoked).values()) == {"failed"}, revoked
        assert refusal in revoked["msg"]
        revoked = store.revoke("leaked", by_certificate=False)
    assert set(statuses(revoked).values()) == {"revoked"}, revoked


def certificate(store: Store, name: str, key_type: str = "ecdsa-p256") -> x509.Certificate:
    """The live certificate in the store."""
    path: Path = store.folder / "certificates" / name / key_type / "live/cert.pem"
    return x509.load_pem_x509_certificate(path.read_bytes())
