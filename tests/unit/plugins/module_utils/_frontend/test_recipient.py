# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that bundles are sealed for, made with the real command."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Frontend
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl

from tests.unit.plugins.module_utils._x509.throwaway import Issued

from .conftest import Recorded, SetClock


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
