# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that a line of the list may name: frontends and validation hosts, and no other host of the inventory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from ansible_collections.certfleet.acme.plugins.plugin_utils.elsewhere import name_hosts
from ansible_collections.certfleet.acme.plugins.plugin_utils.steps import Elsewhere, spell_out

INVENTORY: dict[str, Any] = {
    "hostvars": {name: {} for name in ("web1", "web2", "validator", "database")},
    "groups": {
        "all": ["web1", "web2", "validator", "database"],
        "frontends": ["web1", "web2"],
        "validation_hosts": ["validator"],
        "shops": ["web2"],
        "backends": ["database"],
    },
}
GOOD = {"name": "good", "domains": ["good.example.com"], "challenge": "http-01", "challenge_hosts": ["frontends"]}


def test_hosts_and_groups_of_the_fleet_are_taken() -> None:
    named = name_hosts(["shops", "validation_hosts", "web1", "frontends"], INVENTORY)
    assert named == ["web2", "validator", "web1"]


@pytest.mark.parametrize("pattern", ["database", "backends", "all"])
def test_another_host_of_the_inventory_is_refused(pattern: str) -> None:
    with pytest.raises(AnsibleError, match="database is in neither of the groups frontends and validation_hosts"):
        name_hosts([pattern], INVENTORY)


def test_an_inventory_without_these_groups_has_no_host_to_take() -> None:
    with pytest.raises(AnsibleError, match="web1 is in neither"):
        name_hosts(["web1"], {**INVENTORY, "groups": {"web": ["web1"]}})


@pytest.mark.parametrize("member", ["challenge_hosts", "frontends"])
@pytest.mark.parametrize("host", ["database", "nowhere"])
def test_a_line_that_names_another_host_fails_by_one_sentence_and_the_others_go_on(member: str, host: str) -> None:
    key = {"challenge": "http-01"} if member == "challenge_hosts" else {"key": "frontend"}
    bad = {"name": "bad", "domains": ["bad.example.com"], **key, member: [host]}
    first, second = spell_out({"certificates": [bad, GOOD]}, INVENTORY)["certificates"]
    assert second == GOOD
    with pytest.raises(Error, match=rf"^certificates\[0\]: {member}: .*{host}") as refusal:
        parse_wanted([first])
    assert refusal.value.details == {"option": "certificates[0]"}
    assert parse_wanted([second])


def test_nobody_but_the_task_tells_a_problem() -> None:
    (told,) = spell_out({"certificates": [{**GOOD, "problem": "SOMEBODY HAS TO PAY"}]}, INVENTORY)["certificates"]
    with pytest.raises(Error, match=r"^certificates\[0\]: problem: is set by the task itself$"):
        parse_wanted([told])


def test_a_problem_is_one_line() -> None:
    with pytest.raises(Error, match=r"^certificates\[0\]: a b$"):
        parse_wanted([{**GOOD, "problem": "a\n\nb"}])


def test_no_other_host_is_asked_for_a_key() -> None:
    """A list in a file of the validation host is not seen by the action before."""
    requests = [{"certificate": "shop@database/rsa-2048", "host": "database"}]
    told = Elsewhere(None, {}, INVENTORY).fulfil({"key_requests": requests})  # type: ignore[arg-type]
    reason = "frontends: database is in neither of the groups frontends and validation_hosts"
    assert told == {"csrs": [{"certificate": "shop@database/rsa-2048", "problem": reason}]}


def test_a_frontend_is_asked_for_no_key_of_names_outside_its_domains() -> None:
    bound = {**INVENTORY, "hostvars": {**INVENTORY["hostvars"], "web1": {"certfleet_frontend_domains": ["mine.test"]}}}
    request = {
        "certificate": "bank@web1/rsa-2048",
        "host": "web1",
        "name": "bank",
        "domains": ["a.mine.test", "bank.test"],
    }
    told = Elsewhere(None, {}, bound).fulfil({"key_requests": [request]})  # type: ignore[arg-type]
    reason = "frontends: web1 may not have 'bank.test': certfleet_frontend_domains does not include it"
    assert told == {"csrs": [{"certificate": "bank@web1/rsa-2048", "problem": reason}]}


@pytest.mark.parametrize("empty", [None, []])
def test_a_frontend_whose_domains_were_left_empty_is_asked_for_no_key(empty: object) -> None:
    """Its last domain was taken off: that must not set it free."""
    bound = {**INVENTORY, "hostvars": {**INVENTORY["hostvars"], "web1": {"certfleet_frontend_domains": empty}}}
    request = {"certificate": "bank@web1/rsa-2048", "host": "web1", "name": "bank", "domains": ["bank.test"]}
    (told,) = Elsewhere(None, {}, bound).fulfil({"key_requests": [request]})["csrs"]  # type: ignore[arg-type]
    assert "web1 may not have 'bank.test'" in told["problem"]


@pytest.mark.parametrize("domains", ["*.mine.test", ["localhost"], 5, [{}]])
def test_domains_that_are_none_are_told_for_each_certificate(domains: object) -> None:
    bound = {**INVENTORY, "hostvars": {**INVENTORY["hostvars"], "web1": {"certfleet_frontend_domains": domains}}}
    request = {"certificate": "bank@web1/rsa-2048", "host": "web1", "name": "bank", "domains": ["bank.test"]}
    (told,) = Elsewhere(None, {}, bound).fulfil({"key_requests": [request]})["csrs"]  # type: ignore[arg-type]
    assert told["problem"].startswith("frontends: certfleet_frontend_domains of web1: ")


def test_no_answer_is_put_on_another_host() -> None:
    """The module then tells it as the failure of the certificate."""
    elsewhere = Elsewhere(None, {}, INVENTORY)  # type: ignore[arg-type]
    placement = {"certificate": "shop/rsa-2048", "hosts": ["database"], "files": [{"token": "t", "content": "c"}]}
    problem = "challenge_hosts: database is in neither of the groups frontends and validation_hosts"
    told = {"placed": [], "unplaced": [{"certificate": "shop/rsa-2048", "problem": problem}]}
    assert elsewhere.fulfil({"placements": [placement]}) == told
    assert elsewhere.notes == []
