# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frontend takes for a request (G9); keys and CSRs are made for real in tests/integration/frontend_keys."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import KEY_PARAMETERS, OpenSsl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.requests import parse_requests
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import KEY_TYPES, key_type_of, load_key

REQUEST = {"name": "shop", "key_type": "rsa-2048", "domains": ["shop.example"], "reuse_key": False}


def test_frontends_know_the_types_of_keys_that_validation_hosts_know() -> None:
    assert tuple(KEY_PARAMETERS) == KEY_TYPES


@pytest.mark.parametrize("key_type", KEY_PARAMETERS)
def test_a_key_is_of_the_type_that_was_asked_for(key_type: str) -> None:
    assert key_type_of(load_key(OpenSsl(run_openssl).make_key(key_type))) == key_type


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"key_type": "dsa"}, r"requests\[0\]\.key_type: 'dsa' is not one of rsa-2048"),
        ({"domains": []}, r"requests\[0\]\.domains: \[\] is not a name or an address"),
        # in the configuration of openssl it would be another line
        ({"domains": ["a.example\nbasicConstraints = CA:TRUE"]}, r"requests\[0\]\.domains: .* is not a name"),
        ({"domains": ["a.example,DNS:b.example"]}, r"requests\[0\]\.domains: .* is not a name"),
        ({"name": "../x"}, r"requests\[0\]\.name: '\.\./x' is no name"),
    ],
)
def test_what_can_not_be_is_told(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parse_requests([{**REQUEST, **change}])
