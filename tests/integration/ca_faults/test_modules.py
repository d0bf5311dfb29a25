# SPDX-License-Identifier: GPL-3.0-or-later
"""The same through Ansible: what users read when their CA is in trouble."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.ca_faults import always, hang, lose_answer, nth, web_page
from tests.lab.ca_proxy import CaProxy
from tests.modules import Outcome, run_module
from tests.options import responders, tsig_keys

from .conftest import Site, fresh


@pytest.fixture
def arguments(lab: Lab, proxy: CaProxy, site: Site) -> dict[str, Any]:
    return {
        "directory": proxy.directory,
        "ca_bundle": str(proxy.ca_bundle),
        "store": str(site.folder),
        "request_timeout": 2.0,
        "patience": 10,
        "wait": 10,
        "check_name_servers": False,
        "responders": responders(lab),
        "tsig_keys": tsig_keys(lab),
    }


def entries(names: list[str]) -> list[dict[str, Any]]:
    return [
        {"name": name.split(".")[0], "domains": [name], "key_types": ["ecdsa-p256"], "profile": "classic"}
        for name in names
    ]


def test_lost_answers_cost_neither_a_certificate_nor_an_order(
    lab: Lab, proxy: CaProxy, arguments: dict[str, Any]
) -> None:
    names = fresh(3)
    proxy.inject("newOrder", lose_answer(), nth(1))
    proxy.inject("finalize", lose_answer(), nth(2))
    proxy.inject("certificate", hang(), nth(3))
    first = run_module(lab, "certificates", {**arguments, "certificates": entries(names), "fail_on": "never"})
    assert first.changed, first.output
    assert (first["counts"]["issued"], first["counts"]["failed"]) == (2, 1)
    assert "gave no answer within 2 s" in str(first["certificates"])
    again = run_module(lab, "certificates", {**arguments, "certificates": entries(names), "retry": ["all"]})
    assert again["counts"] == {**again["counts"], "issued": 1, "valid": 2}, again.output
    assert sorted(proxy.orders) == sorted((name,) for name in names)


def test_a_ca_that_is_down_for_maintenance_is_asked_once(lab: Lab, proxy: CaProxy, arguments: dict[str, Any]) -> None:
    proxy.inject("directory", web_page(503, "3600"), always)

    def keep() -> Outcome:
        return run_module(lab, "certificates", {**arguments, "certificates": entries(["maintained.fleet.test"])})

    first = keep()
    assert first.failed, first.output
    assert "Please wait" in first["msg"]
    assert "Please wait" in keep()["msg"]
    assert proxy.requests["directory"] == 1
