# SPDX-License-Identifier: GPL-3.0-or-later
"""What is hidden of options that may be of the wrong form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.secrets import find_secrets

SECRET = "M9mBWt4l2VvgM28VTY2fLs12zdtOX3AscgSyO3SgFNM="
KEY = {"name": "a-rather-long-name.example.com", "algorithm": "hmac-sha256", "secret": SECRET}
PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\nAwEHBG0wawIBAQ==\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "tsig_keys",
    [
        [KEY],
        KEY,
        [[KEY]],
        json.dumps([KEY]),
        [json.dumps(KEY)],
        [{"name": "acme", "secrt": SECRET}],
        [{"name": "acme", "algorithm": SECRET, "secret": "hmac-sha256"}],
        [{"name": "acme", "secret": {"value": [SECRET]}}],
        f"acme:{SECRET}",
    ],
)
def test_a_secret_is_hidden_wherever_it_was_put(tsig_keys: Any) -> None:
    hidden = find_secrets({"tsig_keys": tsig_keys})
    assert {SECRET, SECRET.rstrip("=")} <= hidden


@pytest.mark.parametrize(
    "options",
    [
        {"tsig_key": [KEY]},
        {"tsig": SECRET},
        {"secret": SECRET},
        {"responders": [{"name": "fra", "tsig_key": KEY}]},
        {"responders": [{"name": "fra", "tsig_key": SECRET}]},
        {"responders": [{"name": "fra", "tsig_secret": SECRET}]},
        {"external_account_binding": {"key_id": "kid", "key": SECRET}},
        {"eab": {"key_id": "kid", "hmac_key": SECRET}},
    ],
)
def test_a_secret_is_hidden_in_an_option_that_does_not_take_one(options: dict[str, Any]) -> None:
    assert SECRET in find_secrets(options)


def test_names_and_algorithms_are_not_hidden() -> None:
    assert find_secrets({"responders": [{"name": "fra", "tsig_key": "the-key-of-the-whole-fleet"}]}) == set()
    assert find_secrets({"tsig_keys": [KEY]}) == {SECRET, SECRET.rstrip("=")}
    binding = {
        "key_id": "a-key-id-that-is-long-enough",
        "key": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV",
        "algorithm": "HS256",
    }
    assert find_secrets({"external_binding": binding}) == {binding["key"]}


@pytest.mark.parametrize("options", [{"key_file": PEM}, {"recipient": PEM}, {"installed": [{"sha256": PEM}]}])
def test_a_private_key_is_hidden_in_any_option(options: dict[str, Any]) -> None:
    assert find_secrets(options) == {"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49", "AwEHBG0wawIBAQ=="}


def test_nothing_else_is_hidden() -> None:
    options = {
        "store": "/var/lib/certfleet/a-very-long-folder-name",
        "certificates": [{"domains": ["a.example.com"]}],
        "wait": 5,
    }
    assert find_secrets(options) == set()
