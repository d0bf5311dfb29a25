# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostnames in what web servers tell of themselves (G30); real ones are asked in the scenario `frontend`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._frontend import sites
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.sites import (
    find_sites,
    read_apache,
    read_haproxy,
    read_nginx,
)

NGINX = """
# configuration file /etc/nginx/nginx.conf:
http {
    # server_name commented.example;
    server { listen 80 default_server; server_name _; }
    server {
        server_name shop.example www.shop.example  # the shop
                    "quoted.example";
        location / { return 301 https://$host$request_uri; }
    }
    server { listen 443 ssl;
        server_name .both.example *.wild.example ~^(?<x>.+)\\.re\\.example$ 192.0.2.1 end.*;
        set $x "server_name"; }
}
"""

APACHE = """VirtualHost configuration:
*:80                   is a NameVirtualHost
         default server first.example (/etc/apache2/sites-enabled/a.conf:1)
         port 80 namevhost first.example (/etc/apache2/sites-enabled/a.conf:1)
                 alias www.first.example
                 wild alias *.first.example
         port 80 namevhost second.example (/etc/apache2/sites-enabled/b.conf:1)
*:443                  only.example (/etc/apache2/sites-enabled/c.conf:1)
                 alias also.only.example
[2001:db8::1]:80       192.0.2.7 (/etc/apache2/sites-enabled/d.conf:1)
"""

HAPROXY = """
frontend web
    bind :80
    acl shop hdr(host) -i shop.example www.shop.example
    acl certfleet hdr(host),field(1,:),lower -m str ours.example
    acl wild hdr(host),field(1,:),lower -m end .wild.example
    acl end req.hdr_end(host) -i .end.example
    acl re hdr(host) -m reg ^x
    acl file hdr(host) -f /etc/haproxy/names
    use_backend a if { ssl_fc_sni tls.example } or shop
    # acl old hdr(host) commented.example
    http-request set-header X-Host %[hdr(host)]
"""


@pytest.mark.parametrize(
    ("read", "text", "names"),
    [
        (
            read_nginx,
            NGINX,
            {
                *("_", "shop.example", "www.shop.example", "quoted.example", "both.example", "*.both.example"),
                *("*.wild.example", "~^(?<x>.+)\\.re\\.example$", "end.*"),
            },
        ),
        (
            read_apache,
            APACHE,
            {
                *("first.example", "www.first.example", "*.first.example", "second.example"),
                *("only.example", "also.only.example"),
            },
        ),
        (
            read_haproxy,
            HAPROXY,
            {
                *("shop.example", "www.shop.example", "ours.example", "*.wild.example", "*.end.example"),
                "tls.example",
            },
        ),
    ],
)
def test_the_names_of_each_server(read: Any, text: str, names: set[str]) -> None:
    assert set(read(text)) == names


def options(**changes: Any) -> dict[str, Any]:
    base = {"server": "auto", "haproxy_files": [], "include": [], "exclude": [], "wildcards": False}
    return {**base, **changes}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for programs, which are the only ones on the path."""
    monkeypatch.setattr(sites, "PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(
        sites.shutil, "which", lambda name, path: str(tmp_path / name) if (tmp_path / name).exists() else None
    )
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_all_servers_of_a_host_are_asked(program: Path) -> None:
    (program / "nginx.txt").write_text(NGINX)
    (program / "haproxy.cfg").write_text(HAPROXY)
    install(program, "nginx", f'[ "$*" = "-T -q" ] && cat {program}/nginx.txt')
    install(program, "haproxy", "exit 1")
    found = find_sites(options(haproxy_files=[f"{program}/*.cfg"], exclude=["www"]))
    assert found["hostnames"] == ["both.example", "ours.example", "quoted.example", "shop.example", "tls.example"]
    assert found["servers"] == [{"server": "nginx", "hostnames": 3}, {"server": "haproxy", "hostnames": 3}]
    wild = find_sites(options(server="nginx", include=["both"], wildcards=True))
    assert wild["hostnames"] == ["*.both.example", "both.example"]


def test_a_server_that_can_not_tell_is_told(program: Path) -> None:
    install(program, "nginx", "echo secret; echo 'nginx: [emerg] unknown directive' >&2; exit 1")
    with pytest.raises(Error, match=r"nginx can't tell its sites: nginx: \[emerg\] unknown directive") as caught:
        find_sites(options())
    assert "secret" not in caught.value.message


def test_a_line_of_haproxy_that_can_not_be_read_is_told(program: Path) -> None:
    (program / "haproxy.cfg").write_text('acl a hdr(host) "a.example\nlog-format "%ci\n')
    install(program, "haproxy", "exit 1")
    with pytest.raises(Error, match=r"haproxy has a line that can't be read: acl a hdr\(host\) \"a\.example"):
        find_sites(options(haproxy_files=[f"{program}/*.cfg"]))


def test_a_server_that_is_not_there_is_told(program: Path) -> None:
    assert find_sites(options())["hostnames"] == []
    with pytest.raises(Error, match="server: 'apache' is not on this host"):
        find_sites(options(server="apache"))


def test_a_server_that_never_answers_is_told(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_arguments: Any, **_options: Any) -> None:
        raise subprocess.TimeoutExpired("nginx", 60)

    install(program, "nginx", "exit 0")
    monkeypatch.setattr(sites.subprocess, "run", late)
    with pytest.raises(Error, match="nginx can't be asked for its sites"):
        find_sites(options())
