# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a frontend, and who may read what is there."""

from __future__ import annotations

import base64
import grp
import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._core.lock import Lock
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.access import Access, parse_access
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.state import bring

from tests.unit.plugins.module_utils._x509.throwaway import Authority, Issued

from .conftest import Seal, SetClock

Bring = Callable[..., dict[str, Any]]
DEFAULTS = {"state": "present", "bundle": None, "names": None, "owner": None, "group": None, "mode": None}


@pytest.fixture(scope="session")
def shop(authority: Authority) -> Issued:
    return authority.issue("shop.example")


@pytest.fixture
def bundle(sealed: Seal, shop: Issued) -> str:
    return base64.b64encode(sealed(shop.entry("shop", "ecdsa-p256"))).decode()


@pytest.fixture
def call(files: Files, clock: SetClock) -> Bring:
    """Bring the frontend into a state."""

    def bring_with(*, check: bool = False, **options: Any) -> dict[str, Any]:
        return bring({**DEFAULTS, "path": files.root, **options}, check=check, clock=clock)

    return bring_with


def test_a_frontend_is_prepared_once(tmp_path: Path, call: Bring) -> None:
    path = str(tmp_path / "new")
    first = call(path=path, state="prepared", check=True)
    assert (first["changed"], first["recipient"]) == (True, None)
    assert not os.path.exists(path)
    made = call(path=path, state="prepared")
    assert made["changed"]
    assert made["recipient"].startswith("-----BEGIN CERTIFICATE-----")
    for check in (True, False):
        again = call(path=path, state="prepared", check=check)
        assert (again["changed"], again["recipient"]) == (False, made["recipient"])


def test_create_repeat_remove_repeat_each_in_check_mode_before(call: Bring, bundle: str, shop: Issued) -> None:
    sha256 = shop.entry("", "").sha256
    for options in ({"bundle": bundle}, {"state": "absent", "names": ["shop"]}):
        expected = call(check=True, **options)
        there = len(expected["installed"])
        done = call(**options)
        assert expected["changed"] is done["changed"] is True
        assert expected["certificates"] == done["certificates"]
        assert expected["diff"] == done["diff"]
        assert len(done["installed"]) == 1 - there
        [change] = done["certificates"]
        assert (change["name"], change["key_type"]) == ("shop", "ecdsa-p256")
        assert [(change[when] or {}).get("sha256") for when in ("before", "after")] == (
            [sha256, None] if there else [None, sha256]
        )
        for check in (True, False):
            again = call(check=check, **options)
            assert again["changed"] is False
            assert again["certificates"] == []
            assert again["diff"] == {"before": "", "after": ""}


def test_without_a_bundle_nothing_is_installed(call: Bring) -> None:
    result = call()
    assert result["changed"] is False
    assert result["installed"] == []


def test_a_reload_is_asked_for_where_it_is_done(call: Bring) -> None:
    with pytest.raises(InputError, match=r"^reload_command: 'true' is for state=loaded alone"):
        call(reload_command="true")
    assert not call(state="loaded", reload_command="true")["reload_pending"]


def test_no_key_is_in_a_result(call: Bring, bundle: str) -> None:
    results = [call(state="prepared"), call(bundle=bundle), call(state="absent", names=["shop"])]
    assert "PRIVATE" not in str(results)


@pytest.mark.parametrize("text", ["not base64!", "abc", "äöü"])
def test_what_is_not_base64_is_refused(call: Bring, text: str) -> None:
    with pytest.raises(InputError, match=r"^bundle: .* is not base64$"):
        call(bundle=text)


def test_base64_in_lines_is_fine(call: Bring, bundle: str) -> None:
    lines = "\n".join(bundle[start : start + 64] for start in range(0, len(bundle), 64)) + "\n"
    assert call(bundle=lines)["changed"]


def test_two_tasks_at_a_time_are_kept_apart_and_check_mode_is_not(call: Bring, files: Files, bundle: str) -> None:
    with Lock(files):
        with pytest.raises(Error, match="Another run works on"):
            call(bundle=bundle)
        assert call(bundle=bundle, check=True)["changed"]


def test_access_alone_is_a_change(call: Bring, files: Files, bundle: str) -> None:
    call(bundle=bundle)
    group = grp.getgrgid(os.getgid()).gr_name
    for check, changed in ((True, True), (False, True), (True, False), (False, False)):
        assert call(group=group, check=check)["changed"] is changed
    key = files.path("certificates/shop/ecdsa-p256/live/privkey.pem")
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o640
    assert call(group=group, mode="0600")["changed"]
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600


def test_owner_and_group_go_by_name_or_number() -> None:
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    assert parse_access(user, group, None) == Access(os.getuid(), os.getgid(), 0o640)
    assert parse_access(str(os.getuid()), str(os.getgid()), "0640") == Access(os.getuid(), os.getgid(), 0o640)
    assert parse_access(None, None, None) == Access(None, None, 0o600)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("owner", "nobody-of-this-name", "is no user of this host"),
        ("group", "nobody-of-this-name", "is no group of this host"),
        ("mode", "416", "is no mode"),
        ("mode", "640", "is no mode"),
        ("mode", "u=rw", "is no mode"),
        ("mode", "0888", "is no mode"),
        ("mode", "0644", "every user of the host"),
        ("mode", "0604", "every user of the host"),
        ("mode", "0400", "keep the owner"),
    ],
)
def test_access_that_can_not_be_is_refused_before_anything_is_written(
    call: Bring, tmp_path: Path, option: str, value: str, words: str
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        call(path=str(tmp_path / "new"), **{option: value})
    assert refused.value.details["option"] == option
    assert not os.path.exists(tmp_path / "new")


def test_a_host_without_the_command_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Bring) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Error, match="The openssl command can't be run on this host: No such file"):
        call(path=str(tmp_path / "new"), state="prepared")


def test_what_the_command_says_is_in_the_sentence(tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"openssl can't make a certificate of .*nothing") as refused:
        OpenSsl(run_openssl).make_recipient(str(tmp_path / "nothing"))
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("    DNS:b.example, DNS:*.A.example", ("*.a.example", "b.example")),
        ("    IP Address:2001:DB8:0:0:0:0:0:1, IP Address:192.0.2.1", ("192.0.2.1", "2001:db8::1")),
        ("    DNS:a.example, email:x@example.com", ("a.example", "email:x@example.com")),
        ("    othername:<unsupported>, URI:https://a", ("URI:https://a", "othername:<unsupported>")),
        ("    IP Address:<invalid>", ("<invalid>",)),
    ],
)
@pytest.mark.parametrize(
    "heading", ["X509v3 Subject Alternative Name: \n", "X509v3 Subject Alternative Name: critical\n"]
)
def test_names_as_each_version_of_the_command_tells_them(
    shop: Issued, heading: str, said: str, names: tuple[str, ...]
) -> None:
    def run(arguments: list[str], stdin: bytes) -> tuple[int, bytes, bytes]:
        code, output, messages = run_openssl(arguments, stdin)
        before, _found, _after = output.decode().partition("X509v3")
        return code, f"{heading}{said}\n{before}".encode(), messages

    assert OpenSsl(run).describe(shop.cert, "The certificate").identifiers == names


def test_a_certificate_without_names_has_none(authority: Authority) -> None:
    facts = OpenSsl(run_openssl).describe(authority.root.chain, "The root")
    assert facts.identifiers == ()
    assert facts.not_before < authority.now < facts.not_after
