# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks `renew` and `retry` when something fails, and the modules when another task is at work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.lab import Lab
from tests.lab.ca_faults import always, first, lose_request, refuse, web_page
from tests.lab.ca_proxy import CaProxy
from tests.modules import ROOT, run_module
from tests.options import responders, tsig_keys
from tests.playbooks import Played, run_playbook

from .conftest import site

ONE = site("one", key_types=["ecdsa-p256"], profile="classic")
OTHER = site("other", key_types=["ecdsa-p256"], profile="classic")
THIRD = site("third", key_types=["ecdsa-p256"], profile="classic")


class Plays:
    """Playbooks with a CA behind the proxy."""

    def __init__(self, lab: Lab, proxy: CaProxy, folder: Path) -> None:
        self.lab = lab
        self.proxy = proxy
        self.folder = folder
        self.variables: dict[str, Any] = {
            "certfleet_directory": proxy.directory,
            "certfleet_ca_bundle": str(proxy.ca_bundle),
            "certfleet_terms_agreed": True,
            "certfleet_store": str(folder / "store"),
            "certfleet_frontend_path": str(folder / "{{ inventory_hostname }}"),
            "certfleet_dns_wait": 20,
        }

    def play(self, name: str, *certificates: dict[str, Any], **variables: Any) -> Played:
        variables = {**self.variables, **variables, "certfleet_certificates": list(certificates)}
        return run_playbook(self.lab, f"certfleet.acme.{name}", variables=variables)

    def installed(self, name: str) -> bool:
        return (self.folder / f"front1/certificates/{name}/ecdsa-p256/live/fullchain.pem").exists()


@pytest.fixture
def plays(lab: Lab, proxy: CaProxy, tmp_path: Path) -> Plays:
    return Plays(lab, proxy, tmp_path)


@pytest.mark.parametrize("effect", [lose_request(), web_page(503)], ids=["gone", "503"])
def test_a_ca_that_is_away_fails_no_play_while_all_certificates_are_valid(plays: Plays, effect: Any) -> None:
    assert plays.play("renew", ONE).status == 0
    plays.proxy.inject("any", effect)
    (plays.folder / "front1").rename(plays.folder / "gone")
    played = plays.play("renew", ONE)
    assert played.status == 0, played.output
    assert plays.installed("one"), "a frontend that was built anew gets what there is"
    assert "0 orders; 1 valid" in played.output

    waiting = plays.play("renew", {**ONE, "profile": "shortlived"})
    assert "0 orders; 1 valid" in waiting.output
    due = plays.play("renew", {**ONE, "profile": "shortlived"}, certfleet_apply="now")
    assert due.status == 0, due.output
    assert "0 orders; 1 failed" in due.output

    missing = plays.play("renew", ONE, OTHER)
    assert missing.status != 0
    assert "1 certificate could not be issued\\nother (ecdsa-p256): " in missing.output


def test_without_an_account_a_ca_that_is_away_fails_the_play(plays: Plays) -> None:
    plays.proxy.inject("any", lose_request())
    played = plays.play("renew", ONE)
    assert played.status != 0
    assert "account: 'default' is not registered at " in played.output
    host = urlsplit(plays.proxy.directory).netloc
    before = played.output.partition("...ignoring")[0]
    assert host in before.rpartition("FAILED!")[2], "nobody would know why"


def test_what_the_ca_refuses_about_the_account_fails_the_play_after_the_rest_is_done(plays: Plays) -> None:
    assert plays.play("renew", ONE).status == 0
    plays.proxy.inject("account", refuse(400, "invalidContact", "no such address"), always)
    played = plays.play("renew", ONE, OTHER, certfleet_contact=["mailto:x@example.com"])
    assert played.status != 0
    assert plays.installed("other")
    assert "invalidContact: no such address" in played.output


def test_renew_leaves_what_has_failed_and_retry_does_not(plays: Plays) -> None:
    plays.proxy.inject("newOrder", refuse(403, "rejectedIdentifier", "not these names"), first(1))
    assert plays.play("renew", ONE).status != 0
    waiting = plays.play("renew", ONE)
    assert waiting.status != 0
    assert "0 orders; 1 deferred" in waiting.output
    assert "one (ecdsa-p256): not before 20" in waiting.output
    assert plays.proxy.requests["newOrder"] == 1

    unknown = plays.play("retry", ONE, certfleet_retry=["two"])
    assert unknown.status != 0
    assert "retry: 'two' is neither a certificate of the list" in unknown.output

    again = plays.play("retry", ONE)
    assert again.status == 0, again.output
    assert "1 orders; 1 issued" in again.output
    assert plays.installed("one")


def test_what_waits_is_told_with_its_time_and_what_needs_a_human_loudly(plays: Plays) -> None:
    text = "your account is paused for this name: https://ca.example/unpause"
    plays.proxy.inject("newOrder", refuse(429, "rateLimited", text), first(1))
    played = plays.play("renew", ONE, OTHER, certfleet_fail_on="never", certfleet_max_orders=1)
    assert played.status == 0, played.output
    assert "SOMEBODY HAS TO ACT, then ask for a retry: The CA at " in played.output
    assert text in played.output
    assert "(ecdsa-p256), next attempt 20" not in played.output, "the refused order was no order"

    waiting = plays.play("renew", ONE, OTHER, THIRD, certfleet_fail_on="never", certfleet_max_orders=1)
    assert waiting.status == 0, waiting.output
    assert "third (ecdsa-p256), next attempt 20" in waiting.output


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A store that another process works on."""
    store = tmp_path / "store"
    program = (
        "import sys;"
        "from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files;"
        "from ansible_collections.certfleet.acme.plugins.module_utils._core.lock import Lock;"
        "lock = Lock(Files(sys.argv[1])).__enter__(); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(store)]
    environment = {"PYTHONPATH": str(ROOT / ".cache/collections")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield store
        process.communicate("")


@pytest.mark.parametrize("module", ["account", "certificates", "dns01", "order"])
def test_a_module_that_finds_another_task_at_work_says_which_and_leaves(lab: Lab, busy: Path, module: str) -> None:
    dns = {"responders": responders(lab), "tsig_keys": tsig_keys(lab)}
    ca = {"directory": lab.directory, "ca_bundle": str(lab.ca_bundle)}
    record = {"name": "_acme-challenge.one.fleet.test", "values": ["x"]}
    arguments: dict[str, dict[str, Any]] = {
        "account": {**ca, "terms_agreed": True},
        "certificates": {**ca, **dns, "certificates": [ONE]},
        "dns01": {**dns, "records": [record]},
        "order": {**ca, "certificates": [ONE]},
    }
    result = run_module(lab, module, {**arguments[module], "store": str(busy), "lock_wait": 1})
    assert result.failed
    assert result["msg"].startswith(f"Another run works on {busy} (process ")
    refused = run_module(lab, module, {**arguments[module], "store": str(busy), "lock_wait": -1})
    assert refused["msg"] == "lock_wait: -1 is less than 0"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("max_orders", 0, "max_orders: 0 is less than 1"),
        ("max_orders_per_names", -3, "max_orders_per_names: -3 is less than 1"),
        ("retry", ["nobody"], "retry: 'nobody' is neither a certificate of the list nor one of their domains, nor all"),
        ("max_orders", "many", "max_orders"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_with_its_option(
    lab: Lab, tmp_path: Path, option: str, value: object, message: str
) -> None:
    dns = {"responders": responders(lab), "tsig_keys": tsig_keys(lab)}
    ca = {"directory": lab.directory, "ca_bundle": str(lab.ca_bundle), "store": str(tmp_path / "store")}
    result = run_module(lab, "certificates", {**ca, **dns, "certificates": [ONE], option: value})
    assert result.failed
    assert message in json.dumps(result["msg"], ensure_ascii=False)
    assert not (tmp_path / "store").exists()
