# SPDX-License-Identifier: GPL-3.0-or-later
"""The module directory_info, run by Ansible."""

from __future__ import annotations

from typing import Any

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca


def read(lab: Lab, check: bool = False, **more: Any) -> Outcome:
    return run_module(lab, "directory_info", {**ca(lab), **more}, check=check)


def test_it_shows_what_the_ca_offers_and_changes_nothing(lab: Lab) -> None:
    for check in (True, False):
        shown = read(lab, check)
        assert not shown.changed
        assert shown["terms_of_service"]
        assert set(shown["profiles"]) == set(lab.options.profiles)
        assert shown["renewal_information"].startswith("https://")
        assert shown["external_account_required"] is False
        assert shown["caa_identities"] == ["pebble.letsencrypt.org"]
        assert shown["website"] is None
        assert shown["endpoints"]["newOrder"].startswith("https://")


def test_a_bundle_that_is_wrong_is_named(lab: Lab) -> None:
    wrong = read(lab, ca_bundle=str(lab.issuer_bundle))
    assert wrong.failed
    assert wrong["option"] == "ca_bundle"
    assert f"ca_bundle ({lab.issuer_bundle}) has no root" in wrong["msg"]
    missing = read(lab, ca_bundle="/nowhere/ca.pem")
    assert missing["msg"] == "ca_bundle: '/nowhere/ca.pem' can't be read: No such file or directory"


def test_what_is_not_a_directory_is_named(lab: Lab) -> None:
    for url, reason in (
        (f"{lab.management}/roots/0", "is not the directory of a CA"),
        ("http://ca.fleet.test/", "is not an https:// URL"),
    ):
        other = read(lab, directory=url)
        assert other.failed
        assert other["option"] == "directory"
        assert reason in other["msg"]
