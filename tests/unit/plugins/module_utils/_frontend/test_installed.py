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
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.bundle import digest_of
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.access import Access
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Frontend
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl
from ansible_collections.certfleet.acme.plugins.module_utils._x509.bundle import pack, seal
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import key_to_pem, make_key
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._core.test_files import Killed, Killer
from tests.unit.plugins.module_utils._x509.throwaway import DAY, Authority, Issued, changed

from .conftest import Recorded, Seal, SetClock, install

FILES = ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"]


@pytest.fixture(scope="session")
def shop(authority: Authority) -> Issued:
    return authority.issue("shop.example", "*.shop.example", "192.0.2.1", "2001:db8::1")


@pytest.fixture(scope="session")
def newer(authority: Authority) -> Issued:
    return authority.issue("shop.example", "*.shop.example")


@pytest.fixture(scope="session")
def mail(authority: Authority) -> Issued:
    return authority.issue("mail.example", key_type="rsa-2048")


def live(files: Files, name: str = "shop", key_type: str = "ecdsa-p256") -> dict[str, bytes | None]:
    return {file: files.read(f"certificates/{name}/{key_type}/live/{file}") for file in FILES}


def tree(files: Files) -> dict[str, bytes | str | None]:
    """Everything in the frontend's folder: contents of files, targets of links."""
    return {
        str(path.relative_to(files.root)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(Path(files.root).rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_a_recipient_is_made_once_and_kept(tmp_path: Path, clock: SetClock, command: Recorded) -> None:
    files = Files(str(tmp_path / "certfleet"))
    frontend = Frontend(files, OpenSsl(command), clock)
    assert frontend.recipient() is None
    certificate = frontend.prepare()
    assert frontend.prepare() == frontend.recipient() == certificate
    assert stat.S_IMODE(os.stat(files.path("recipient/privkey.pem")).st_mode) == 0o600
    facts = OpenSsl(command).describe(certificate, "The recipient")
    assert facts.not_after > clock.now() + timedelta(days=36000)
    assert run_openssl(["x509", "-noout", "-text"], certificate)[1].count(b"Public-Key: (3072 bit)") == 1


def test_a_recipient_cut_off_half_way_is_completed_with_the_same_key(files: Files, frontend: Frontend) -> None:
    key = files.read("recipient/privkey.pem")
    files.remove("recipient/cert.pem")
    assert frontend.recipient() is None
    assert frontend.prepare()
    assert files.read("recipient/privkey.pem") == key
    assert frontend.recipient() is not None


def test_a_recipient_key_cut_off_while_it_was_written_is_taken_away(files: Files, frontend: Frontend) -> None:
    files.write("recipient/.new-1", b"half a key")
    frontend.prepare()
    assert not os.path.exists(files.path("recipient/.new-1"))


def test_a_recipient_certificate_of_another_key_is_made_anew(files: Files, frontend: Frontend, mail: Issued) -> None:
    files.write("recipient/cert.pem", mail.cert)
    assert frontend.recipient() is None
    assert frontend.prepare() != mail.cert


def test_a_recipient_key_that_is_none_is_told_with_its_path(files: Files, frontend: Frontend) -> None:
    files.write("recipient/privkey.pem", b"c2VjcmV0")
    with pytest.raises(Error, match=r"recipient/privkey\.pem is not an unencrypted private key") as refused:
        frontend.prepare()
    assert "c2VjcmV0" not in refused.value.message


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


def test_a_certificate_that_is_not_as_it_should_be_is_refused_with_all_of_its_bundle(
    *, files: Files, frontend: Frontend, sealed: Seal, authority: Authority, shop: Issued, newer: Issued, mail: Issued
) -> None:
    good = mail.entry("mail", "rsa-2048")
    entry = shop.entry("shop", "ecdsa-p256")
    leaf, lower, upper = shop.cert, *(c.public_bytes(Encoding.PEM) for c in authority.issuer.certificates)
    foreign = Authority(authority.now).issue("x.example")
    expired = authority.issue("shop.example", not_after=authority.now)
    refusals: dict[str, dict[str, Any]] = {
        "comes with a key that it is not for": {"files": {**shop.files, "privkey.pem": newer.files["privkey.pem"]}},
        "The key of shop (ecdsa-p256) in the bundle is not an unencrypted private key": {
            "files": changed(shop.files, privkey=b"c2VjcmV0")
        },
        "for other names than the bundle says": {"identifiers": ("shop.example",)},
        "is another one than the bundle says": {"sha256": newer.entry("", "").sha256},
        "is not a certificate in PEM form": {"files": changed(shop.files, cert=b"")},
        "is not a certificate that openssl can read": {"files": changed(shop.files, cert=leaf[:60] + leaf[200:])},
        "has a fullchain.pem that is not": {"files": changed(shop.files, fullchain=leaf + lower)},
        "has a fullchain.pem that is not cert.pem": {"files": changed(shop.files, chain=upper + lower)},
        "has a broken chain: certificate 1": {
            "files": changed(shop.files, chain=foreign.chain, fullchain=leaf + foreign.chain)
        },
        "has a broken chain: certificate 1 was": {
            "files": changed(shop.files, chain=upper + lower, fullchain=leaf + upper + lower)
        },
        "has a broken chain: certificate 2": {
            "files": changed(shop.files, chain=lower + foreign.chain, fullchain=leaf + lower + foreign.chain)
        },
    }
    entries = {words: replace(entry, **changes) for words, changes in refusals.items()}
    entries["expired at "] = expired.entry("shop", "ecdsa-p256")
    before = tree(files)
    for words, bad in entries.items():
        for bundle in (sealed(good, bad), sealed(bad, good)):
            with pytest.raises(Error) as refused:
                install(frontend, bundle)
            assert words in refused.value.message
            assert "shop (ecdsa-p256)" in refused.value.message
            assert "c2VjcmV0" not in refused.value.message
            assert "\n" not in refused.value.message
            assert tree(files) == before, words


def test_an_intermediate_that_has_expired_breaks_the_chain(
    frontend: Frontend, sealed: Seal, authority: Authority, clock: SetClock
) -> None:
    long = authority.issue("shop.example", not_after=authority.now + 200 * DAY)
    clock.time = authority.now + 100 * DAY
    with pytest.raises(Error, match="broken chain: certificate 1 was not issued by the next, or one has expired"):
        frontend.plan(sealed(long.entry("shop", "ecdsa-p256")))


def test_a_clock_that_is_a_little_slow_does_not_matter(frontend: Frontend, sealed: Seal, authority: Authority) -> None:
    fresh = authority.issue("shop.example", not_before=authority.now + timedelta(minutes=1))
    assert len(frontend.plan(sealed(fresh.entry("shop", "ecdsa-p256")))) == 1


def test_a_certificate_directly_from_a_root_needs_no_chain(
    frontend: Frontend, sealed: Seal, authority: Authority
) -> None:
    root = replace(authority.root, certificates=())
    assert len(install(frontend, sealed(authority.issue("a.example", issuer=root).entry("a", "ecdsa-p256")))) == 1


@pytest.mark.parametrize(
    "name",
    ["..", ".", "../../etc", "a/../../b", "/etc/x", ".hidden", "", "a\0b", "shop\n", "live/..", "..\\.."],
)
@pytest.mark.parametrize("part", ["name", "key_type"])
def test_a_hostile_name_does_not_climb_out(
    *, files: Files, frontend: Frontend, sealed: Seal, shop: Issued, name: str, part: str
) -> None:
    before = tree(files)
    hostile: dict[str, Any] = {part: name}
    with pytest.raises(InputError, match=r"^bundle: "):
        install(frontend, sealed(replace(shop.entry("shop", "ecdsa-p256"), **hostile)))
    assert tree(files) == before
    assert sorted(os.listdir(os.path.dirname(files.root))) == ["certfleet"]


def test_a_bundle_for_another_host_is_refused(
    files: Files, frontend: Frontend, shop: Issued, tmp_path: Path, clock: SetClock
) -> None:
    other = Frontend(Files(str(tmp_path / "other")), OpenSsl(run_openssl), clock)
    bundle = seal(other.prepare(), pack([shop.entry("shop", "ecdsa-p256")]))
    before = tree(files)
    with pytest.raises(Error, match=r"^The bundle is damaged or was sealed for another host"):
        install(frontend, bundle)
    assert tree(files) == before


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_tampering_or_cut_is_refused_in_one_sentence_and_changes_nothing(
    files: Files, frontend: Frontend, sealed: Seal, shop: Issued, data: st.DataObject
) -> None:
    bundle = sealed(shop.entry("shop", "ecdsa-p256"))
    before = tree(files)
    if data.draw(st.booleans(), "cut"):
        hostile = bundle[: data.draw(st.integers(0, len(bundle) - 1), "length")]
    else:
        place, flip = data.draw(st.integers(0, len(bundle) - 1), "place"), data.draw(st.integers(1, 255), "flip")
        hostile = bundle[:place] + bytes([bundle[place] ^ flip]) + bundle[place + 1 :]
    try:
        changes = install(frontend, hostile)
    except Error as error:
        refused = error
    else:
        # what openssl does not look at, such as a version number, changes nothing of what is inside
        assert len(changes) == 1
        assert live(files) == shop.files
        Files(files.root).remove_tree("certificates")
        return
    assert refused.message.startswith("The bundle ")
    assert "\n" not in refused.message
    assert "PRIVATE KEY" not in refused.message
    assert tree(files) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"[]", "damaged"),
        (b"null", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b'{"version": 1, "certificates": []}', "damaged"),
        (b'{"version": 2, "certificates": [], "digest": ""}', "has version 2"),
        (b'{"version": 1, "certificates": [], "digest": ""}', "damaged"),
    ],
)
def test_a_document_of_another_kind_is_refused(
    files: Files, frontend: Frontend, recipient_files: dict[str, bytes], content: bytes, words: str
) -> None:
    with pytest.raises(Error, match=words):
        install(frontend, seal(recipient_files["recipient/cert.pem"], content))


@pytest.mark.parametrize(
    "certificates",
    [
        None,
        {},
        "text",
        [None],
        [{}],
        [{"name": "shop", "key_type": "rsa-2048", "identifiers": [], "sha256": "", "files": {}}],
        [{"name": ["shop"], "key_type": "x", "identifiers": [], "sha256": "", "files": dict.fromkeys(FILES, "")}],
        [{"name": "shop", "key_type": "x", "identifiers": [1], "sha256": "", "files": dict.fromkeys(FILES, "")}],
        [{"name": "shop", "key_type": "x", "identifiers": [], "sha256": 1, "files": dict.fromkeys(FILES, "")}],
        [{"name": "shop", "key_type": "x", "identifiers": [], "sha256": "", "files": dict.fromkeys(FILES, "ü€")}],
        [{"name": "shop", "key_type": "x", "identifiers": [], "sha256": "", "files": dict.fromkeys(FILES)}],
    ],
    ids=str,
)
def test_a_list_of_another_shape_is_refused(
    files: Files, frontend: Frontend, recipient_files: dict[str, bytes], certificates: object
) -> None:
    document = {"version": 1, "certificates": certificates, "digest": digest_of(certificates)}
    before = tree(files)
    with pytest.raises(Error) as refused:
        install(frontend, seal(recipient_files["recipient/cert.pem"], json.dumps(document).encode()))
    assert refused.value.message.startswith("The bundle is not one of certificate_fetch")
    assert tree(files) == before


def test_two_certificates_for_one_place_are_refused(
    frontend: Frontend, sealed: Seal, shop: Issued, newer: Issued
) -> None:
    with pytest.raises(Error, match="two certificates of the same name"):
        install(frontend, sealed(shop.entry("shop", "ecdsa-p256"), newer.entry("shop", "ecdsa-p256")))


def test_a_bundle_before_there_is_a_recipient_is_refused(
    tmp_path: Path, clock: SetClock, sealed: Seal, shop: Issued
) -> None:
    frontend = Frontend(Files(str(tmp_path / "new")), OpenSsl(run_openssl), clock)
    with pytest.raises(Error, match=r"no recipient key in .*/new yet; state=prepared makes it"):
        install(frontend, sealed(shop.entry("shop", "ecdsa-p256")))
    assert not os.path.exists(tmp_path / "new")


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
    assert 20 < step < 199


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


def test_an_encrypted_key_fails_without_asking_for_a_passphrase(frontend: Frontend, sealed: Seal, shop: Issued) -> None:
    code, encrypted, _ = run_openssl(["pkey", "-aes256", "-passout", "pass:x"], key_to_pem(make_key("ecdsa-p256")))
    assert code == 0
    with pytest.raises(Error, match="not an unencrypted private key"):
        frontend.plan(sealed(replace(shop.entry("shop", "ecdsa-p256"), files=changed(shop.files, privkey=encrypted))))
