# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx, the frontends."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from .model import Frontend
from .process import Server
from .programs import program, server_environment


class Nginx(Server):
    """A web server that serves challenges over HTTP, and over HTTPS whatever sites/*.conf says."""

    def __init__(self, frontend: Frontend, lab_folder: Path) -> None:
        super().__init__(frontend.name, lab_folder)
        self.frontend = frontend

    def configure(self) -> None:
        """Write nginx.conf, the empty folder of sites and the reload command."""
        for name in ("sites", "webroot", "temporary", "tls"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "nginx.conf").write_text(self._configuration(), encoding="ascii")
        reload = self.folder / "reload"
        reload.write_text(self._reload(), encoding="utf-8")
        reload.chmod(0o755)

    def command(self) -> Sequence[str]:
        """Run in the foreground."""
        return [*self._nginx(), "-g", "daemon off;"]

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        with socket.create_connection((self.frontend.address, self.frontend.http_port), timeout=1):
            return True

    def _nginx(self) -> list[str]:
        # -e: it would otherwise begin by trying the system's error log.
        return [
            program("nginx"),
            "-e",
            "stderr",
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
        ]

    def _reload(self) -> str:
        variables = " ".join(f'{name}="{value}"' for name, value in server_environment().items())
        nginx = " ".join(f'"{word}"' for word in self._nginx())
        return (
            "#!/bin/sh\n"
            "# Check the configuration, then have the running web server take it up.\n"
            f"export {variables}\n"
            f"{nginx} -t -q && exec {nginx} -s reload\n"
        )

    def _configuration(self) -> str:
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "\n".join(
            f'    {kind}_temp_path "{self.folder}/temporary/{kind}";'
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""\
{user}
worker_processes 1;
pid "{self.folder}/nginx.pid";
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
{temporary}
    access_log off;
    default_type text/plain;
    server {{
        listen {self.frontend.address}:{self.frontend.http_port} default_server;
        location /.well-known/acme-challenge/ {{ root "{self.folder}/webroot"; }}
        location / {{ return 404; }}
    }}
    include "{self.folder}/sites/*.conf";
}}
"""
