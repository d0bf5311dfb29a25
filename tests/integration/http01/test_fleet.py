# SPDX-License-Identifier: GPL-3.0-or-later
"""http-01 for a name with three frontends, in both ways of the guide (G10, G13): a real CA asks real web servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca

from .servers import CHALLENGES, redirects, validation_host, webroot_of

CERTIFICATE = {"name": "fronts", "domains": ["fronts.fleet.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}


class Fleet:
    """One name with three frontends, and a pending order for it."""

    def __init__(self, lab: Lab, store: Path) -> None:
        self.lab = lab
        self.options = {**ca(lab), "store": str(store)}
        assert run_module(lab, "account", {**self.options, "terms_agreed": True}).changed
        self.files = self.order("present")["http_files"]

    def order(self, state: str) -> Outcome:
        arguments = {**self.options, "state": state, "certificates": [{**CERTIFICATE, "challenge": "http-01"}]}
        outcome = run_module(self.lab, "order", arguments)
        assert not outcome.failed, outcome.output
        return outcome

    def http01(self, state: str, webroot: Path | None = None, check: bool = False, **options: Any) -> Outcome:
        """The module on the host of the frontends, with the addresses of all of them."""
        arguments = {
            "state": state,
            "files": self.files,
            "webroot": str(webroot) if webroot else None,
            "addresses": [each.address for each in self.lab.frontends],
            "http_port": self.lab.validation_ports[0],
            "allowed_networks": ["127.0.0.0/8"],
            "timeout": 0,
            **options,
        }
        return run_module(self.lab, "http01", arguments, check=check, diff=True, host="front1")


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(lab, tmp_path / "store")
    yield fleet
    for frontend in lab.frontends:
        fleet.http01("absent", webroot_of(frontend))


def test_files_come_and_go_once_and_check_mode_says_so(fleet: Fleet, tmp_path: Path) -> None:
    webroot = tmp_path / "challenges"
    (file,) = fleet.files
    expected = fleet.http01("present", webroot, check=True)
    assert expected.changed
    assert not webroot.exists()
    placed = fleet.http01("present", webroot)
    assert placed.changed
    assert placed["files"] == expected["files"] == fleet.files
    assert placed["diff"]["after"] == f"{file['path']}\n"
    path = webroot / file["path"].rpartition("/")[2]
    assert path.read_text() == file["content"]
    assert (webroot.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o755, 0o644)
    assert not fleet.http01("present", webroot).changed
    assert fleet.http01("absent", webroot, check=True).changed
    assert path.exists()
    assert fleet.http01("absent", webroot)["diff"]["before"] == f"{file['path']}\n"
    assert list(webroot.iterdir()) == []
    assert not fleet.http01("absent", webroot).changed


def test_a_certificate_comes_once_the_token_is_on_every_frontend(fleet: Fleet, lab: Lab) -> None:
    first, second, third = lab.frontends
    for frontend in (first, third):
        assert fleet.http01("present", webroot_of(frontend)).changed
    lacking = fleet.http01("verified")
    assert lacking.failed
    assert f"fronts.fleet.test {second.address}: status 404" in lacking["msg"]
    assert first.address not in lacking["msg"]
    assert third.address not in lacking["msg"]
    assert [verdict["correct"] for verdict in lacking["verdicts"]] == [True, False, True]
    assert not fleet.http01("verified", check=True).failed

    fleet.http01("present", webroot_of(second))
    seen = fleet.http01("verified")
    assert not seen.failed, seen.output
    assert not seen.changed
    assert {verdict["address"] for verdict in seen["verdicts"]} == {each.address for each in lab.frontends}
    assert fleet.order("finalized")["certificates"][0]["status"] == "issued"


def test_a_certificate_comes_when_every_frontend_redirects_to_a_validation_host(
    fleet: Fleet, lab: Lab, tmp_path: Path
) -> None:
    target = f"http://{lab.spare_address}:{lab.validation_ports[0]}"
    with validation_host(lab, tmp_path / "www"), redirects(lab, target):
        empty = fleet.http01("verified")
        assert empty.failed
        for frontend in lab.frontends:
            way = f"fronts.fleet.test {frontend.address} -> {target}{fleet.files[0]['path']} {lab.spare_address}"
            assert f"{way}: status 404" in empty["msg"]
        assert fleet.http01("present", tmp_path / "www" / CHALLENGES).changed
        # the lab is where nobody else can look, and so it has to be listed
        unlisted = fleet.http01("verified", allowed_networks=[])
        assert "not asked after a redirect: the address is not public, and not in allowed_networks" in unlisted["msg"]
        seen = fleet.http01("verified")
        assert not seen.failed, seen.output
        assert all(len(verdict["requests"]) == 2 for verdict in seen["verdicts"])
        assert fleet.order("finalized")["certificates"][0]["status"] == "issued"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"files": [{"identifier": "a.test", "path": "/x/../y", "content": "a.b"}]}, "files[0].path: '/x/../y' is not"),
        (
            {"files": [{"identifier": "a.test", "path": f"/{CHALLENGES}/token", "content": "other.b"}]},
            "files[0].content: 'other.b' is not the token of its path",
        ),
        (
            {"files": [{"identifier": "a test", "path": f"/{CHALLENGES}/token", "content": "token.b"}]},
            "files[0].identifier: 'a test' is neither",
        ),
        ({"addresses": ["front1"]}, "addresses: 'front1' is not an IPv4 or IPv6 address"),
        ({"http_port": 0}, "http_port: 0 is not a port"),
        ({"allowed_networks": ["10.0.0.1/8"]}, "allowed_networks: '10.0.0.1/8' is not a network such as 10.0.0.0/8"),
        ({"timeout": -1}, "timeout: -1.0 is not a number of seconds of at least 0"),
        ({"request_timeout": 0}, "request_timeout: 0.0 is not a number of seconds of at least 0.1"),
    ],
)
def test_bad_input_is_told(options: dict[str, Any], sentence: str, lab: Lab) -> None:
    refused = run_module(lab, "http01", {"state": "verified", "files": [], **options}, host="front1")
    assert refused.failed
    assert refused["msg"].startswith(sentence)
