# SPDX-License-Identifier: GPL-3.0-or-later
"""What role ``frontend`` writes for web servers on hosts with odd settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests.import_graph import ROOT

ROLE = ROOT / "roles" / "frontend"
VARIABLES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))


def render(template: str, **given: Any) -> str:
    """The template with a site that has everything, as Ansible would render it."""
    server = Path(template).parts[0]
    site = {"name": "shop", "server_names": ["shop.test"], "key_types": ["ecdsa-p256"], "redirect": True, "hsts": False}
    variables = {
        "item": {**site, "folder": "/etc/certfleet/certificates/shop", **given.pop("item", {})},
        "ansible_managed": "Ansible managed",
        "certfleet_frontend_server": server,
        "certfleet_frontend_http_port": 80,
        "certfleet_frontend_https_port": 443,
        "certfleet_frontend_challenge_redirect": "",
        "certfleet_frontend_webroot": "/srv/challenges",
        "certfleet_frontend_tls_policy": "intermediate",
        "certfleet_user": "certfleet",
        "__certfleet_frontend_it": VARIABLES["__certfleet_frontend_servers"].get(server),
        "__certfleet_frontend_policy": VARIABLES["__certfleet_frontend_policies"]["intermediate"],
        "__certfleet_frontend_curves": VARIABLES["__certfleet_frontend_curves"],
        "__certfleet_frontend_program": VARIABLES["__certfleet_frontend_program"],
        "__certfleet_frontend_challenge": "/x",
        "__certfleet_frontend_policy_version": "1",
        "__certfleet_frontend_https": "",
        "__certfleet_frontend_with_ipv6": True,
        **given,
    }
    variables.setdefault("__certfleet_frontend_own", [variables["item"]])
    templates = jinja2.FileSystemLoader(ROLE / "templates")
    environment = jinja2.Environment(loader=templates, trim_blocks=True, undefined=jinja2.StrictUndefined)  # noqa: S701  # nothing of it is HTML
    environment.filters["bool"] = bool
    environment.tests["match"] = lambda text, pattern: re.match(pattern, text) is not None
    environment.filters["regex_replace"] = lambda text, pattern, other: re.sub(pattern, other, text)
    return environment.get_template(template).render(variables)


@pytest.mark.parametrize("server", ["nginx", "haproxy"])
def test_without_ipv6_nobody_listens_there(server: str) -> None:
    assert "::" in render(f"{server}/site.j2")
    without = render(f"{server}/site.j2", __certfleet_frontend_with_ipv6=False)
    assert "::" not in without
    assert ":80" in without.replace("listen ", ":")
    assert ":443" in without.replace("listen ", ":")


def test_apache_is_named_after_the_first_name_that_is_no_wildcard() -> None:
    page = render("apache/site.j2", item={"server_names": ["*.shop.test", "shop.test", "www.shop.test"]})
    assert page.count("ServerName shop.test\n") == 2
    assert page.count("ServerAlias *.shop.test www.shop.test\n") == 2


def test_apache_gets_aliases_only_where_all_names_are_wildcards() -> None:
    page = render("apache/site.j2", item={"server_names": ["*.shop.test"]})
    assert "ServerName" not in page
    assert page.count("ServerAlias *.shop.test\n") == 2


def test_sudo_wants_no_terminal_for_the_program() -> None:
    assert "Defaults!/usr/local/sbin/certfleet-web-server !requiretty\n" in render("sudoers.j2")
