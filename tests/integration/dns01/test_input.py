# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that can't be used: one clear sentence, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Dns01

NAME = "_acme-challenge.shop.fleet.test"
RECORDS = [{"name": NAME, "values": ["v"]}]
NOWHERE = [{"name": "fra", "address": "192.0.2.53", "tsig_key": "acme"}]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"responders": [{**NOWHERE[0], "tsig_key": "other"}]}, "responders: 'other' is the tsig_key of fra, but"),
        ({"responders": [*NOWHERE, *NOWHERE]}, "responders: 'fra' is the name of two responders"),
        ({"responders": [{**NOWHERE[0], "updates": False}]}, "responders: ['fra'] has no responder that takes updates"),
        ({"responders": [{"name": "fra"}]}, "responders: 'fra' has neither address nor addresses"),
        ({"responders": [{**NOWHERE[0], "port": 70000}]}, "responders: 70000 is not a port for fra"),
        (
            {"tsig_keys": [{"name": "acme", "algorithm": "hmac-md5", "secret": "c2VjcmV0"}]},
            "tsig_keys: 'hmac-md5' is not an algorithm for the key acme: use one of hmac-sha256, hmac-sha384, hmac-sha512",
        ),
        ({"records": [{"name": "a..b", "values": ["v"]}]}, "records: 'a..b' is not a domain name"),
        ({"records": [{"name": NAME}]}, f"records: '{NAME}' has no values, which state present needs"),
        ({"records": [{"name": NAME, "values": ["x" * 256]}]}, "records: 'xxxx"),
        (
            {"state": "swept", "records": [{"name": "shop.fleet.test"}]},
            "records: 'shop.fleet.test' is not swept, as it does not begin with _acme-challenge",
        ),
        ({"state": "swept"}, f"records: '{NAME}' has values, but state swept removes all there are"),
        ({"wait": -1}, "wait: -1 is less than 0"),
        ({"ttl": -1}, "ttl: -1 is less than 0"),
        ({"dns_timeout": 0}, "dns_timeout: 0 is less than 1"),
    ],
)
def test_the_sentence_names_option_and_value(
    dns01: Dns01, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    store = tmp_path / "store"
    given = {"responders": NOWHERE, "records": RECORDS, "store": str(store)} | options
    result = dns01(**given)
    assert result["failed"]
    assert result["msg"].startswith(sentence)
    assert not store.exists()


def test_a_secret_that_is_no_base64_is_not_shown(dns01: Dns01) -> None:
    keys = [{"name": "acme", "algorithm": "hmac-sha256", "secret": "nearly*the*secret"}]
    result = dns01(responders=NOWHERE, tsig_keys=keys, records=RECORDS)
    assert result["msg"] == "tsig_keys: 'acme' has a secret that is not base64 text"
    assert "nearly" not in str(result)
