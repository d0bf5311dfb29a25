# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes to a frontend, and what does not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.bundle import FILES
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.bundle import read_bundle
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Frontend
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import ISSUANCE, CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.delivery import deliver

from tests.unit.plugins.module_utils._x509.throwaway import DAY, Authority, present

Fetch = Callable[..., dict[str, Any]]
NOW = present()


class SetClock:
    """A clock that stands at a time."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("deliveries don't wait")


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Frontend:
    frontend = Frontend(Files(str(tmp_path_factory.mktemp("frontend"))), OpenSsl(run_openssl), SetClock())
    frontend.prepare()
    return frontend


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A store with two certificates of three names each, one of which has expired."""
    files = Files(str(tmp_path / "store"))
    authority, store = Authority(NOW - 30 * DAY), CertificateStore(files)
    for name in ("mail", "shop"):
        for key_type in ("rsa-2048", "ecdsa-p256"):
            fresh = authority.issue(f"{name}.example", key_type=key_type, not_after=NOW + 30 * DAY)
            fresh.store(store, name, key_type)
    authority.issue("old.example", not_after=NOW - DAY).store(store, "old", "ecdsa-p256")
    return files


@pytest.fixture
def fetch(files: Files, frontend: Frontend) -> Fetch:
    """Call the engine of certificate_fetch for the frontend."""

    def call(*, check: bool = False, **options: Any) -> dict[str, Any]:
        defaults: dict[str, Any] = {
            "store": files.root,
            "names": ["all"],
            "key_types": None,
            "installed": [],
            "ignore_missing": False,
        }
        recipient = (frontend.recipient() or b"").decode()
        return deliver({**defaults, "recipient": recipient, **options}, SetClock(), check)

    return call


def targets(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["name"], each["key_type"]) for each in result["certificates"]]


def test_all_that_can_be_used_is_delivered_when_that_is_asked_for(fetch: Fetch) -> None:
    result = fetch()
    assert targets(result) == [(name, kind) for name in ("mail", "shop") for kind in ("ecdsa-p256", "rsa-2048")]
    assert result["missing"] == ["old"]
    [left_out] = result["left_out"]
    assert (left_out["name"], left_out["key_type"]) == ("old", "ecdsa-p256")
    assert left_out["reason"].startswith("its ecdsa-p256 certificate expired at ")
    assert result["changed"] is False


def test_the_bundle_holds_the_files_of_the_store(fetch: Fetch, files: Files, frontend: Frontend) -> None:
    bundle = base64.b64decode(fetch(names=["shop"], key_types=["rsa-2048"])["bundle"])
    paths = [frontend._files.path(f"recipient/{name}.pem") for name in ("cert", "privkey")]
    [entry] = read_bundle(OpenSsl(run_openssl).open_bundle(bundle, *paths)).entries
    assert str(entry) == "shop (rsa-2048)"
    for name, content in entry.files.items():
        assert content == files.read(f"certificates/shop/rsa-2048/live/{name}")


def test_what_is_installed_is_not_sent_again(fetch: Fetch) -> None:
    first = fetch(names=["shop"])
    assert "bundle" not in fetch(names=["shop"], installed=first["certificates"])
    half = fetch(names=["shop"], installed=first["certificates"][:1])
    assert targets(half) == [("shop", "rsa-2048")]
    other = [{**each, "sha256": "00" * 32} for each in first["certificates"]]
    assert targets(fetch(names=["shop"], installed=other)) == targets(first)


def test_names_and_key_types_choose(fetch: Fetch) -> None:
    assert targets(fetch(names=["mail", "mail"], key_types=["ecdsa-p256"])) == [("mail", "ecdsa-p256")]
    assert targets(fetch(names=[])) == []
    assert targets(fetch(names=None)) == []


def test_the_list_says_for_whom_a_certificate_is(fetch: Fetch, tmp_path: Path) -> None:
    listed = [
        {"name": "mail", "domains": ["mail.example"], "frontends": ["web1"]},
        {"name": "shop", "domains": ["shop.example"]},
    ]
    given: dict[str, Any] = {"certificates": listed, "key_types": ["rsa-2048"]}
    assert targets(fetch(**given, frontend="web1", names=None)) == [("mail", "rsa-2048")]
    assert targets(fetch(**given, frontend="web2")) == [("shop", "rsa-2048")]
    with pytest.raises(Error, match="for mail: the list has it for other frontends"):
        fetch(**given, frontend="web2", names=["mail", "shop"])
    path = tmp_path / "list.json"
    path.write_text(json.dumps(listed))
    assert targets(fetch(certificates_file=str(path), frontend="web2", key_types=["rsa-2048"])) == [
        ("shop", "rsa-2048")
    ]


@pytest.mark.parametrize("more", [{}, {"nonsense": 1}], ids=["usable", "unusable"])
def test_a_line_gets_no_certificate_of_others_that_has_its_name(fetch: Fetch, more: dict[str, Any]) -> None:
    """The store keeps what the list does not have any more."""
    listed = [{"name": "mail", "domains": ["evil.example"], "frontends": ["evil"], **more}]
    for names in (None, ["all"], ["mail"]):
        result = fetch(certificates=listed, names=names, frontend="evil", ignore_missing=True)
        assert targets(result) == []
    with pytest.raises(Error, match="for mail: its "):
        fetch(certificates=listed, names=["mail"], frontend="evil")


@pytest.mark.parametrize(
    ("domain", "gets"), [("mail.example", True), ("OTHER.example.", False), ("ail.example", False)]
)
def test_a_frontend_gets_names_of_its_domains_only(fetch: Fetch, domain: str, gets: bool) -> None:
    """Whatever lines of the list say: the operator has bound the frontend to its customer's domains."""
    listed = [{"name": "mail", "domains": ["mail.example", "shop.example"], "frontends": ["web1"]}]
    for installed in ([], [{"name": "mail", "key_type": "rsa-2048", "sha256": "0"}]):
        result = fetch(
            certificates=listed,
            names=None,
            frontend="web1",
            domains=[domain, "other.test"],
            installed=installed,
            ignore_missing=True,
        )
        assert (len(targets(result)) == 2) is gets
    if not gets:
        with pytest.raises(
            Error, match=r"for mail: web1 may not have .*: certfleet_frontend_domains does not include it"
        ):
            fetch(names=["mail"], frontend="web1", domains=[domain])


def test_a_frontend_without_domains_gets_nothing_and_one_of_a_whole_zone_all_below_it(fetch: Fetch) -> None:
    assert targets(fetch(domains=[], frontend="web1")) == []
    with pytest.raises(InputError, match=r"^domains: '\*\.example\.org' has a wildcard"):
        fetch(domains=["*.example.org"])


def test_what_lost_a_name_in_the_list_waits_for_its_renewal_and_stays_where_it_is(fetch: Fetch) -> None:
    more = [{"name": "mail", "domains": ["mail.example", "imap.example"], "frontends": ["web1"]}]
    first = fetch(certificates=more, names=None, frontend="web1")
    assert len(targets(first)) == 2
    less = [{"name": "mail", "domains": ["imap.example"], "frontends": ["web1"]}]
    again = fetch(certificates=less, names=None, frontend="web1", installed=first["certificates"])
    assert (targets(again), again["missing"]) == ([], [])


@pytest.mark.parametrize(
    ("name", "reason"), [("nothing", "there is none"), ("old", "its ecdsa-p256 certificate expired")]
)
def test_a_name_without_a_certificate_fails_the_task_unless_it_may_be_missing(
    fetch: Fetch, name: str, reason: str
) -> None:
    with pytest.raises(Error, match=f"has no certificate to deliver for {name}: {reason}") as refused:
        fetch(names=["shop", name])
    assert refused.value.details == {"missing": [name]}
    result = fetch(names=["shop", name], ignore_missing=True)
    assert result["missing"] == [name]
    assert len(result["certificates"]) == 2


def test_a_key_type_that_there_is_not_is_missing(fetch: Fetch) -> None:
    with pytest.raises(Error, match="for shop: there is none"):
        fetch(names=["shop"], key_types=["ecdsa-p384"])


@pytest.mark.parametrize("file", [ISSUANCE, *FILES])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"{", "of another certificate"])
def test_a_damaged_certificate_holds_up_none_of_the_others(
    fetch: Fetch, files: Files, frontend: Frontend, file: str, content: bytes | str | None
) -> None:
    path = "certificates/{}/rsa-2048/live/" + file
    if isinstance(content, str):
        content = files.read(path.format("mail"))
    if content is None:
        files.remove(path.format("shop"))
    else:
        files.write(path.format("shop"), content)
    result = fetch(names=["shop", "mail"])
    others = [("mail", "ecdsa-p256"), ("mail", "rsa-2048"), ("shop", "ecdsa-p256")]
    assert [target for target in targets(result) if target != ("shop", "rsa-2048")] == others
    assert all((each["name"], each["key_type"]) == ("shop", "rsa-2048") for each in result["left_out"])
    assert result["missing"] == []
    # the frontend takes all of the bundle or nothing
    installed = [change.target for change in frontend.plan(base64.b64decode(result["bundle"]))]
    assert [(each.name, each.key_type) for each in installed] == targets(result)


def test_a_chain_that_has_expired_is_left_out(fetch: Fetch, files: Files) -> None:
    soon = Authority(NOW - 89 * DAY)
    late = soon.issue("late.example", not_after=NOW + 30 * DAY)
    late.store(CertificateStore(files), "late", "ecdsa-p256")
    assert ("late", "ecdsa-p256") in targets(fetch())
    gone = Authority(NOW - 91 * DAY).issue("late.example", not_after=NOW + 30 * DAY)
    gone.store(CertificateStore(files), "late", "ecdsa-p256")
    result = fetch()
    assert ("late", "ecdsa-p256") not in targets(result)
    assert "late" in result["missing"]
    [reason] = [each["reason"] for each in result["left_out"] if each["name"] == "late"]
    assert reason.startswith("the chain of its ecdsa-p256 certificate has a certificate that expired at ")


@pytest.mark.parametrize("name", ["../accounts", "..", "/etc", ""])
def test_names_can_not_lead_out_of_the_store(fetch: Fetch, name: str) -> None:
    with pytest.raises(InputError, match=r"^names: "):
        fetch(names=[name])


@pytest.mark.parametrize("installed", [[{}], [{"name": "shop"}], ["shop"], [None]])
def test_what_is_no_list_of_installed_certificates_is_refused(fetch: Fetch, installed: list[Any]) -> None:
    with pytest.raises(InputError, match=r"^installed: "):
        fetch(installed=installed)


def test_an_unknown_key_type_is_refused(fetch: Fetch) -> None:
    with pytest.raises(InputError, match=r"^key_types: "):
        fetch(key_types=["rsa"])


@pytest.mark.parametrize("recipient", [None, "", "nonsense"])
def test_a_recipient_that_is_none_is_noticed_even_when_nothing_is_lacking(fetch: Fetch, recipient: str | None) -> None:
    with pytest.raises(Error, match="recipient"):
        fetch(names=[], recipient=recipient)


def test_check_mode_does_without_a_recipient(fetch: Fetch) -> None:
    result = fetch(names=["shop"], recipient=None, check=True)
    assert len(result["certificates"]) == 2
    assert "bundle" not in result


def test_no_key_is_in_a_result(fetch: Fetch) -> None:
    assert "PRIVATE" not in str(fetch())
