# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web servers of the lab do with challenges, in both ways of the guide."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.lab import Lab
from tests.lab.model import Frontend
from tests.lab.waiting import wait_until

CHALLENGES = ".well-known/acme-challenge"


def webroot_of(frontend: Frontend) -> Path:
    return frontend.webroot / CHALLENGES


@contextmanager
def redirects(lab: Lab, target: str) -> Iterator[None]:
    """Every frontend redirects challenges of the name, as role frontend has it."""
    sites = [frontend.folder / "sites" / "fronts.conf" for frontend in lab.frontends]
    for frontend, site in zip(lab.frontends, sites, strict=True):
        site.write_text(
            f"server {{ listen {frontend.address}:{frontend.http_port}; server_name fronts.fleet.test;\n"
            f"location /{CHALLENGES}/ {{ return 302 {target}$request_uri; }} }}\n"
        )
        subprocess.run(frontend.reload, check=True)
        # the workers of before go on for a moment
        wait_until(partial(is_redirecting, frontend))
    try:
        yield
    finally:
        for frontend, site in zip(lab.frontends, sites, strict=True):
            site.unlink()
            subprocess.run(frontend.reload, check=True)


def is_redirecting(frontend: Frontend) -> bool:
    """Whether a frontend redirects a challenge."""
    client = HTTPConnection(frontend.address, frontend.http_port, timeout=5)
    client.request("GET", f"/{CHALLENGES}/nothing", headers={"Host": "fronts.fleet.test"})
    with closing(client):
        return client.getresponse().status == 302


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a word about it."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def validation_host(lab: Lab, folder: Path) -> Iterator[None]:
    """A web server at an address of its own that serves a folder."""
    folder.mkdir()
    address = (lab.spare_address, lab.validation_ports[0])
    with ThreadingHTTPServer(address, partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join(10)
