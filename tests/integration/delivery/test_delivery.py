# SPDX-License-Identifier: GPL-3.0-or-later
"""From the store to the web servers, by Ansible and with real handshakes."""

from __future__ import annotations

import base64
import re
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.waiting import wait_until
from tests.modules import Outcome, run_module
from tests.unit.plugins.module_utils._x509.throwaway import Issued

from .conftest import KEY_TYPES, Fleet

SECRET = re.compile(r"PRIVATE KEY")


def lines_of_keys(*certificates: Issued) -> list[str]:
    """The text of the private keys, line by line as it could turn up somewhere."""
    return [line for each in certificates for line in each.files["privkey.pem"].decode().splitlines()[1:-1]]


def der(issued: Issued) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.cert.decode())


def wait_until_served(fleet: Fleet, name: str, wanted: set[bytes]) -> None:
    """Return when the web servers' old workers are gone; a reload doesn't wait for that."""
    wait_until(lambda: fleet.served(name) == wanted)


def test_frontends_serve_what_is_delivered_and_reload_exactly_when_something_changed(fleet: Fleet) -> None:
    names = sorted(frontend.name for frontend in fleet.lab.frontends)
    first = [fleet.issue("shop", key_type) for key_type in KEY_TYPES]
    output = fleet.deploy().output
    assert sorted(fleet.reloads) == names

    fleet.serve("shop")
    wait_until_served(fleet, "shop", set(map(der, first)))

    again = fleet.deploy()
    assert not any(again.changes.values())
    assert sorted(fleet.reloads) == names

    renewed = fleet.issue("shop", "rsa-2048")
    expected = fleet.deploy("--check", "--diff")
    assert sorted(fleet.reloads) == names
    assert fleet.served("shop") == set(map(der, first))
    output += again.output + expected.output + fleet.deploy("--diff").output
    assert sorted(fleet.reloads) == sorted(names * 2)
    wait_until_served(fleet, "shop", {der(renewed), der(first[1])})

    assert not SECRET.search(output)
    assert not [line for line in lines_of_keys(*first, renewed) if line in output]


@pytest.fixture
def web(fleet: Fleet) -> Path:
    return fleet.folder / "web"


def install(lab: Lab, web: Path, *, check: bool = False, diff: bool = False, **arguments: Any) -> Outcome:
    return run_module(
        lab,
        "certificate_install",
        {"path": str(web), **arguments},
        check=check,
        diff=diff,
        host=lab.frontends[0].name,
    )


def fetch(fleet: Fleet, prepared: Outcome, *, check: bool = False, **arguments: Any) -> Outcome:
    given = {
        "store": str(fleet.store),
        "names": ["all"],
        **{each: prepared[each] for each in ("recipient", "installed")},
    }
    return run_module(fleet.lab, "certificate_fetch", {**given, **arguments}, check=check)


def test_prepare_create_repeat_change_repeat_remove_repeat_and_each_in_check_mode(fleet: Fleet, web: Path) -> None:
    lab = fleet.lab

    checked = install(lab, web, state="prepared", check=True)
    assert (checked.changed, checked["recipient"]) == (True, None)
    assert not web.exists()
    assert not fetch(fleet, checked, check=True).failed
    prepared = install(lab, web, state="prepared")
    assert prepared.changed
    assert not install(lab, web, state="prepared").changed

    before: str | None = None
    for _round in range(2):
        issued = fleet.issue("shop", "ecdsa-p256")
        state = install(lab, web)
        assert not state.changed
        fetched = fetch(fleet, state, names=["shop"])
        assert not fetched.changed
        expected = install(lab, web, bundle=fetched["bundle"], check=True, diff=True)
        assert install(lab, web)["installed"] == state["installed"]
        done = install(lab, web, bundle=fetched["bundle"], diff=True)
        assert expected.changed
        assert done.changed
        assert expected["certificates"] == done["certificates"]
        [change] = done["certificates"]
        assert (change["before"] or {}).get("sha256") == before
        before = change["after"]["sha256"]
        assert before in done["diff"]["after"]
        live = web / "certificates" / "shop" / "ecdsa-p256" / "live"
        assert {name: (live / name).read_bytes() for name in issued.files} == issued.files
        for check in (True, False):
            assert not install(lab, web, bundle=fetched["bundle"], check=check).changed
        assert "bundle" not in fetch(fleet, done, names=["shop"]).result

    assert install(lab, web, state="absent", names=["shop"], check=True).changed
    assert live.exists()
    assert install(lab, web, state="absent", names=["shop"]).changed
    assert not live.exists()
    for check in (True, False):
        assert not install(lab, web, state="absent", names=["shop"], check=check).changed


def test_a_bundle_that_was_tampered_with_fails_in_one_sentence_without_a_secret(fleet: Fleet, web: Path) -> None:
    issued = fleet.issue("shop", "ecdsa-p256")
    prepared = install(fleet.lab, web, state="prepared")
    bundle = bytearray(base64.b64decode(fetch(fleet, prepared)["bundle"]))
    bundle[-100] ^= 1
    failed = install(fleet.lab, web, bundle=base64.b64encode(bundle).decode())
    assert failed.failed
    assert failed["msg"].startswith("The bundle is damaged")
    assert not (web / "certificates").exists()
    assert not SECRET.search(failed.output)
    assert not [line for line in lines_of_keys(issued) if line in failed.output]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"names": ["../shop"]}, "names: '../shop' is no name for the store"),
        ({"names": ["nothing"]}, "has no certificate to deliver for nothing: there is none"),
        ({"key_types": ["rsa"]}, "key_types: 'rsa' is not one of rsa-2048"),
        ({"recipient": "nonsense"}, "The recipient is not a certificate in PEM form"),
        ({"recipient": None}, "recipient: None is not what certificate_install"),
        ({"installed": [{"name": "shop"}]}, "installed: {'name': 'shop'} is not an entry"),
    ],
)
def test_what_can_not_be_fetched_is_one_sentence(
    fleet: Fleet, web: Path, arguments: dict[str, Any], sentence: str
) -> None:
    recipient = fleet.issue("shop", "rsa-2048").cert.decode()
    given = {"store": str(fleet.store), "recipient": recipient, **arguments}
    failed = run_module(fleet.lab, "certificate_fetch", given)
    assert failed.failed
    assert sentence in failed["msg"]
    assert "Traceback" not in failed.output
