# SPDX-License-Identifier: GPL-3.0-or-later
"""Several validation hosts, with the site of role ``validation_host`` in real web servers: they ask each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import jinja2
import pytest

from tests.import_graph import ROOT
from tests.lab.model import Frontend
from tests.lab.nginx import Nginx
from tests.lab.ports import choose_network, choose_ports

PATH = "/.well-known/acme-challenge/"
NAMES = ("first", "second", "third")


def render(port: int, webroot: Path, others: list[str]) -> str:
    """The role's site, as Ansible would render it."""
    templates = jinja2.FileSystemLoader(ROOT / "roles/validation_host/templates")
    environment = jinja2.Environment(loader=templates, trim_blocks=True, undefined=jinja2.StrictUndefined)  # noqa: S701  # nothing of it is HTML
    environment.filters["bool"] = bool
    return environment.get_template("site.conf.j2").render(
        ansible_managed="Ansible managed",
        certfleet_validation_http_port=port,
        certfleet_validation_server_names=[],
        certfleet_webroot=str(webroot),
        __certfleet_validation_with_ipv6=False,
        __certfleet_validation_asked=others,
    )


@dataclass(frozen=True)
class Hosts:
    """Validation hosts at addresses of the loopback network, all at one port."""

    port: int
    servers: dict[str, Nginx]

    def place(self, host: str, token: str) -> None:
        """Have an answer on one of them, and on no other."""
        (self.servers[host].folder / "webroot" / token).write_text(f"{token}.answer")

    def ask(self, host: str, token: str, **headers: str) -> tuple[int, str]:
        """Status and body of what a CA is answered that comes to one of them."""
        client = HTTPConnection(self.servers[host].frontend.address, self.port, timeout=10)
        with closing(client):
            client.request("GET", PATH + token, headers={"Host": "wiki.test", **headers})
            response = client.getresponse()
            return response.status, response.read().decode()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    network = choose_network()
    addresses = {name: f"{network}.{number}" for number, name in enumerate(NAMES, 1)}
    port, other_port = choose_ports(list(addresses.values()), 2)
    for name in ("logs", "processes"):
        (tmp_path / name).mkdir()
    servers = {}
    with ExitStack() as stack:
        for name, address in addresses.items():
            folder = tmp_path / name
            server = Nginx(Frontend(name, address, other_port, 0, folder, folder, ()), tmp_path)
            others = [each for each in addresses.values() if each != address]
            site = render(port, folder / "webroot", others).replace("listen ", f"listen {address}:")
            (folder / "sites").mkdir(parents=True)
            (folder / "sites" / "certfleet.conf").write_text(site)
            stack.callback(server.stop)
            server.launch()
            servers[name] = server
        for server in servers.values():
            server.wait_ready()
        yield Hosts(port, servers)


def test_an_answer_that_one_has_is_had_from_each_of_them(hosts: Hosts) -> None:
    hosts.place("second", "token")
    for name in NAMES:
        assert hosts.ask(name, "token") == (200, "token.answer")


def test_an_answer_that_nobody_has_is_not_found(hosts: Hosts) -> None:
    assert hosts.ask("first", "nothing")[0] == 404


def test_the_one_that_is_asked_asks_nobody(hosts: Hosts) -> None:
    hosts.place("second", "token")
    assert hosts.ask("first", "token", **{"X-Certfleet-Asked": "yes"})[0] == 404


def test_with_one_of_them_dead_the_others_still_answer(hosts: Hosts) -> None:
    hosts.place("third", "token")
    hosts.servers["second"].stop()
    for _number in range(5):
        assert hosts.ask("first", "token") == (200, "token.answer")
    hosts.servers["third"].stop()
    assert hosts.ask("first", "token")[0] != 200


def test_a_single_one_asks_nobody() -> None:
    site = render(80, Path("/srv/challenges"), [])
    assert "proxy" not in site
    assert "upstream" not in site
