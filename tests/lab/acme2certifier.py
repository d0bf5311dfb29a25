# SPDX-License-Identifier: GPL-3.0-or-later
"""acme2certifier with a CA of its own, kept by OpenSSL's library, and external binding."""

from __future__ import annotations

import configparser
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from .another_ca import ADDRESS, AnotherCa
from .authority import make_authority
from .lab import Lab
from .model import LabError
from .programs import ROOT, server_environment

PYTHON = ROOT / ".cache" / "acme2certifier" / "bin" / "python"


class Acme2certifier(AnotherCa):
    """Validates dns-01 through the lab's resolver; binds accounts when MAC keys (base64url) are given by key id."""

    def __init__(self, lab: Lab, mac_keys: Mapping[str, str] | None = None) -> None:
        super().__init__("bound-acme2certifier" if mac_keys else "acme2certifier", lab)
        self.mac_keys = mac_keys or {}

    @property
    def directory(self) -> str:
        """The URL of the directory (RFC 8555 §7.1.1)."""
        return f"https://{ADDRESS}:{self.port}/directory"

    def configure(self) -> None:
        """Write the configuration, the CA it issues from and the keys of its customers."""
        make_authority(self.folder / "issuer.pem", self.folder / "issuer.key")
        (self.folder / "issued").mkdir(exist_ok=True)
        shutil.copy(Path(__file__).with_name("acme2certifier_wsgi.py"), self.folder)
        bindings = self.folder / "bindings.json"
        bindings.touch(mode=0o600)
        bindings.write_text(json.dumps(dict(self.mac_keys)), encoding="utf-8")
        settings = configparser.ConfigParser(interpolation=None)
        settings.read_dict(self._configuration())
        with open(self.folder / "acme_srv.cfg", "w", encoding="utf-8") as file:
            settings.write(file)

    def command(self) -> Sequence[str]:
        """Run gunicorn in the foreground; one process, since the nonces lie in one SQLite file."""
        if not PYTHON.exists():
            raise LabError("acme2certifier is missing: run script/setup first")
        tls = ("--certfile", str(self.listener.certificate), "--keyfile", str(self.listener.key))
        listen = ("--bind", f"{ADDRESS}:{self.port}", "--threads", "8", "--worker-tmp-dir", str(self.folder))
        application = "acme2certifier_wsgi:application"
        return [str(PYTHON), "-m", "gunicorn", "--no-control-socket", *listen, *tls, application]

    def environment(self) -> dict[str, str]:
        """The virtual environment's Python needs none of the fetched libraries."""
        own = {"ACME_SRV_CONFIGFILE": str(self.folder / "acme_srv.cfg"), "HOME": str(self.folder)}
        own["LAB_RESOLVER_PORT"] = str(self.lab.resolver[1])
        return {key: value for key, value in server_environment().items() if key in ("PATH", "LC_ALL")} | own

    def _configuration(self) -> dict[str, dict[str, str]]:
        sections = {
            "Nonce": {},
            "CAhandler": {
                "handler_module": "acme2certifier.cahandlers.openssl_ca_handler",
                "issuing_ca_key": str(self.folder / "issuer.key"),
                "issuing_ca_cert": str(self.folder / "issuer.pem"),
                "issuing_ca_crl": str(self.folder / "issuer.crl"),
                "cert_save_path": str(self.folder / "issued"),
                "cert_validity_days": "90",
            },
            "DBhandler": {
                "handler_module": "acme2certifier.dbhandlers.wsgi_handler",
                "dbfile": str(self.folder / "acme.db"),
            },
            "Certificate": {"revocation_reason_check_disable": "False"},
            "Challenge": {"dns_server_list": json.dumps([self.lab.resolver[0]])},
            "Directory": {"tos_url": f"https://{ADDRESS}:{self.port}/terms"},
            "Order": {"tnauthlist_support": "False"},
        }
        if self.mac_keys:
            handler = {"eab_handler_module": "acme2certifier.eabhandlers.json_handler"}
            sections["EABhandler"] = handler | {"key_file": str(self.folder / "bindings.json")}
        return sections
