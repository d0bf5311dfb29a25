# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not installed, with the real command and real certificates."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.bundle import digest_of
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError, StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Frontend
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl
from ansible_collections.certfleet.acme.plugins.module_utils._x509.bundle import pack, seal
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import key_to_pem, make_key
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._x509.throwaway import DAY, Authority, Issued, changed

from .conftest import FILES, Seal, SetClock, install, live, tree


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
    recipient = other.prepare()
    bundle = seal(recipient, pack([shop.entry("shop", "ecdsa-p256")], recipient, clock.now()))
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
        (b'{"version": 1, "certificates": [], "digest": ""}', "has version 1"),
        (b'{"version": 2, "certificates": [], "digest": ""}', "damaged"),
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
    content = {"certificates": certificates, "made_at": "2026-01-01T00:00:00Z", "recipient": ""}
    document = {**content, "version": 2, "digest": digest_of(content)}
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


def test_an_encrypted_key_fails_without_asking_for_a_passphrase(frontend: Frontend, sealed: Seal, shop: Issued) -> None:
    code, encrypted, _rest = run_openssl(["pkey", "-aes256", "-passout", "pass:x"], key_to_pem(make_key("ecdsa-p256")))
    assert code == 0
    with pytest.raises(Error, match="not an unencrypted private key"):
        frontend.plan(sealed(replace(shop.entry("shop", "ecdsa-p256"), files=changed(shop.files, privkey=encrypted))))


def test_a_host_without_room_for_temporary_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match=r"^Can't write a temporary file: No such file or directory$"):
        OpenSsl(run_openssl).make_recipient(str(tmp_path / "key.pem"))
