# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking for what has failed to be tried again."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.retry import parse_retry
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

WANTED = parse_wanted(
    [
        {"name": "shop", "domains": ["shop.example.com", "*.shop.example.com"]},
        {"name": "mail", "domains": ["mail.example.com", "b\u00fccher.example"]},
    ]
)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([], set()),
        (["all"], {"shop", "mail"}),
        (["shop"], {"shop"}),
        (["MAIL.example.com."], {"mail"}),
        (["b\u00fccher.example"], {"mail"}),
        (["*.shop.example.com"], {"shop"}),
        (["shop.example.com", "mail"], {"shop", "mail"}),
    ],
)
def test_certificates_are_meant_by_their_names_and_by_their_domains(values: list[str], names: set[str]) -> None:
    assert parse_retry(values, WANTED).names == names


@pytest.mark.parametrize("value", ["shopp", "www.shop.example.com", "", "a..b", "All"])
def test_what_nothing_in_the_list_has_is_told(value: str) -> None:
    with pytest.raises(InputError, match=f"retry: '{value}' is neither"):
        parse_retry([value], WANTED)
