# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's servers do what tests rely on."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import subprocess
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
import yaml

from tests.lab import Lab, LabError, Options, query
from tests.lab.waiting import wait_until

OWNER = "_acme-challenge.www.fleet.test"


def test_each_responder_answers_for_each_zone_with_authority_on_each_address(lab: Lab) -> None:
    for responder in lab.responders:
        for address in responder.addresses:
            for zone in lab.zones:
                for tcp in (False, True):
                    assert query.soa_serial(address, responder.port, zone, tcp=tcp) is not None


def test_the_name_servers_of_a_zone_are_the_four_responders(lab: Lab) -> None:
    for responder in lab.responders:
        reply = dns.query.udp(
            dns.message.make_query("fleet.test", "NS"), responder.address, timeout=5, port=responder.port
        )
        assert {str(rdata.target) for rdata in reply.answer[0]} == {
            f"ns-{one.name}.fleet.test." for one in lab.responders
        }


def test_a_child_zone_is_delegated(lab: Lab) -> None:
    for responder in lab.responders:
        reply = dns.query.udp(
            dns.message.make_query("www.sub.fleet.test", "TXT"),
            responder.address,
            timeout=5,
            port=responder.port,
        )
        assert reply.flags & dns.flags.AA
        assert str(reply.authority[0].name) == "sub.fleet.test."


@pytest.mark.parametrize("name", ["knot", "bind", "powerdns"])
def test_an_update_lands_only_where_it_is_sent(lab: Lab, name: str) -> None:
    lab.add_txt(name, OWNER, f"for {name}")
    lab.add_txt(name, OWNER, "second")
    others = [responder.name for responder in lab.primaries if responder.name != name]
    assert lab.txt(name, OWNER) == {f"for {name}", "second"}
    assert all(not lab.txt(other, OWNER) for other in others)
    lab.remove_txt(name, OWNER, "second")
    assert lab.all_txt(name) == {OWNER: {f"for {name}"}}
    lab.remove_txt(name, OWNER, f"for {name}")
    assert lab.all_txt(name) == {}


def test_knot_counts_the_updates_it_takes(lab: Lab) -> None:
    before = lab.updates_taken()
    lab.add_txt("knot", OWNER, "counted")
    lab.remove_txt("knot", OWNER, "counted")
    assert lab.updates_taken() == before + 2


def test_the_secondary_follows_its_primary_and_takes_no_updates(lab: Lab) -> None:
    lab.add_txt("knot", OWNER, "followed")
    wait_until(lambda: lab.txt("nsd", OWNER) == {"followed"})
    lab.remove_txt("knot", OWNER, "followed")
    wait_until(lambda: not lab.txt("nsd", OWNER))
    with pytest.raises(LabError, match="secondary"):
        lab.add_txt("nsd", OWNER, "never")


def test_a_lagging_secondary_answers_with_old_data_until_released(lab: Lab) -> None:
    told = lab.log("knot").count("notify, outgoing")
    lab.lag("nsd")
    lab.add_txt("knot", OWNER, "new")
    # It is told, but what it asks for in return does not come through.
    wait_until(lambda: lab.log("knot").count("notify, outgoing") > told)
    assert lab.txt("nsd", OWNER) == frozenset()
    assert query.soa_serial(lab.responders[3].address, lab.responders[3].port, "fleet.test") is not None
    lab.release("nsd")
    assert lab.txt("nsd", OWNER) == {"new"}
    lab.remove_txt("knot", OWNER, "new")


def test_only_the_secondary_can_lag(lab: Lab) -> None:
    with pytest.raises(LabError, match="knot is a primary"):
        lab.lag("knot")


@pytest.mark.parametrize("name", ["knot", "bind", "powerdns"])
def test_a_primary_that_was_down_comes_back_with_its_data(lab: Lab, name: str) -> None:
    lab.add_txt(name, OWNER, "kept")
    lab.down(name)
    with pytest.raises(OSError, match="refused"):
        lab.txt(name, OWNER)
    assert lab.status()[name] == "down"
    lab.up(name)
    assert lab.txt(name, OWNER) == {"kept"}
    lab.remove_txt(name, OWNER, "kept")


def test_a_secondary_that_was_down_catches_up(lab: Lab) -> None:
    lab.down("nsd")
    lab.add_txt("knot", OWNER, "meanwhile")
    lab.up("nsd")
    assert lab.txt("nsd", OWNER) == {"meanwhile"}
    lab.remove_txt("knot", OWNER, "meanwhile")


def test_a_secondary_comes_back_with_what_changed_long_before_it_went_down(lab: Lab) -> None:
    owner = "_acme-challenge.shop.test"
    lab.add_txt("knot", owner, "before")
    wait_until(lambda: lab.txt("nsd", owner) == {"before"})
    lab.down("nsd")
    lab.up("nsd")
    assert lab.txt("nsd", owner) == {"before"}
    lab.remove_txt("knot", owner, "before")


@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize("name", ["knot", "bind", "powerdns"])
def test_a_primary_with_other_keys_refuses_updates(lab: Lab, name: str, forget: bool) -> None:
    responder = next(one for one in lab.responders if one.name == name)
    key = lab.tsig_keys["acme"]
    lab.change_tsig(name, forget=forget)
    with pytest.raises(LabError, match=r"BadKey|BadSignature|does not have one"):
        query.change_txt(responder.address, responder.port, "fleet.test", key, add=True, owner=OWNER, value="no")
    lab.restore_tsig(name)
    assert lab.all_txt(name) == {}
    for key in lab.tsig_keys.values():
        for add in (True, False):
            query.change_txt(responder.address, responder.port, "fleet.test", key, add=add, owner=OWNER, value="yes")


def test_the_resolver_asks_every_responder_and_follows_aliases(lab: Lab) -> None:
    target = "delegated.validation.test"
    # Named after the lab: were two labs to mix, it would show.
    values = {responder.name: f"{responder.name} of {lab.folder.name}" for responder in lab.primaries}
    for name, value in values.items():
        lab.add_txt(name, target, value)
    wait_until(lambda: lab.txt("nsd", target))
    address, port = lab.resolver
    seen: set[str] = set()
    for _round in range(200):
        seen |= query.txt_values(address, port, "_acme-challenge.delegated.fleet.test")
    for name, value in values.items():
        lab.remove_txt(name, target, value)
    assert seen == set(values.values())


def test_the_resolver_asks_nobody_outside_the_lab(lab: Lab) -> None:
    address, port = lab.resolver
    reply = dns.query.tcp(dns.message.make_query("example.com", "A"), address, timeout=5, port=port)
    assert reply.rcode() == dns.rcode.NXDOMAIN


def test_the_ca_answers_and_issues_from_two_roots(lab: Lab) -> None:
    directory = json.loads(lab._pebble.get(lab._pebble.directory))
    assert directory["newOrder"].startswith(lab._pebble.directory.removesuffix("dir"))
    assert set(directory["meta"]["profiles"]) == {"classic", "shortlived"}
    assert "renewalInfo" in directory
    first, second = lab.issuer_roots
    assert first != second
    assert lab.issuer_bundle.read_text(encoding="ascii") == first + second


def test_a_frontend_serves_a_site_once_reloaded(lab: Lab, tmp_path: Path) -> None:
    front = lab.frontends[0]
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=site.fleet.test", "-keyout", key, "-out", certificate],
        env=lab.environment, check=True, capture_output=True,
    )  # fmt: skip
    site = front.folder / "sites" / "site.conf"
    site.write_text(
        f"server {{ listen {front.address}:{front.https_port} ssl; server_name site.fleet.test;"
        f" ssl_certificate {certificate}; ssl_certificate_key {key}; }}\n",
        encoding="ascii",
    )
    subprocess.run(front.reload, check=True, capture_output=True)
    wait_until(lambda: _served(front.address, front.https_port) == certificate.read_text(encoding="ascii"))
    lab.remove_every_site()
    assert not site.exists()
    wait_until(lambda: _served(front.address, front.https_port) is None)


def _served(address: str, port: int) -> str | None:
    try:
        return ssl.get_server_certificate((address, port))
    except (ConnectionError, ssl.SSLEOFError):
        # nobody there, or a worker of before that is just going
        return None


def test_the_inventory_names_hosts_and_variables(lab: Lab) -> None:
    everything = yaml.safe_load(lab.inventory.read_text(encoding="utf-8"))["all"]
    assert set(everything["children"]) == {"validation_hosts", "dns_responders", "frontends"}
    assert list(everything["children"]["frontends"]["hosts"]) == ["front1", "front2", "front3"]
    responders = everything["vars"]["certfleet_dns_responders"]
    assert [one["name"] for one in responders] == ["knot", "bind", "powerdns", "nsd"]
    assert [one["updates"] for one in responders] == [True, True, True, False]
    assert all(ipaddress.ip_address(one["address"]).is_loopback for one in responders)
    assert lab.inventory.stat().st_mode & 0o077 == 0


def test_lego_from_debian_obtains_a_certificate_through_an_update(tmp_path: Path) -> None:
    # lego updates one server only, so the CA's resolver is to ask that one only: asked beside servers
    # that are down, a resolver may still have given up before it comes to the one that has the value.
    with Lab(Options(asked=("knot",), secondary=False, frontends=0)) as lab:
        assert _certificate_by_lego(lab, tmp_path).exists()


def _certificate_by_lego(lab: Lab, folder: Path) -> Path:
    knot, key = lab.responders[0], lab.tsig_keys["acme"]
    environment = lab.environment | {
        "HOME": str(folder),
        "RFC2136_NAMESERVER": f"{knot.address}:{knot.port}",
        "RFC2136_TSIG_KEY": key.name,
        "RFC2136_TSIG_ALGORITHM": f"{key.algorithm}.",
        "RFC2136_TSIG_SECRET": key.secret,
    }
    done = subprocess.run(
        ["lego", "--server", lab.directory, "--email", "lego@fleet.test", "--accept-tos", "--dns", "rfc2136",
         "--dns.resolvers", ":".join(map(str, lab.resolver)), "--dns.disable-cp", "--path", folder / "lego",
         "--domains", "lego.fleet.test", "run"],
        env=environment, check=False, capture_output=True, timeout=120, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "lego/certificates/lego.fleet.test.crt"


def test_a_port_of_the_lab_is_not_taken_elsewhere(lab: Lab) -> None:
    with socket.socket() as other:
        other.bind((lab.spare_address, lab.validation_ports[0]))
