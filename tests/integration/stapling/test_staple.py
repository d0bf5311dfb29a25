# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that fetches OCSP responses for HAProxy (G15), with a real responder; HAProxy is in the scenario `frontend`."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import jinja2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.lab.waiting import wait_until
from tests.modules import ROOT

TEMPLATE = ROOT / "roles/frontend/templates/haproxy/staple.sh.j2"
PEM = serialization.Encoding.PEM
NOW = datetime.now(timezone.utc)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@dataclass
class Site:
    """What HAProxy has of some certificates, their issuer, and the responder that they name."""

    folder: Path
    port: int
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.includes = self.folder / "includes"
        self.includes.mkdir()
        self.issuer = self._sign("issuer", self.key, x509.BasicConstraints(ca=True, path_length=0))
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701  # it is a script
        environment.filters["quote"] = shlex.quote
        values = {"__certfleet_frontend_it": {"includes": str(self.includes), "service": "haproxy"}}
        text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
            ansible_managed="", __certfleet_frontend_program="false", **values
        )
        self.script = self.folder / "staple"
        self.script.write_text(text, encoding="utf-8")

    def issue(self, file: str, *, names_responder: bool = True) -> None:
        """A certificate with its issuer behind it."""
        url = x509.UniformResourceIdentifier(f"http://127.0.0.1:{self.port}/")
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url)
        extra = [x509.AuthorityInformationAccess([access])] if names_responder else []
        self.certificates[file] = self._sign(file, ec.generate_private_key(ec.SECP256R1()), *extra)
        chain = [self.certificates[file], self.issuer]
        (self.includes / file).write_bytes(b"".join(each.public_bytes(PEM) for each in chain))

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", str(self.script)], capture_output=True, text=True, check=False, timeout=100)

    def response(self, file: str) -> Path:
        return self.includes / f"{file}.ocsp"

    def age(self, file: str) -> None:
        """Let a response be so old that it is fetched again."""
        then = time.time() - 7 * 3600
        os.utime(self.response(file), (then, then))

    def put_response(self, file: str, ended: timedelta) -> None:
        """A response of the issuer that was over so long ago."""
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=self.certificates[file],
            issuer=self.issuer,
            algorithm=hashes.SHA1(),  # noqa: S303  # what OCSP calls a certificate by
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=NOW - ended - timedelta(days=1),
            next_update=NOW - ended,
            revocation_time=None,
            revocation_reason=None,
        )
        signed = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, self.issuer).sign(self.key, hashes.SHA256())
        self.response(file).write_bytes(signed.public_bytes(serialization.Encoding.DER))

    @contextmanager
    def responder(self, *revoked: str, key: ec.EllipticCurvePrivateKey | None = None) -> Iterator[None]:
        """`openssl ocsp`, which vouches for all certificates but those that are revoked."""
        lines = []
        for file, certificate in self.certificates.items():
            until = certificate.not_valid_after_utc.strftime("%y%m%d%H%M%SZ")
            kind = ("R", until, NOW.strftime("%y%m%d%H%M%SZ")) if file in revoked else ("V", until, "")
            lines.append("\t".join([*kind, f"{certificate.serial_number:X}", "unknown", f"/CN={file}"]))
        (self.folder / "index").write_text("".join(f"{line}\n" for line in lines))
        (self.folder / "issuer.pem").write_bytes(self.issuer.public_bytes(PEM))
        own = (key or self.key).private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (self.folder / "issuer.key").write_bytes(own)
        signer = self.issuer if key is None else self._sign("stranger", key)
        (self.folder / "signer.pem").write_bytes(signer.public_bytes(PEM))
        command = ["openssl", "ocsp", "-index", "index", "-port", str(self.port), "-CA", "issuer.pem", "-nmin", "90"]
        command += ["-rsigner", "signer.pem", "-rkey", "issuer.key"]
        with open(self.folder / "log", "wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        try:
            wait_until(lambda: "ACCEPT" in (self.folder / "log").read_text())
            yield
        finally:
            process.terminate()
            process.wait(10)

    def _sign(self, subject: str, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("issuer" if subject != "stranger" else "stranger"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(key if subject == "stranger" else self.key, hashes.SHA256())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    site = Site(tmp_path, port)
    site.issue("shop.rsa")
    site.issue("shop.ecdsa")
    return site


def test_responses_come_once_and_again_with_a_new_certificate(site: Site) -> None:
    site.issue("plain.ecdsa", names_responder=False)
    site.response("plain.ecdsa").write_text("of the certificate before")
    with site.responder():
        first = site.run()
        assert sorted(first.stdout.split()) == ["plain.ecdsa", "shop.ecdsa", "shop.rsa"]
        assert (first.returncode, first.stderr) == (0, "")
        assert not site.response("plain.ecdsa").exists()
        loaded = ocsp.load_der_ocsp_response(site.response("shop.rsa").read_bytes())
        assert loaded.serial_number == site.certificates["shop.rsa"].serial_number
        second = site.run()
        assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    before = site.response("shop.rsa").read_bytes()
    site.issue("shop.rsa")
    with site.responder():
        assert site.run().stdout == "shop.rsa\n"
    assert site.response("shop.rsa").read_bytes() != before


def test_a_responder_that_is_down_is_waited_for_once_and_takes_nothing_away_that_is_valid(site: Site) -> None:
    site.issue("over.rsa")
    with site.responder():
        site.run()
    for file in site.certificates:
        site.age(file)
    site.put_response("over.rsa", ended=timedelta(hours=1))
    down = site.run()
    assert down.returncode == 0
    assert down.stdout == "over.rsa\n"
    assert not site.response("over.rsa").exists()
    assert site.response("shop.rsa").exists()
    assert site.response("shop.ecdsa").exists()
    assert down.stderr.count("gives no response") == 1


def test_what_was_revoked_is_not_vouched_for_any_more(site: Site) -> None:
    with site.responder():
        site.run()
    site.age("shop.rsa")
    site.age("shop.ecdsa")
    with site.responder("shop.rsa"):
        assert sorted(site.run().stdout.split()) == ["shop.ecdsa", "shop.rsa"]
    assert not site.response("shop.rsa").exists()
    assert site.response("shop.ecdsa").exists()


def test_a_response_that_somebody_else_has_signed_is_not_taken(site: Site) -> None:
    with site.responder(key=ec.generate_private_key(ec.SECP256R1())):
        forged = site.run()
    assert forged.stdout == ""
    assert "gives no response that can be used for shop.rsa" in forged.stderr
    assert list(site.includes.glob("*.ocsp")) == []
