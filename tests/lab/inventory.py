# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as an Ansible inventory."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import yaml

from .programs import ROOT

if TYPE_CHECKING:
    from .lab import Lab

PLAIN_PYTHON = "/usr/bin/python3"
"""The frontends use the system's Python, which has none of the engine's libraries."""


def render(lab: Lab) -> str:
    """Write the inventory as YAML: validation_hosts, dns_responders, frontends and the variables they share."""
    hosts = {
        "all": {
            "vars": _variables(lab),
            "children": {
                "validation_hosts": {"hosts": {"validator": _local(str(ROOT / ".cache/venv/bin/python"))}},
                "dns_responders": {"hosts": {f"dns-{one.name}": _responder(one) for one in lab.responders}},
                "frontends": {
                    "hosts": {front.name: _frontend(front) for front in lab.frontends},
                    "vars": {"certfleet_frontend_certificates": "all"},
                },
            },
        }
    }
    return yaml.safe_dump(hosts, sort_keys=False, width=120)


def _variables(lab: Lab) -> dict[str, Any]:
    return {
        "certfleet_directory": lab.directory,
        "certfleet_ca_bundle": str(lab.ca_bundle),
        "certfleet_store": str(lab.store),
        "certfleet_dns_responders": [_responder_option(one) for one in lab.responders],
        "certfleet_dns_validation_zones": [zone for zone in lab.zones if zone.startswith("validation.")],
        "certfleet_tsig_keys": [
            {"name": key.name, "algorithm": key.algorithm, "secret": key.secret} for key in lab.tsig_keys.values()
        ],
        "lab_folder": str(lab.folder),
        "lab_issuer_bundle": str(lab.issuer_bundle),
    }


def _responder_option(responder: Any) -> dict[str, Any]:
    option = {"name": responder.name, "address": responder.address, "port": responder.port}
    if responder.updates:
        return option | {"tsig_key": responder.tsig_key, "updates": True}
    return option | {"updates": False}


def _responder(responder: Any) -> dict[str, Any]:
    return {
        "ansible_host": responder.address,
        "lab_make": responder.make,
        "lab_port": responder.port,
        "lab_updates": responder.updates,
    }


def _frontend(front: Any) -> dict[str, Any]:
    return _local(PLAIN_PYTHON) | {
        "lab_frontend_folder": str(front.folder),
        "certfleet_frontend_webroot": str(front.webroot / ".well-known/acme-challenge"),
        "lab_frontend_address": front.address,
        "lab_frontend_http_port": front.http_port,
        "lab_frontend_https_port": front.https_port,
        "lab_frontend_reload": shlex.join(front.reload),
    }


def _local(python: str) -> dict[str, str]:
    return {"ansible_connection": "local", "ansible_python_interpreter": python}
