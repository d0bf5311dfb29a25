# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules go where they are needed and nowhere else, and what others have made stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._firewall.opening import Opening, parse_openings
from ansible_collections.certfleet.acme.plugins.module_utils._firewall.plan import TAG, Plan
from ansible_collections.certfleet.acme.plugins.module_utils._firewall.state import bring, find_backend

OPTIONS = {"state": "present", "backend": "auto", "kinds": ["frontends"], "openings": [], "zones": []}


class Host:
    """A host whose commands answer what they are told to, and that notes what would change it."""

    def __init__(self, answers: Mapping[tuple[str, ...], str]) -> None:
        self.answers = answers
        self.ran: list[tuple[tuple[str, ...], str]] = []

    def has(self, name: str) -> bool:
        return any(words[0] == name for words in self.answers)

    def run(self, argv: tuple[str, ...], stdin: str = "") -> tuple[int, str]:
        if argv in self.answers:
            return 0, self.answers[argv]
        if argv[-1] in {"--state", "status", "nftables.service"} or "--list-all-policies" in argv:
            return 1, "no"
        self.ran.append((argv, stdin))
        return 0, ""


LIST = ("nft", "--json", "--terse", "list", "ruleset")


def match(left: Mapping[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


TCP_PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
STATE = {"ct": {"key": "state"}}
SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}
ACCEPT: dict[str, Any] = {"accept": None}
DROP: dict[str, Any] = {"drop": None}


def ruleset(*rules: list[dict[str, Any]], policy: str = "drop", hook: str = "input", ours: int = -1) -> str:
    """A table with one base chain, as nft lists it; rule number ``ours`` has our comment."""
    chain = {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": hook, "prio": 0, "policy": policy}
    listed: list[dict[str, Any]] = [{"metainfo": {}}, {"table": {"family": "inet", "name": "t"}}, {"chain": chain}]
    for number, expressions in enumerate(rules):
        rule = {"family": "inet", "table": "t", "chain": "c", "handle": number + 10, "expr": expressions}
        listed.append({"rule": {**rule, "comment": TAG} if number == ours else rule})
    return json.dumps({"nftables": listed})


def rules_for(text: str, **options: Any) -> list[str]:
    """What would be there on a host with this ruleset of nftables."""
    found = bring({**OPTIONS, **options}, Host({LIST: text}), check=True)
    rules: list[str] = found["rules"]
    return rules


def test_each_kind_of_host_gets_what_the_guide_names() -> None:
    def words(*kinds: str) -> list[str]:
        return [str(opening) for opening in parse_openings(kinds, [])]

    assert words("validation_hosts") == ["in tcp 80", "out tcp 53", "out tcp 443", "out udp 53"]
    assert words("frontends") == ["in tcp 80", "in tcp 443"]
    assert words("dns_responders") == ["in tcp 53", "in udp 53"]
    assert len(words("frontends", "validation_hosts")) == 5


def test_a_port_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="70000"):
        parse_openings([], [{"direction": "in", "protocol": "tcp", "port": 70000}])
    assert parse_openings([], [{"direction": "in", "protocol": "tcp", "port": 22}]) == (Opening("in", "tcp", 22),)


def test_a_chain_that_drops_gets_a_rule_for_each_opening() -> None:
    rules = rules_for(ruleset([match(STATE, {"set": ["established"]}), ACCEPT]))
    assert len(rules) == 2
    assert all(rule.startswith("inet t c: tcp dport ") and "accept" in rule for rule in rules)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ruleset(policy="accept"), id="nothing refuses"),
        pytest.param(ruleset([match(TCP_PORT, {"set": [80, 443]}), ACCEPT]), id="somebody has opened it"),
        pytest.param(ruleset([match(TCP_PORT, 25), DROP], policy="accept"), id="something else is refused"),
        pytest.param(ruleset([match(SOURCE, "203.0.113.7"), DROP], policy="accept"), id="somebody is banned"),
        pytest.param(ruleset([ACCEPT]), id="everything is accepted first"),
    ],
)
def test_nothing_is_added_where_nothing_would_refuse(text: str) -> None:
    assert rules_for(text) == []


def test_a_rule_goes_behind_bans_and_before_what_refuses_everybody() -> None:
    ban = [match(SOURCE, "@banned"), DROP]
    host = Host({LIST: ruleset([match(STATE, "established"), ACCEPT], ban, [DROP], policy="accept")})
    bring({**OPTIONS, "kinds": [], "openings": [{"direction": "in", "protocol": "tcp", "port": 80}]}, host, check=False)
    [(argv, script)] = host.ran
    assert argv[0] == "nft"
    # before the rule with handle 12, behind the ban with 11
    assert "insert rule inet t c" in script or "add rule inet t c" in script
    assert "12" in script or "11" in script
    assert "flush" not in script
    assert "delete" not in script


def test_a_second_time_nothing_is_to_be_done() -> None:
    first = Host({LIST: ruleset()})
    wanted = {**OPTIONS, "kinds": [], "openings": [{"direction": "in", "protocol": "tcp", "port": 80}]}
    assert bring(wanted, first, check=True)["changed"]
    assert first.ran == []
    there = ruleset([match(TCP_PORT, 80), ACCEPT], ours=0)
    second = Host({LIST: there})
    assert not bring(wanted, second, check=False)["changed"]
    assert second.ran == []


def test_only_ours_is_removed() -> None:
    there = ruleset([match(TCP_PORT, 80), ACCEPT], [match(TCP_PORT, 22), ACCEPT], ours=0)
    host = Host({LIST: there})
    found = bring({**OPTIONS, "state": "absent"}, host, check=False)
    assert found["changed"]
    [(_argv, script)] = host.ran
    assert "handle 10" in script
    assert "handle 11" not in script
    assert found["rules"] == []


SAVED = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -s 203.0.113.7/32 -j DROP
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-port-unreachable
COMMIT
"""


def iptables(saved: str) -> Host:
    return Host(
        {("iptables-save",): saved, ("iptables-restore",): "", ("ip6tables-save",): "", ("ip6tables-restore",): ""}
    )


def test_with_iptables_a_rule_goes_before_the_one_that_rejects() -> None:
    host = iptables(SAVED)
    assert find_backend(host) == "iptables"
    bring(OPTIONS, host, check=False)
    [(argv, script)] = host.ran
    assert argv[:2] == ("iptables-restore", "--noflush")
    assert f"-I INPUT 4 -p tcp -m tcp --dport 80 -m comment --comment {TAG} -j ACCEPT" in script
    assert f"-I INPUT 5 -p tcp -m tcp --dport 443 -m comment --comment {TAG} -j ACCEPT" in script


def test_with_iptables_only_ours_is_removed() -> None:
    ours = f"-A INPUT -p tcp -m tcp --dport 80 -m comment --comment {TAG} -j ACCEPT"
    host = iptables(SAVED.replace("-A INPUT -j REJECT", f"{ours}\n-A INPUT -j REJECT"))
    bring({**OPTIONS, "state": "absent"}, host, check=False)
    [(_argv, script)] = host.ran
    assert [line for line in script.splitlines() if line.startswith("-")] == [ours.replace("-A ", "-D ")]


def test_with_ufw_rules_of_others_count_and_stay() -> None:
    answers = {
        ("ufw", "status"): "Status: active",
        ("ufw", "show", "added"): f"Added:\nufw allow 80/tcp\nufw allow 53/udp comment '{TAG}'\n",
    }
    host = Host(answers)
    assert find_backend(host) == "ufw"
    bring(OPTIONS, host, check=False)
    assert [argv for argv, _stdin in host.ran] == [
        ("ufw", "delete", "allow", "53/udp"),
        ("ufw", "allow", "443/tcp", "comment", TAG),
    ]


def test_a_host_without_a_firewall_is_left_alone() -> None:
    host = Host({})
    found = bring(OPTIONS, host, check=False)
    assert (found["changed"], found["backend"], found["rules"]) == (False, None, [])


def test_a_backend_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="backend"):
        bring({**OPTIONS, "backend": "ufw"}, Host({}), check=False)
    assert bring({**OPTIONS, "backend": "ufw"}, Host({}), check=True)["package"] == "ufw"


def test_plans_add_up() -> None:
    assert Plan(("a",), ("b",)) + Plan(("c",), ("d",)) == Plan(("a", "c"), ("b", "d"))
