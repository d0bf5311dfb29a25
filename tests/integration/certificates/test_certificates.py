# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job, through Ansible, against a real CA and four real name servers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.lab import Lab
from tests.modules import run_module

from .conftest import Keep, authority, dns

SHOP = {"name": "shop", "domains": ["shop.test", "*.shop.test"], "profile": "classic"}
MAIL = {"name": "mail", "domains": ["mail.fleet.test"], "key_types": ["ecdsa-p384"], "profile": "classic"}


def statuses(result: Any) -> dict[tuple[str, str], str]:
    return {(entry["name"], entry["key_type"]): entry["status"] for entry in result["certificates"]}


def leftovers(lab: Lab, store: Path) -> list[Any]:
    """Values that are still on a primary, and what the ledger still has; the secondary follows a moment later."""
    on_primaries = [lab.all_txt(each.name) for each in lab.primaries]
    return [found for found in on_primaries if found] + list(store.glob("dns/*.json"))


def test_certificates_are_issued_once_and_then_valid(lab: Lab, keep: Keep, store: Path) -> None:
    checked = keep([SHOP, MAIL], check=True)
    assert checked.changed
    assert set(statuses(checked).values()) == {"issued"}
    assert not (store / "certificates").exists()

    first = keep([SHOP, MAIL], diff=True)
    assert first.changed, first.output
    assert statuses(first) == {
        ("shop", "rsa-2048"): "issued",
        ("shop", "ecdsa-p256"): "issued",
        ("mail", "ecdsa-p384"): "issued",
    }
    assert first["orders"] == 3
    assert first["counts"]["issued"] == 3
    assert "mail (ecdsa-p384): mail.fleet.test, not after" in first["diff"]["after"]
    assert not leftovers(lab, store)

    for again in (keep([SHOP, MAIL]), keep([SHOP, MAIL], check=True)):
        assert not again.changed
        assert set(statuses(again).values()) == {"valid"}
        assert (again["orders"], again["requests"]) == (0, 0)


def test_what_is_in_the_store_fits_together(keep: Keep, store: Path) -> None:
    assert keep([SHOP]).changed
    for key_type in ("rsa-2048", "ecdsa-p256"):
        live = store / "certificates" / "shop" / key_type / "live"
        certificate, issuer, *_rest = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())
        certificate.verify_directly_issued_by(issuer)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(names.get_values_for_type(x509.DNSName)) == {"shop.test", "*.shop.test"}
        assert (live / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert store.stat().st_mode & 0o777 == 0o700


def test_changed_names_and_key_types_are_renewed_with_the_reason(keep: Keep) -> None:
    assert keep([MAIL]).changed
    more = {**MAIL, "domains": ["mail.fleet.test", "imap.fleet.test"], "key_types": ["ecdsa-p384", "ecdsa-p256"]}
    result = keep([more])
    assert {entry["key_type"]: (entry["status"], entry["reason"]) for entry in result["certificates"]} == {
        "ecdsa-p384": ("renewed", "names changed: +imap.fleet.test"),
        "ecdsa-p256": ("issued", "key types changed: the store has ecdsa-p384"),
    }
    assert not keep([more]).changed


def test_a_changed_setting_orders_nothing_before_the_renewal_unless_it_is_to_apply_now(keep: Keep) -> None:
    assert keep([MAIL]).changed
    otherwise = {**MAIL, "profile": ["gone", "shortlived"], "key_types": ["ecdsa-p384", "ecdsa-p256"]}
    for check in (True, False):
        waiting = keep([otherwise], check=check, fail_on="any")
        assert not waiting.changed
        assert not waiting.failed
        kept, added = waiting["certificates"]
        assert (kept["status"], added["status"], added["next_attempt"]) == ("valid", "deferred", kept["renew_at"])
        assert "profile changed from classic to gone or shortlived, for the renewal that is due from" in kept["reason"]
        assert waiting["requests"] == 0

    assert keep([otherwise], check=True, apply="now").changed
    result = keep([otherwise], apply="now")
    assert {entry["status"] for entry in result["certificates"]} == {"renewed", "issued"}, result.output
    assert not keep([otherwise], apply="now").changed
    nothing = keep([{**otherwise, "profile": ["gone", "past"], "apply": "now"}])
    assert "profile: 'gone, past' are not known to " in nothing["certificates"][0]["reason"]


def test_one_failing_name_does_not_hold_up_the_others(lab: Lab, keep: Keep, store: Path) -> None:
    blocked = {"name": "blocked", "domains": ["www.blocked.test"], "profile": "classic"}
    elsewhere = {"name": "elsewhere", "domains": ["www.nowhere.test"], "profile": "classic"}
    result = keep([blocked, MAIL, elsewhere])
    assert result.failed
    assert statuses(result)["mail", "ecdsa-p384"] == "issued"
    assert result["counts"] == {"issued": 1, "renewed": 0, "valid": 0, "deferred": 2, "failed": 2}
    assert "blocked (ecdsa-p256): " in result["msg"]
    (refused,) = [each for each in result["certificates"] if each["name"] == "blocked" and each["status"] == "failed"]
    assert "rejectedIdentifier" in json.dumps(refused["failure"]["problem"])
    assert "nowhere.test" in result["msg"]
    assert not leftovers(lab, store)


def test_a_failure_is_remembered_and_a_success_clears_it(lab: Lab, keep: Keep, store: Path) -> None:
    lab.change_tsig("bind")
    failed = keep([MAIL], fail_on="never")
    assert not failed.failed
    assert "bind" in failed["certificates"][0]["reason"]
    query = {"store": str(store), "query": "[].{name: name, failures: failures, why: last_failure.msg}"}
    (remembered,) = run_module(lab, "store_info", query)["certificates"]
    assert (remembered["name"], remembered["failures"]) == ("mail", 1)
    assert "bind" in remembered["why"]
    lab.restore_tsig("bind")
    assert keep([MAIL], retry=["mail"]).changed
    assert run_module(lab, "store_info", query)["certificates"] == [{"name": "mail", "failures": 0, "why": None}]


def test_a_value_missing_on_one_responder_is_never_shown_to_the_ca(lab: Lab, keep: Keep) -> None:
    lab.lag("nsd")
    result = keep([MAIL], wait=2)
    assert result.failed
    address = next(each.address for each in lab.responders if each.name == "nsd")
    assert re.search(rf"nsd {re.escape(address)}\S*/udp: 0 of 1 values? after", result["msg"]), result["msg"]
    lab.release("nsd")
    resumed = keep([MAIL], retry=["all"])
    assert resumed.changed
    assert resumed["orders"] == 0, "the pending order was not taken up again"


def test_runs_are_bounded_and_told_one_by_one(keep: Keep) -> None:
    sites = [
        {"name": f"s{number}", "domains": [f"s{number}.fleet.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}
        for number in range(5)
    ]
    first = keep(sites, run_size=2, max_runs=1)
    assert first["counts"] == {"issued": 2, "renewed": 0, "valid": 0, "deferred": 3, "failed": 0}
    rest = keep(sites, run_size=2)
    assert rest["counts"] == {"issued": 3, "renewed": 0, "valid": 2, "deferred": 0, "failed": 0}
    assert rest["runs"] == 2
    assert "run 1: 2 issued; 1 left" in rest.output
    assert "run 2: 1 issued; none left" in rest.output


def test_the_list_can_come_from_a_file(keep: Keep, tmp_path: Path) -> None:
    path = tmp_path / "certificates.json"
    path.write_text(json.dumps([MAIL]))
    assert keep(None, certificates_file=str(path)).changed
    assert not keep(None, certificates_file=str(path)).changed


def test_a_strict_list_is_refused_before_anything_is_sent_and_leaves_the_store_as_it_was(
    lab: Lab, keep: Keep, store: Path
) -> None:
    def snapshot() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in store.rglob("*") if path.is_file() and path.name != ".lock"}

    before = snapshot()
    changes: list[tuple[dict[str, Any], str]] = [
        ({"domains": ["a..b.test"]}, "certificates[1].domains: 'a..b.test' has an empty label"),
        ({"name": "../x"}, "certificates[1].name: '../x'"),
        ({"name": "mail"}, "certificates[0].name: 'mail' is the name of another certificate"),
        ({"key_types": ["dsa"]}, "certificates[1].key_types: 'dsa'"),
        ({"challenge_hosts": ["front1"]}, "certificates[1].challenge_hosts: ['front1'] is for http-01"),
        (
            {"challenge": "http-01", "domains": ["a.fleet.test"], "challenge_addresses": ["front1"]},
            "certificates[1].challenge_addresses: 'front1' is not an IPv4 or IPv6 address",
        ),
    ]
    for change, part in changes:
        result = keep([MAIL, {**SHOP, **change}], strict=True)
        assert result.failed
        assert part in result["msg"]
        assert "certificates" not in result.result
    assert snapshot() == before


def test_an_entry_is_read_as_ansible_reads_options(keep: Keep) -> None:
    result = keep([{**MAIL, "domains": ",".join(MAIL["domains"]), "reuse_key": "no"}, "name=text domains=x_.test"])
    counts = result["counts"]
    assert (counts["valid"] + counts["issued"], counts["failed"]) == (1, 2)
    assert "x_.test (rsa-2048): " not in result["msg"], "it is called as it says"
    assert "text (rsa-2048): certificates[1].domains: 'x_.test' has a label" in result["msg"]


@pytest.mark.parametrize(("value", "part"), [(0, "max_runs: 0 is less than 1"), ("abc", "max_runs")])
def test_a_number_of_runs_that_makes_no_sense_is_told(keep: Keep, value: object, part: str) -> None:
    result = keep([MAIL], max_runs=value)
    assert result.failed
    assert part in result["msg"]


def test_an_account_that_is_not_registered_is_told(lab: Lab, keep: Keep) -> None:
    result = keep([MAIL], account="other")
    assert result["msg"].startswith("account: 'other' is not registered at https://")


def test_no_secret_is_printed_at_any_verbosity(lab: Lab, keep: Keep, store: Path) -> None:
    output = keep([MAIL]).output
    keys = [line for path in store.rglob("*.pem") for line in path.read_text().splitlines() if "privkey" in path.name]
    assert keys
    for secret in [*keys, *(key.secret for key in lab.tsig_keys.values())]:
        if "PRIVATE KEY" not in secret:
            assert secret not in output
    assert "PRIVATE KEY" not in output


def test_an_interrupted_order_is_resumed_by_the_order_module_too(lab: Lab, store: Path) -> None:
    arguments = {**authority(lab, store), "certificates": [SHOP]}
    first = run_module(lab, "order", arguments)
    assert first.changed, first.output
    (record,) = first["dns_records"]
    assert record["name"] == "_acme-challenge.shop.test"
    assert len(record["values"]) == 2, "a wildcard and its base name share one owner name, and RSA goes behind ECDSA"
    again = run_module(lab, "order", arguments)
    assert not again.changed
    assert again["dns_records"] == first["dns_records"]

    publish = {"records": first["dns_records"], **dns(lab)}
    assert run_module(lab, "dns01", publish).changed
    finished = run_module(lab, "order", {**arguments, "state": "finalized"})
    assert finished.changed, finished.output
    assert set(statuses(finished).values()) == {"issued"}
    assert run_module(lab, "dns01", {**publish, "state": "absent"}).changed
    for state in ("present", "finalized"):
        assert not run_module(lab, "order", {**arguments, "state": state}).changed
