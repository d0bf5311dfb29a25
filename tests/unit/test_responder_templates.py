# SPDX-License-Identifier: GPL-3.0-or-later
"""What role ``dns_responder`` lets a key change in the zone for challenges alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests.import_graph import ROOT

ROLE = ROOT / "roles" / "dns_responder"
NAMES = ["www.shop.test", "*.Shop.test", "shop.test."]
OWNERS = ["shop.test.acme.test.", "www.shop.test.acme.test."]
"""What they come to in the zone, as the CNAME records say that the role prints."""


def values_of(environment: jinja2.Environment, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given variables, and those of the role that are made of them."""
    values = {**yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8")), **given}
    own = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    values["__certfleet_responder_it"] = own["__certfleet_responder_servers"][given["make"]] | given.get("it", {})
    for name in ("zone", "hostmaster", "validated", "targets", "owners"):
        # Ansible takes a backslash in YAML for one that is meant
        text = own[f"__certfleet_responder_{name}"].strip().replace("\\", "\\\\")
        expression = re.fullmatch(r"\{\{(.*)\}\}", text, re.DOTALL)
        assert expression
        values[f"__certfleet_responder_{name}"] = environment.compile_expression(expression[1])(values)
        if not isinstance(values[f"__certfleet_responder_{name}"], str):
            values[f"__certfleet_responder_{name}"] = list(values[f"__certfleet_responder_{name}"])
    return values


def render(template: str, names: list[str], **given: Any) -> str:
    """The template of a host with a validation zone, as Ansible would render it."""
    templates = jinja2.FileSystemLoader(ROLE / "templates")
    environment = jinja2.Environment(loader=templates, trim_blocks=True, undefined=jinja2.StrictUndefined)  # noqa: S701  # nothing of it is HTML
    environment.filters["regex_replace"] = lambda text, pattern, other: re.sub(pattern, other, text)
    environment.filters["bool"] = bool
    environment.filters["flatten"] = lambda lists: [each for some in lists for each in some]
    variables = {
        "make": Path(template).parts[0],
        "ansible_managed": "Ansible managed",
        "certfleet_responder_key": "acme",
        "__certfleet_responder_with_ipv6": True,
        "__certfleet_responder_addressed": False,
        "__certfleet_responder_algorithm": "hmac-sha256",
        "__certfleet_responder_tsig": {"secret": "c2VjcmV0"},
        "certfleet_responder_validation_zone": "Acme.test.",
        "certfleet_responder_validation_names": names,
        **given,
    }
    return environment.get_template(template).render(values_of(environment, variables))


def test_bind_takes_updates_of_the_names_alone_that_lead_there() -> None:
    text = render("bind/zones.conf.j2", NAMES)
    assert re.findall(r"grant (.*);$", text, re.MULTILINE) == [f'"acme" name {owner} TXT' for owner in OWNERS]


def test_knot_takes_updates_of_the_names_alone_that_lead_there() -> None:
    (rule,) = (each for each in yaml.safe_load(render("knot/certfleet.conf.j2", NAMES))["acl"])
    assert rule == {
        "id": "certfleet-validation",
        "key": "acme",
        "action": "update",
        "update-type": ["TXT"],
        "update-owner": "name",
        "update-owner-match": "equal",
        "update-owner-name": OWNERS,
    }


def test_powerdns_takes_updates_of_the_names_alone_that_lead_there() -> None:
    zones = [{"name": "bank.test", "names": ["*.bank.test"]}]
    text = render("powerdns/policy.lua.j2", NAMES, certfleet_responder_zones=zones)
    assert re.findall(r'^owners\["(.*)"\] = true$', text, re.MULTILINE) == ["_acme-challenge.bank.test.", *OWNERS]
    assert not re.search(r"^zones\[", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("template", "right"),
    [
        ("bind/zones.conf.j2", 'grant "acme" zonesub TXT;'),
        ("knot/certfleet.conf.j2", "update-type: [TXT]\n\nzone:"),
        ("powerdns/policy.lua.j2", 'zones["acme.test."] = true'),
    ],
)
def test_a_zone_that_others_lead_names_to_takes_any_name(template: str, right: str) -> None:
    assert right in re.sub(r"\n\n+", "\n\n", render(template, []))


@pytest.mark.parametrize("template", ["bind/zones.conf.j2", "knot/certfleet.conf.j2", "powerdns/policy.lua.j2"])
def test_without_a_zone_for_challenges_there_are_no_rights_in_any(template: str) -> None:
    text = render(template, NAMES, certfleet_responder_validation_zone="")
    assert "zonesub" not in text
    assert "shop.test" not in text
    assert not re.search(r"^zones\[", text, re.MULTILINE)
