# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed requests: nonces, repeats, refusals, what is told about broken connections."""

from __future__ import annotations

import ssl
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.answer import host_of
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import BAD_NONCES, VERSION, Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import (
    LostConnectionError,
    NetworkError,
    ProblemError,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from tests.unit.plugins.module_utils._acme.fakes import HOST, Answer, FakeCa, refusal

THING = f"{HOST}/thing"
POOL = HTTPSConnectionPool("ca.test")


def lost() -> requests.ConnectionError:
    """The connection broke while the answer was awaited, as requests wraps it."""
    return requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset")))


def refused() -> requests.ConnectionError:
    """Nobody listens, as requests wraps it."""
    cause = NewConnectionError(POOL, "Failed to establish a new connection")
    cause.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return requests.ConnectionError(MaxRetryError(POOL, "/", cause))


@pytest.fixture
def thing(ca: FakeCa, registered: Session) -> FakeCa:
    """The CA with one more resource, and all that came before forgotten."""
    ca.routes["/thing"] = lambda seen: Answer(document={"payload": seen.payload})
    ca.seen.clear()
    return ca


def test_one_nonce_is_asked_for_and_then_taken_from_each_answer(thing: FakeCa, registered: Session) -> None:
    for number in range(20):
        registered.post(THING, {"number": number})
    assert thing.paths("HEAD") == []
    assert registered.network.requests == {"GET": 1, "HEAD": 1, "POST": 21}


def test_a_refusal_gives_a_nonce_too(thing: FakeCa, registered: Session) -> None:
    thing.script["/thing"] = deque([refusal("malformed", 400), refusal("rateLimited", 429)])
    for _again in range(2):
        with pytest.raises(ProblemError):
            registered.post(THING, {})
    registered.post(THING, {})
    assert thing.paths("HEAD") == []


def test_the_newest_nonce_is_used_first(thing: FakeCa, registered: Session) -> None:
    registered.network._pool._fresh.insert(0, "stale")
    registered.post(THING, {})
    assert "stale" in registered.network._pool._fresh
    assert thing.paths() == ["/thing"]


def test_a_forgotten_nonce_is_replaced_by_the_one_in_the_refusal(thing: FakeCa, registered: Session) -> None:
    thing.forget_nonces()
    assert registered.post(THING, {"x": 1}).json() == {"payload": {"x": 1}}
    assert thing.paths() == ["/thing", "/thing"]
    assert thing.paths("HEAD") == []


def test_a_nonce_refused_again_and_again_is_reported(thing: FakeCa, registered: Session) -> None:
    thing.script["/thing"] = deque([refusal("badNonce", 400)] * 20)
    with pytest.raises(ProblemError) as raised:
        registered.post(THING, {})
    assert raised.value.is_("badNonce")
    assert len(thing.paths()) == BAD_NONCES + 1


def test_a_nonce_outside_of_base64url_is_passed_over(thing: FakeCa, registered: Session) -> None:
    thing.script["/thing"] = deque([Answer(document={}, headers={"Replay-Nonce": "no nonce!"})])
    registered.post(THING, {})
    registered.post(THING, {})
    assert thing.paths("HEAD") == ["/nonce"]


def test_no_nonce_at_all_is_an_error(ca: FakeCa, session: Session) -> None:
    ca.no_nonces = True
    with pytest.raises(NetworkError, match=r"https://ca\.test/nonce gave no nonce"):
        session.post(THING, {})


def test_a_nonce_that_can_not_be_had_leaves_no_doubt_about_the_request(thing: FakeCa, registered: Session) -> None:
    registered.network._pool._fresh.clear()
    thing.before["/nonce"] = deque([lost(), lost(), lost()])
    with pytest.raises(NetworkError, match=r"before it had answered \(Connection reset\)") as raised:
        registered.post(THING, {"new": "order"})
    assert not raised.value.uncertain
    assert thing.paths() == []


def test_many_threads_share_one_network(thing: FakeCa, registered: Session) -> None:
    width, count = 16, 400
    thing.script["/thing"] = deque([refusal("badNonce", 400)] * BAD_NONCES)
    with ThreadPoolExecutor(width) as pool:
        answers = list(pool.map(lambda n: registered.post(THING, {"n": n}).json()["payload"]["n"], range(count)))
    assert answers == list(range(count))
    assert len(thing.paths("HEAD")) <= width
    assert registered.network.requests["POST"] == len(thing.paths()) + 1


def test_a_request_says_who_asks(thing: FakeCa, registered: Session) -> None:
    registered.post(THING, None, accept="application/pem-certificate-chain")
    headers = thing.seen[-1].headers
    assert headers["User-Agent"].startswith(f"certfleet.acme/{VERSION} acme/")
    assert headers["Accept-Language"] == "en"
    assert headers["Accept"] == "application/pem-certificate-chain"


def test_the_version_is_the_collections() -> None:
    text = Path(__file__).parents[5].joinpath("galaxy.yml").read_text(encoding="utf-8")
    assert f"\nversion: {VERSION}\n" in text


def test_reading_has_an_empty_payload(thing: FakeCa, registered: Session) -> None:
    assert registered.post(THING, None).json() == {"payload": None}
    assert registered.post(THING, {}).json() == {"payload": {}}


def test_reading_is_repeated_when_the_connection_breaks(thing: FakeCa, registered: Session) -> None:
    thing.after["/thing"] = deque([lost(), lost()])
    assert registered.post(THING, None).status_code == 200
    assert len(thing.paths()) == 3


def test_a_change_is_not_repeated_when_the_connection_breaks(thing: FakeCa, registered: Session) -> None:
    thing.after["/thing"] = deque([lost()])
    with pytest.raises(LostConnectionError, match=r"ca\.test closed the connection before it had answered") as raised:
        registered.post(THING, {"new": "order"})
    assert raised.value.uncertain
    assert len(thing.paths()) == 1


def test_a_change_that_may_be_repeated_is(thing: FakeCa, registered: Session) -> None:
    thing.after["/thing"] = deque([lost()])
    registered.post(THING, {"contact": []}, repeatable=True)
    assert len(thing.paths()) == 2


def test_an_unreachable_server_is_asked_once(thing: FakeCa, registered: Session) -> None:
    thing.before["/thing"] = deque([refused()])
    with pytest.raises(NetworkError, match=r"^ca\.test can't be reached: Connection refused$") as raised:
        registered.post(THING, None)
    assert not raised.value.uncertain
    assert len(thing.paths()) == 1


@pytest.mark.parametrize(
    ("error", "sentence", "uncertain"),
    [
        (requests.ReadTimeout("x"), "ca.test gave no answer within 30 s", True),
        (requests.ConnectTimeout("x"), "ca.test can't be reached: no connection within 10 s", False),
        (requests.exceptions.ChunkedEncodingError("broken"), "ca.test closed the connection", True),
        (requests.exceptions.ProxyError(OSError(111, "Refused")), "the proxy on the way there fails: Refused", False),
        (requests.exceptions.SSLError(ssl.SSLError(1, "x")), "No TLS connection to ca.test: x", True),
        (requests.exceptions.InvalidURL("odd"), "ca.test can't be reached: odd", False),
    ],
)
def test_each_failure_of_the_network_has_its_sentence(
    thing: FakeCa, registered: Session, error: Exception, sentence: str, uncertain: bool
) -> None:
    thing.before["/thing"] = deque([error])
    with pytest.raises(NetworkError) as raised:
        registered.post(THING, {})
    assert sentence in raised.value.message
    assert raised.value.uncertain is uncertain


@pytest.mark.parametrize(
    ("bundle", "hint"),
    [("/etc/lab.pem", "ca_bundle (/etc/lab.pem) has no root"), (None, "give its file as ca_bundle")],
)
def test_an_untrusted_server_names_ca_bundle(thing: FakeCa, registered: Session, bundle: str | None, hint: str) -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate"
    thing.before["/thing"] = deque([requests.exceptions.SSLError(MaxRetryError(POOL, "/", cause))])
    registered._signing.ca_bundle = bundle
    with pytest.raises(NetworkError) as raised:
        registered.post(THING, {})
    assert "self-signed certificate" in raised.value.message
    assert hint in raised.value.message
    assert raised.value.details["option"] == "ca_bundle"


def test_a_redirect_is_no_answer_to_a_signed_request(thing: FakeCa, registered: Session) -> None:
    thing.script["/thing"] = deque([Answer(301, headers={"Location": f"{HOST}/elsewhere"})])
    with pytest.raises(NetworkError, match=r"redirect to https://ca\.test/elsewhere"):
        registered.post(THING, {})
    assert thing.paths() == ["/thing"]


def test_a_host_name_in_a_sentence_hides_the_user() -> None:
    assert host_of("https://user:secret@ca.test:14000/dir") == "ca.test:14000"
    assert host_of("https://[::/") == "https://[::/"


def test_only_https_is_spoken(registered: Session) -> None:
    with pytest.raises(NetworkError, match="No connection adapters"):
        registered.post("http://ca.test/thing", {})


@pytest.mark.parametrize("url", ["https://[", "https://\ud800/", "https://ca.test:99999/", "https://", ""])
def test_what_the_ca_gives_as_a_url_and_is_none_is_told_and_asked_for_nowhere(registered: Session, url: str) -> None:
    network = Network().signing_as(registered.key)
    for send in (lambda: network.post(url, None, new_nonce_url=url), lambda: network.get(url)):
        with pytest.raises(NetworkError) as caught:
            send()
        assert not caught.value.uncertain


def test_a_bundle_that_is_missing_or_empty_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^ca_bundle: '.*none\.pem' can't be read: No such file"):
        Network(ca_bundle=str(tmp_path / "none.pem"))
    empty = tmp_path / "empty.pem"
    empty.write_text("not a certificate\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no certificate in PEM form"):
        Network(ca_bundle=str(empty))


def test_the_environment_names_a_bundle_when_the_option_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(InputError, match="REQUESTS_CA_BUNDLE"):
        Network()


def test_a_network_without_a_key_signs_nothing(network: Network) -> None:
    with pytest.raises(ValueError, match="no key"):
        network.post(THING, {}, new_nonce_url=f"{HOST}/nonce")


def test_two_keys_share_connections_nonces_and_count(thing: FakeCa, registered: Session) -> None:
    other: Any = registered.with_key(registered.key, registered.account_url)
    registered.post(THING, {})
    other.post(THING, {})
    assert other.network.requests["POST"] == 3
    assert thing.paths("HEAD") == []
