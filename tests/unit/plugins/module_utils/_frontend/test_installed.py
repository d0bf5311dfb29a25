# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing bundles on a frontend, with the real command and real certificates."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.access import Access
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Frontend
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl

from tests.unit.plugins.module_utils._core.test_files import Killed, Killer
from tests.unit.plugins.module_utils._x509.throwaway import Authority, Issued

from .conftest import FILES, Recorded, Seal, SetClock, install, live, tree


def test_a_bundle_is_installed_and_installing_it_again_changes_nothing(
    files: Files, frontend: Frontend, sealed: Seal, shop: Issued, mail: Issued
) -> None:
    bundle = sealed(shop.entry("shop", "ecdsa-p256"), mail.entry("mail", "rsa-2048"))
    changes = install(frontend, bundle)
    assert [(change.target.name, change.before) for change in changes] == [("mail", None), ("shop", None)][::-1]
    assert live(files) == shop.files
    assert live(files, "mail", "rsa-2048") == mail.files
    before = tree(files)
    assert install(frontend, bundle) == []
    assert tree(files) == before


def test_what_is_installed_is_described_as_the_certificates_say(frontend: Frontend, sealed: Seal, shop: Issued) -> None:
    entry = shop.entry("shop", "ecdsa-p256")
    install(frontend, sealed(entry))
    assert [each.as_dict() for each in frontend.installed()] == [
        {
            "name": "shop",
            "key_type": "ecdsa-p256",
            "sha256": entry.sha256,
            "not_after": entry.not_after,
            "identifiers": sorted(entry.identifiers),
        }
    ]


def test_a_renewed_certificate_takes_the_place_of_the_old_one_which_is_kept(
    files: Files, frontend: Frontend, sealed: Seal, shop: Issued, newer: Issued
) -> None:
    for issued in (shop, newer, shop):
        [change] = install(frontend, sealed(issued.entry("shop", "ecdsa-p256")))
    assert change.before is not None
    assert change.after is not None
    assert change.before.sha256 == newer.entry("", "").sha256
    assert change.after.sha256 == shop.entry("", "").sha256
    assert files.names("certificates/shop/ecdsa-p256/generations") == ["0002", "0003"]
    assert files.read("certificates/shop/ecdsa-p256/generations/0002/privkey.pem") == newer.files["privkey.pem"]


def test_planning_writes_nothing(files: Files, frontend: Frontend, sealed: Seal, shop: Issued) -> None:
    before = tree(files)
    [change] = frontend.plan(sealed(shop.entry("shop", "ecdsa-p256")))
    assert change.before is None
    assert tree(files) == before


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_certificate_that_was_damaged_is_installed_again(
    *, files: Files, frontend: Frontend, sealed: Seal, shop: Issued, file: str, content: bytes | None
) -> None:
    bundle = sealed(shop.entry("shop", "ecdsa-p256"))
    install(frontend, bundle)
    path = f"certificates/shop/ecdsa-p256/live/{file}"
    files.remove(path) if content is None else files.write(path, content)
    assert frontend.installed() == []
    assert len(install(frontend, bundle)) == 1
    assert live(files) == shop.files


def test_a_clock_that_is_a_little_slow_does_not_matter(frontend: Frontend, sealed: Seal, authority: Authority) -> None:
    fresh = authority.issue("shop.example", not_before=authority.now + timedelta(minutes=1))
    assert len(frontend.plan(sealed(fresh.entry("shop", "ecdsa-p256")))) == 1


def test_a_certificate_directly_from_a_root_needs_no_chain(
    frontend: Frontend, sealed: Seal, authority: Authority
) -> None:
    root = replace(authority.root, certificates=())
    assert len(install(frontend, sealed(authority.issue("a.example", issuer=root).entry("a", "ecdsa-p256")))) == 1


def test_no_secret_is_in_an_argument_or_a_temporary_file(
    *,
    files: Files,
    frontend: Frontend,
    sealed: Seal,
    shop: Issued,
    command: Recorded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    seen: list[bytes] = []

    def watching(arguments: list[str], stdin: bytes) -> tuple[int, bytes, bytes]:
        for path in scratch.rglob("*"):
            assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0 or path.parent == scratch
            if path.is_file():
                seen.append(path.read_bytes())
        return command(arguments, stdin)

    install(
        Frontend(files, OpenSsl(watching), SetClock(frontend._clock.now())), sealed(shop.entry("shop", "ecdsa-p256"))
    )
    assert seen
    assert not any(b"PRIVATE" in content for content in seen)
    assert "PRIVATE" not in str(command.arguments)
    assert os.listdir(scratch) == []


def test_temporary_files_go_even_when_the_command_fails(
    *, files: Files, sealed: Seal, shop: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: SetClock
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    def failing(arguments: list[str], stdin: bytes) -> tuple[int, bytes, bytes]:
        if arguments[0] == "verify":
            raise Killed
        return run_openssl(arguments, stdin)

    with pytest.raises(Killed):
        install(Frontend(files, OpenSsl(failing), clock), sealed(shop.entry("shop", "ecdsa-p256")))
    assert os.listdir(scratch) == []


def test_killed_between_any_two_steps_each_certificate_is_the_old_one_or_the_new_one(
    *, tmp_path: Path, recipient_files: dict[str, bytes], clock: SetClock, sealed: Seal, shop: Issued, newer: Issued
) -> None:
    old, new = sealed(shop.entry("shop", "ecdsa-p256")), sealed(newer.entry("shop", "ecdsa-p256"))
    for step in range(200):
        files = Files(str(tmp_path / f"frontend{step}"))
        for name, content in recipient_files.items():
            files.write(name, content)
        frontend = Frontend(files, OpenSsl(run_openssl), clock)
        if step == 0:
            changes = [frontend.plan(old), frontend.plan(new)]
        frontend.switch(changes[0])
        with pytest.MonkeyPatch.context() as monkeypatch:
            killer = Killer(monkeypatch, step)
            with contextlib.suppress(Killed):
                frontend.switch(changes[1])
        assert live(files) in (shop.files, newer.files), step
        assert len(frontend.installed()) == 1
        if not killer.dead:
            break
        frontend.switch(changes[1])
        assert live(files) == newer.files
    # it was killed in many places, and there was an end to them
    assert 10 < step < 199


def test_removing_takes_the_certificates_of_a_name_and_no_others(
    files: Files, frontend: Frontend, sealed: Seal, shop: Issued, mail: Issued
) -> None:
    install(frontend, sealed(shop.entry("shop", "ecdsa-p256"), mail.entry("shop", "rsa-2048"), mail.entry("mail", "x")))
    changes = frontend.plan_removal(["shop", "nothing", "shop"])
    assert [change.target.key_type for change in changes] == ["ecdsa-p256", "rsa-2048"]
    frontend.remove(changes)
    assert files.names("certificates") == ["mail"]
    assert frontend.plan_removal(["shop"]) == []


def test_removing_can_not_climb_out(frontend: Frontend) -> None:
    with pytest.raises(InputError, match=r"^names: "):
        frontend.plan_removal(["../recipient"])


def test_a_certificate_that_is_damaged_can_be_removed(files: Files, frontend: Frontend) -> None:
    files.write("certificates/shop/rsa-2048/generations/0001/cert.pem", b"")
    frontend.remove(frontend.plan_removal(["shop"]))
    assert files.names("certificates") == []


def test_a_group_can_read_certificates_and_keys_but_not_the_recipients(
    files: Files, clock: SetClock, sealed: Seal, shop: Issued
) -> None:
    frontend = Frontend(files, OpenSsl(run_openssl), clock, Access(group=os.getgid(), mode=0o640))
    install(frontend, sealed(shop.entry("shop", "ecdsa-p256")))
    assert frontend.lacking_access() == []
    modes = {
        str(path.relative_to(files.root)): stat.S_IMODE(path.stat().st_mode)
        for path in Path(files.root).rglob("*")
        if not path.is_symlink()
    }
    assert modes.pop("recipient") == 0o700
    assert modes.pop("recipient/privkey.pem") == modes.pop("recipient/cert.pem") == 0o600
    assert set(modes.values()) == {0o750, 0o640}
    assert stat.S_IMODE(os.stat(files.root).st_mode) == 0o711
    assert {path.stat().st_gid for path in Path(files.root, "certificates").rglob("*")} == {os.getgid()}


def test_nobody_but_the_tasks_user_can_put_something_into_the_folders(
    files: Files, clock: SetClock, sealed: Seal, shop: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the user of a web server could have root follow a symbolic link."""
    given: list[tuple[str, int]] = []
    monkeypatch.setattr(os, "chown", lambda path, user, _group: given.append((path, user)))
    stranger = os.getuid() + 1
    frontend = Frontend(files, OpenSsl(run_openssl), clock, Access(stranger, os.getgid(), 0o660))
    install(frontend, sealed(shop.entry("shop", "ecdsa-p256")))
    assert {os.path.isdir(path) for path, user in given if user == stranger} == {False}
    folders = [path for path in Path(files.root, "certificates").rglob("*") if path.is_dir() and not path.is_symlink()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o751}


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"files": []}', b"5"])
def test_facts_that_are_broken_are_those_of_no_certificate(
    files: Files, frontend: Frontend, sealed: Seal, shop: Issued, content: bytes
) -> None:
    bundle = sealed(shop.entry("shop", "ecdsa-p256"))
    install(frontend, bundle)
    facts = "certificates/shop/ecdsa-p256/generations/0001/facts.json"
    if content.startswith(b"{"):
        content = json.dumps({**json.loads(files.read(facts) or b""), **json.loads(content)}).encode()
    files.write(facts, content)
    assert frontend.installed() == []
    assert install(frontend, bundle)


def test_access_that_was_changed_by_hand_is_set_again(
    files: Files, frontend: Frontend, sealed: Seal, shop: Issued
) -> None:
    install(frontend, sealed(shop.entry("shop", "ecdsa-p256")))
    key = files.path("certificates/shop/ecdsa-p256/generations/0001/privkey.pem")
    os.chmod(key, 0o644)
    os.chmod(files.path("certificates/shop"), 0o755)  # noqa: S103
    assert frontend.lacking_access() == [files.path("certificates/shop"), key]
    frontend.give_access()
    assert frontend.lacking_access() == []
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600


def test_access_is_given_before_the_switch(files: Files, clock: SetClock, sealed: Seal, shop: Issued) -> None:
    class Watching(Files):
        """Looks at the key at the moment of the switch."""

        def switch_link(self, relative: str, target: str) -> None:
            key = self.path(f"certificates/shop/ecdsa-p256/{target}/privkey.pem")
            assert stat.S_IMODE(os.stat(key).st_mode) == 0o640
            super().switch_link(relative, target)

    access = Access(group=os.getgid(), mode=0o640)
    install(
        Frontend(Watching(files.root), OpenSsl(run_openssl), clock, access), sealed(shop.entry("shop", "ecdsa-p256"))
    )
