# SPDX-License-Identifier: GPL-3.0-or-later
"""acme2certifier, an ACME server before other CAs; here before a CA of its own made with the cryptography library."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from .another_ca import ADDRESS, AnotherCa
from .lab import Lab
from .programs import ROOT

PROGRAM = ROOT / ".cache" / "acme2certifier" / "bin" / "gunicorn"
APPLICATION = Path(__file__).with_name("acme2certifier_wsgi.py")
DAYS = 30


class Acme2certifier(AnotherCa):
    """Makes an authorization invalid whose challenge failed, and leaves its order pending.

    ``external_accounts`` are MAC keys (base64url) by key identifier; with any, it insists on one.
    """

    def __init__(self, lab: Lab, external_accounts: Mapping[str, str] | None = None) -> None:
        super().__init__("acme2certifier-bound" if external_accounts else "acme2certifier", lab)
        self._external_accounts = dict(external_accounts or {})

    @property
    def directory(self) -> str:
        """The URL of the directory (RFC 8555 §7.1.1)."""
        return f"https://{ADDRESS}:{self.port}/directory"

    def configure(self) -> None:
        """Write acme_srv.cfg and make the CA."""
        (self.folder / "issued").mkdir(exist_ok=True)
        _make_authority(self.folder / "ca.key", self.folder / "authority.pem")
        (self.folder / "bindings.json").write_text(json.dumps(self._external_accounts), encoding="ascii")
        (self.folder / "acme_srv.cfg").write_text(self._configuration(), encoding="utf-8")

    def command(self) -> Sequence[str]:
        """Run in the foreground."""
        listener = ["--bind", f"{ADDRESS}:{self.port}", "--certfile", str(self.listener.certificate)]
        listener += ["--keyfile", str(self.listener.key)]
        application = ["--chdir", str(APPLICATION.parent), f"{APPLICATION.stem}:application"]
        return [str(PROGRAM), *listener, "--workers", "1", "--threads", "8", "--no-control-socket", *application]

    def environment(self) -> dict[str, str]:
        """Where its configuration is, and the port of the lab's resolver."""
        return super().environment() | {
            "ACME_SRV_CONFIGFILE": str(self.folder / "acme_srv.cfg"),
            "ACME2CERTIFIER_BASE_DIR": str(self.folder),
            "LAB_RESOLVER_PORT": str(self.lab.resolver[1]),
            "HOME": str(self.folder),
        }

    def _configuration(self) -> str:
        bindings = f"\n[EABhandler]\neab_handler_module: acme2certifier.eabhandlers.json_handler\nkey_file: {self.folder}/bindings.json\n"
        return f"""\
[DEFAULT]
debug: False
dns_server_list: ["{self.lab.resolver[0]}"]

[DBhandler]
handler: wsgi
dbfile: {self.folder}/acme_srv.db

[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {self.folder}/ca.key
issuing_ca_cert: {self.folder}/authority.pem
issuing_ca_crl: {self.folder}/revoked.crl
ca_cert_chain_list: []
cert_save_path: {self.folder}/issued
cert_validity_days: {DAYS}
{bindings if self._external_accounts else ""}"""


def _make_authority(key_path: Path, certificate_path: Path) -> None:
    if certificate_path.exists():
        return
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "certfleet lab second CA")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_path.touch(mode=0o600)
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
