# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories, and what isn't one."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock, refusal


def test_a_directory_is_read(ca: FakeCa, network: Network) -> None:
    ca.meta |= {
        "website": f"{HOST}/about",
        "caaIdentities": ["ca.test"],
        "externalAccountRequired": True,
        "profiles": {"classic": "as ever", "shortlived": "six days"},
    }
    directory = fetch_directory(network, DIRECTORY)
    assert directory.terms_of_service == f"{HOST}/terms/1"
    assert directory.website == f"{HOST}/about"
    assert directory.caa_identities == ("ca.test",)
    assert directory.external_account_required
    assert directory.profiles == {"classic": "as ever", "shortlived": "six days"}
    assert directory.renewal_information is None
    assert directory.endpoint("newOrder") == f"{HOST}/new-order"
    assert "meta" not in directory.endpoints


def test_an_endpoint_that_is_missing_is_told_by_name(ca: FakeCa, network: Network) -> None:
    with pytest.raises(NetworkError, match="offers no revokeCert"):
        fetch_directory(network, DIRECTORY).endpoint("revokeCert")


@pytest.mark.parametrize("meta", [None, [], "x", {"profiles": [], "caaIdentities": "x", "termsOfService": 1}])
def test_meta_of_the_wrong_kind_counts_as_missing(ca: FakeCa, network: Network, meta: Any) -> None:
    ca.meta = meta
    directory = fetch_directory(network, DIRECTORY)
    assert directory.terms_of_service is None
    assert directory.profiles == {}
    assert directory.caa_identities == ()


@pytest.mark.parametrize(
    "url", ["http://ca.test/dir", "ca.test/dir", "", "https://", "https://[::/", "https://a:99999/"]
)
def test_only_https_urls_are_asked(ca: FakeCa, network: Network, url: str) -> None:
    with pytest.raises(InputError, match="is not an https:// URL"):
        fetch_directory(network, url)
    assert ca.seen == []


def test_a_password_in_the_url_is_refused_unseen(ca: FakeCa, network: Network) -> None:
    with pytest.raises(Error) as raised:
        fetch_directory(network, "https://user:hunter2@ca.test/dir")
    assert "hunter2" not in str(raised.value.result())
    assert ca.seen == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(404, content=b"<h1>Not found</h1>"), "HTTP 404: Reason Not found"),
        (Answer(200, content=b"<html>a shop</html>"), "it is no JSON object"),
        (Answer(200, document=[]), "it is no JSON object"),
        (Answer(200, document={}), "it has no newNonce, newAccount, newOrder"),
        (
            Answer(200, document={"newNonce": f"{HOST}/n", "newAccount": "http://ca.test/a", "newOrder": 5}),
            "it has no newAccount, newOrder",
        ),
        (refusal("unauthorized", 403, "go away"), "unauthorized: go away"),
    ],
)
def test_what_is_not_a_directory_is_told_in_one_sentence(
    ca: FakeCa, network: Network, answer: Answer, reason: str
) -> None:
    ca.script["/dir"] = deque([answer])
    with pytest.raises(NetworkError) as raised:
        fetch_directory(network, DIRECTORY)
    assert raised.value.message == f"directory: {DIRECTORY} is not the directory of a CA: {reason}"
    assert raised.value.details == {"option": "directory"}


def test_an_overloaded_ca_is_still_a_ca(ca: FakeCa, network: Network) -> None:
    ca.script["/dir"] = deque([Answer(503, content=b"busy", headers={"Retry-After": "120"})])
    with pytest.raises(ProblemError) as raised:
        fetch_directory(network, DIRECTORY)
    assert raised.value.retry_after == 120


def test_a_directory_that_is_busy_for_a_moment_is_read_again(ca: FakeCa, network: Network, clock: FakeClock) -> None:
    ca.script["/dir"] = deque([Answer(503, content=b"busy", headers={"Retry-After": "12"})])
    assert fetch_directory(network, DIRECTORY).endpoint("newNonce") == f"{HOST}/nonce"
    assert clock.seconds == 12


def test_a_redirect_to_the_directory_is_followed(ca: FakeCa, network: Network) -> None:
    ca.script["/old"] = deque([Answer(302, headers={"Location": DIRECTORY})])
    assert fetch_directory(network, f"{HOST}/old").endpoint("newNonce") == f"{HOST}/nonce"
