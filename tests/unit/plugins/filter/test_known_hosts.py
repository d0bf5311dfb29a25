# SPDX-License-Identifier: GPL-3.0-or-later
"""A host tells by which key it is known, and nothing about others."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.certfleet.acme.plugins.filter.renewal import FilterModule

lines = FilterModule().filters()["known_hosts"]


def key_of(key_type: str, content: bytes = b"\0\0\0\x20" + bytes(32)) -> str:
    return base64.b64encode(len(key_type).to_bytes(4, "big") + key_type.encode() + content).decode()


def facts(kind: str, key_type: str, key: Any = None) -> dict[str, Any]:
    stem = f"ssh_host_key_{kind}_public"
    return {stem: key_of(key_type) if key is None else key, f"{stem}_keytype": key_type}


ED25519 = facts("ed25519", "ssh-ed25519")
RSA = facts("rsa", "ssh-rsa")


def test_the_best_key_is_noted_for_the_address_that_the_inventory_has() -> None:
    hostvars = {
        "web1": {"ansible_host": "192.0.2.1", "ansible_port": 2222, "ansible_facts": {**RSA, **ED25519}},
        "web2": {"ansible_facts": {**RSA, "ansible_host": "web1"}},
        "web3": {},
    }
    assert lines(list(hostvars), hostvars) == [
        f"[192.0.2.1]:2222 ssh-ed25519 {key_of('ssh-ed25519')}",
        f"web2 ssh-rsa {key_of('ssh-rsa')}",
    ]


@pytest.mark.parametrize(
    "lie",
    [
        facts("ed25519", "ssh-ed25519", key_of("ssh-ed25519") + "\nweb1 ssh-ed25519 " + key_of("ssh-ed25519")),
        facts("ed25519", "ssh-ed25519", key_of("ssh-ed25519") + " web1"),
        facts("ed25519", "ssh-rsa"),
        facts("ed25519", "ssh-ed25519\nweb1 ssh-ed25519"),
        facts("ed25519", "ssh-ed25519", key_of("ssh-rsa")),
        facts("ed25519", "ssh-ed25519", ["x"]),
        facts("rsa", "ssh-rsa", ""),
        {"ssh_host_key_rsa_public": key_of("ssh-rsa"), "ssh_host_key_rsa_public_keytype": {}},
    ],
)
def test_a_host_that_tells_more_than_its_key_gets_no_line_and_its_neighbour_does(lie: dict[str, Any]) -> None:
    hostvars = {"web1": {"ansible_facts": ED25519}, "web2": {"ansible_facts": lie}}
    assert lines(["web1", "web2"], hostvars) == [f"web1 ssh-ed25519 {key_of('ssh-ed25519')}"]


def test_an_address_that_stands_for_several_hosts_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"ansible_host of web1: '\*' is no name or address"):
        lines(["web1"], {"web1": {"ansible_host": "*", "ansible_facts": ED25519}})


def test_a_host_that_was_not_asked_stays_known_as_before() -> None:
    hostvars = {
        "web1": {"ansible_host": "192.0.2.1", "ansible_port": 2222},
        "web2": {"ansible_facts": ED25519},
        "web3": {},
    }
    before = ["[192.0.2.1]:2222 ssh-rsa AAAA", "web2 ssh-rsa BBBB", "former ssh-rsa CCCC"]
    assert lines(list(hostvars), hostvars, before=before) == [before[0], f"web2 ssh-ed25519 {key_of('ssh-ed25519')}"]
