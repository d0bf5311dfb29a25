# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's main(), within this process as it is called often, against the lab's name servers, and names that no other test uses."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.certfleet.acme.plugins.modules import dns01 as module

from tests import options
from tests.lab import Lab

Result = dict[str, Any]
Dns01 = Callable[..., Result]


@pytest.fixture
def responders(lab: Lab) -> list[dict[str, Any]]:
    """The responders as a user lists them, with all their addresses."""
    return options.responders(lab)


@pytest.fixture
def tsig_keys(lab: Lab) -> list[dict[str, str]]:
    """The keys as a user lists them."""
    return options.tsig_keys(lab)


@pytest.fixture
def dns01(responders: list[dict[str, Any]], tsig_keys: list[dict[str, str]]) -> Dns01:
    """Run the module with some options; the responders of the lab are those that are not given."""

    def run(check: bool = False, **given: Any) -> Result:
        arguments = {
            "responders": responders,
            "tsig_keys": tsig_keys,
            "validation_zones": ["validation.test"],
            "wait": 20,
            "dns_timeout": 2,
        } | given
        output = io.StringIO()
        with (
            patch_module_args(arguments | {"_ansible_check_mode": check, "_ansible_diff": True}),
            contextlib.redirect_stdout(output),
            pytest.raises(SystemExit),
        ):
            module.main()
        result: Result = json.loads(output.getvalue())
        for key in tsig_keys:
            assert key["secret"] not in output.getvalue()
        return result

    return run


@pytest.fixture
def name() -> str:
    """An owner name that no other test uses."""
    return f"_acme-challenge.{secrets.token_hex(6)}.fleet.test"


@pytest.fixture
def value() -> str:
    """A value as dns-01 has them."""
    return secrets.token_urlsafe(32)
