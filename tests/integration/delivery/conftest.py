# SPDX-License-Identifier: GPL-3.0-or-later
"""A store with certificates of a throwaway CA, and the lab's web servers to deliver them to."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore

from tests.lab import Lab
from tests.playbooks import Played, run_playbook
from tests.unit.plugins.module_utils._x509.throwaway import Authority, Issued, present

KEY_TYPES = {"rsa-2048": "ECDHE-RSA-AES128-GCM-SHA256", "ecdsa-p256": "ECDHE-ECDSA-AES128-GCM-SHA256"}
"""The key types, each with a cipher suite that only a certificate of its kind serves."""


@dataclass
class Fleet:
    """The store, the web servers, and one site on all of them."""

    lab: Lab
    folder: Path
    authority: Authority = field(default_factory=lambda: Authority(present()))

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def reloads(self) -> list[str]:
        """The frontends whose web server was reloaded, in order."""
        log = self.folder / "reloads"
        return log.read_text(encoding="utf-8").split() if log.exists() else []

    def issue(self, name: str, key_type: str) -> Issued:
        """A certificate for <name>.test in the store, in place of the one before."""
        issued = self.authority.issue(f"{name}.test", f"*.{name}.test", key_type=key_type)
        issued.store(CertificateStore(Files(str(self.store))), name, key_type)
        return issued

    def deploy(self, *arguments: str, **more: Any) -> Played:
        """Run the collection's own playbook, with more variables."""
        variables = {
            "certfleet_store": str(self.store),
            "certfleet_frontend_path": f"{self.folder}/{{{{ inventory_hostname }}}}",
            "certfleet_frontend_reload_command": (
                f"sh -c 'echo {{{{ inventory_hostname }}}} >> {self.folder}/reloads && {{{{ lab_frontend_reload }}}}'"
            ),
            **more,
        }
        played = self.play("certfleet.acme.deploy", *arguments, variables=variables)
        assert played.status == 0, played.output
        return played

    def play(self, playbook: str | Path, *arguments: str, variables: Mapping[str, Any]) -> Played:
        """Run a playbook with variables that outrank all others."""
        return run_playbook(self.lab, playbook, *arguments, variables=variables)

    def serve(self, name: str) -> None:
        """Have every web server serve a site with the certificates that were delivered."""
        for frontend in self.lab.frontends:
            live = [f"{self.folder}/{frontend.name}/certificates/{name}/{key_type}/live" for key_type in KEY_TYPES]
            lines = [
                f'ssl_certificate "{path}/fullchain.pem"; ssl_certificate_key "{path}/privkey.pem";' for path in live
            ]
            site = "\n".join(
                [
                    f"server {{ listen {frontend.address}:{frontend.https_port} ssl; server_name {name}.test;",
                    *lines,
                    "}",
                ]
            )
            (frontend.folder / "sites" / f"{name}.conf").write_text(f"{site}\n", encoding="utf-8")
            subprocess.run(frontend.reload, check=True)

    def served(self, name: str) -> set[bytes]:
        """The certificates (DER) that the web servers serve for a name, by handshakes that trust only our root."""
        return {
            self._shake_hands(frontend.address, frontend.https_port, f"{name}.test", cipher)
            for frontend in self.lab.frontends
            for cipher in KEY_TYPES.values()
        }

    def _shake_hands(self, address: str, port: int, name: str, cipher: str) -> bytes:
        context = ssl.create_default_context(cadata=self.authority.root.chain.decode())
        # TLS 1.2 has the kind of key in the cipher suite
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        with (
            socket.create_connection((address, port), timeout=10) as connection,
            context.wrap_socket(connection, server_hostname=name) as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    return Fleet(lab, tmp_path)
