# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostnames of zones on real name servers (G30)."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.plugin_utils.certificate_groups import certificate_groups

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import tsig_keys


def hostnames(lab: Lab, server: str, zone: str = "fleet.test", check: bool = False, **options: Any) -> Outcome:
    (responder,) = [each for each in lab.responders if each.name == server]
    source = {"zone": zone, "address": responder.addresses[0], "port": responder.port}
    source |= {"tsig_key": options.pop("tsig_key", None)}
    return run_module(lab, "hostnames_info", {"zones": [source], **options}, check=check)


@pytest.mark.parametrize("server", ["knot", "bind", "powerdns", "nsd"])
def test_the_hostnames_of_a_zone_come_from_every_make_of_server(server: str, lab: Lab) -> None:
    found = hostnames(lab, server, include=["^front", "^challenge"], check=True)
    assert not found.failed, found.output
    assert not found.changed
    assert found["hostnames"] == [
        f"{name}.fleet.test" for name in ("challenge", "front1", "front2", "front3", "fronts")
    ]
    (zone,) = found["zones"]
    assert zone["hostnames"] == 5
    assert zone["serial"] >= 1


def test_they_become_certificates(lab: Lab) -> None:
    found = hostnames(lab, "bind", include=["^front[0-9]"])
    groups = certificate_groups(found["hostnames"], 1)
    assert [group["domains"] for group in groups] == [[f"front{number}.fleet.test"] for number in (1, 2, 3)]


def test_a_transfer_is_signed_by_the_key_that_is_named(lab: Lab) -> None:
    key, *_others = tsig_keys(lab)
    signed = hostnames(lab, "bind", tsig_key=key["name"], tsig_keys=[key])
    assert "fronts.fleet.test" in signed["hostnames"]
    wrong = {**key, "secret": "d3JvbmcgYnV0IGJhc2U2NCBhbGwgdGhlIHNhbWUsIDMyIG9rdGV0cw=="}
    refused = hostnames(lab, "bind", tsig_key=key["name"], tsig_keys=[wrong])
    assert refused.failed
    assert re.match(r"Zone fleet\.test can't be fetched from \S+: .*(signature|BADSIG)", refused["msg"]), refused["msg"]
    assert wrong["secret"] not in refused.output
    assert "hostnames" not in refused.result


def test_a_zone_that_can_t_be_fetched_is_told_and_no_part_of_the_names_returned(lab: Lab) -> None:
    missing = hostnames(lab, "bind", zone="elsewhere.test")
    assert missing.failed
    assert re.match(r"Zone elsewhere\.test can't be fetched from 127\.\S+: ", missing["msg"])
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    away = run_module(lab, "hostnames_info", {"zones": [{"zone": "a.test", "address": "127.0.0.1", "port": port}]})
    assert away["msg"] == f"Zone a.test can't be fetched from 127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"zones": [{"zone": "a.test", "address": "ns"}]}, "zones: 'ns' is not an IPv4 or IPv6 address"),
        ({"zones": [{"zone": "a.test", "address": "::1", "port": 0}]}, "zones: 0 is not a port"),
        ({"zones": [{"zone": "a.test", "address": "::1"}] * 2}, "zones: 'a.test' is there twice"),
        (
            {"zones": [{"zone": "a.test", "address": "::1", "tsig_key": "k"}]},
            "zones: 'k' is the tsig_key of a.test, but no key of this name is in tsig_keys",
        ),
        ({"zones": [], "include": ["("]}, "include: '(' is no regular expression"),
        ({"zones": [], "dns_timeout": 0}, "dns_timeout: 0 "),
    ],
)
def test_bad_input_is_told(options: dict[str, Any], sentence: str, lab: Lab) -> None:
    refused = run_module(lab, "hostnames_info", options)
    assert refused.failed
    assert refused["msg"].startswith(sentence)
