# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the CA for its windows: whom about, when, and what is kept of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant, parse_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.inquiry import ENOUGH, FEW, Findings, Inquiry
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.job import make_plan
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import Decision
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock, Seen, refusal

ACCOUNT = f"{HOST}/account/1"
PAIR = {"privkey.pem": b"of no matter", "fullchain.pem": b"of no matter"}
NOW = FakeClock().now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEY = AccountKey(ec.generate_private_key(ec.SECP256R1()))


class World:
    """A CA with renewal information, a store with certificates that are thirty days old, and the questions."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.clock = FakeCa(), FakeClock()
        self.files = Files(str(folder / "store"))
        self.store = CertificateStore(self.files)
        self.endpoints = {"renewalInfo": f"{HOST}/renewal-info"}
        self.windows: dict[str, Any] = {}
        self.headers = {"Retry-After": "21600"}
        self.account: str | None = ACCOUNT
        self.share = 0.5
        self.troubles: list[Error] = []
        self.opened = 0
        self.names: list[str] = []
        self.ca.routes["/dir"] = lambda _seen: Answer(document=self.ca.directory() | self.endpoints)

    def add(self, name: str, key_type: str = "ecdsa-p256", age: timedelta = 30 * DAY, **changes: Any) -> str:
        """Put a certificate of ninety days into the store; its id."""
        begin = self.clock.now() - age
        identity = changes.pop("certificate_id", f"{name}.{key_type}")
        record = {
            "identifiers": [f"{name}.example.com"],
            "not_before": format_instant(begin),
            "not_after": format_instant(begin + 90 * DAY),
            "directory": DIRECTORY,
            "account_uri": ACCOUNT,
            "certificate_id": identity,
            **changes,
        }
        self.store.add_generation(name, key_type, PAIR, record)
        self.names += [name] if name not in self.names else []
        self.ca.routes[f"/renewal-info/{identity}"] = self._answer
        return str(identity)

    def window(self, identity: str, begin: timedelta, length: timedelta = 2 * DAY, **more: Any) -> None:
        """Have the CA suggest a window that begins so long after NOW."""
        times = {"start": format_instant(NOW + begin), "end": format_instant(NOW + begin + length)}
        self.windows[identity] = Answer(document={"suggestedWindow": times, **more}, headers=self.headers)

    def decisions(self) -> list[Decision]:
        """The plan for all that is in the store."""
        entries = [
            {"name": each, "domains": [f"{each}.example.com"], "key_types": self.files.names(f"certificates/{each}")}
            for each in self.names
        ]
        return make_plan(parse_wanted(entries), self.store, DIRECTORY, self.clock.now(), self.account)

    def ask(self, width: int = 1) -> Findings:
        """Ask what is to be asked now."""
        authority = Authority(DIRECTORY, "default")
        inquiry = Inquiry(
            self.files, authority, width, self.clock, chance=lambda: self.share, open_session=self._open_session
        )
        return inquiry.ask(self.decisions(), self.account)

    def asked(self) -> list[str]:
        """The ids that the CA was asked about, in order."""
        return [path.removeprefix("/renewal-info/") for path in self.ca.paths("GET") if path.startswith("/renewal")]

    def renewal(self, name: str, key_type: str = "ecdsa-p256") -> dict[str, Any]:
        """What is remembered."""
        return dict(self.store.state(name, key_type).get("renewal", {}))

    def pass_time(self, time: timedelta) -> None:
        """Let the clock go on, or back."""
        self.clock.seconds += time.total_seconds()

    def _answer(self, seen: Seen) -> Answer:
        answer = self.windows.get(seen.path.removeprefix("/renewal-info/"))
        return answer or refusal("malformed", 404, "no such certificate")

    @contextmanager
    def _open_session(self, *_options: Any) -> Iterator[Session]:
        self.opened += 1
        for error in self.troubles:
            raise error
        network = Network(transport=self.ca, clock=self.clock)
        yield Session(network, fetch_directory(network, DIRECTORY), KEY, ACCOUNT)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def only_decision(world: World) -> Decision:
    (decision,) = world.decisions()
    return decision


def test_a_window_is_asked_for_and_an_instant_in_it_chosen(world: World) -> None:
    world.window(world.add("shop"), 3 * DAY)
    findings = world.ask()
    assert (findings.notes, findings.learned, findings.requests) == ([], True, 2)
    assert world.renewal("shop") == {
        "certificate_id": "shop.ecdsa-p256",
        "start": "2026-11-26T04:00:00Z",
        "end": "2026-11-28T04:00:00Z",
        "chosen": "2026-11-27T04:00:00Z",
        "asked": "2026-11-23T04:00:00Z",
        "next_ask": "2026-11-23T10:00:00Z",
    }
    (stored,) = [each.stored for each in world.decisions()]
    assert stored is not None
    assert stored.renew_at == NOW + 4 * DAY


def test_nothing_is_asked_before_the_pause_is_over_and_the_instant_stays(world: World) -> None:
    world.window(world.add("shop"), 3 * DAY)
    world.ask()
    world.share = 0.9
    world.pass_time(6 * HOUR - timedelta(seconds=1))
    assert world.ask() == Findings()
    assert world.opened == 1, "even the directory was read"
    world.pass_time(timedelta(seconds=1))
    assert world.ask().requests == 2
    assert world.renewal("shop")["chosen"] == "2026-11-27T04:00:00Z"
    assert world.renewal("shop")["next_ask"] == "2026-11-23T16:00:00Z"


def test_a_changed_window_is_told_and_gets_an_instant_of_its_own(world: World) -> None:
    world.window(world.add("shop"), 3 * DAY)
    world.ask()
    world.pass_time(6 * HOUR)
    world.window("shop.ecdsa-p256", timedelta(0), 12 * HOUR)
    world.share = 0.25
    (note,) = world.ask().notes
    assert note == (
        "shop (ecdsa-p256): the CA moved its window for the renewal from 2026-11-26T04:00:00Z to 2026-11-28T04:00:00Z"
        " to 2026-11-23T04:00:00Z to 2026-11-23T16:00:00Z; it is due from 2026-11-23T07:00:00Z on"
    )
    assert only_decision(world).reason.startswith("due since 2026-11-23T07:00:00Z, chosen from the CA's window")


def test_an_explanation_is_told_once(world: World) -> None:
    world.window(world.add("shop"), 3 * DAY, explanationURL="https://ca.example/why")
    assert world.ask().notes == ["The CA explains its window for shop (ecdsa-p256) at https://ca.example/why"]
    world.pass_time(6 * HOUR)
    assert world.ask().notes == []
    assert world.renewal("shop")["explanation"] == "https://ca.example/why"


def test_news_about_many_certificates_are_few_sentences(world: World) -> None:
    for number in range(FEW + 5):
        world.window(world.add(f"site{number:02}"), 3 * DAY)
    world.ask()
    world.pass_time(6 * HOUR)
    for number in range(FEW + 5):
        world.window(f"site{number:02}.ecdsa-p256", timedelta(0), explanationURL="https://ca.example/why")
    notes = world.ask().notes
    assert len(notes) == FEW + 2
    assert notes[-2] == "The CA moved its windows for 5 more certificates"
    assert "site09 (ecdsa-p256) and 5 more at https://ca.example/why" in notes[-1]


def test_siblings_are_renewed_together_where_their_windows_allow_it(world: World) -> None:
    for key_type, seconds in (("ecdsa-p256", 0), ("rsa-2048", 40)):
        world.window(world.add("shop", key_type), 3 * DAY + timedelta(seconds=seconds))
    world.ask()
    assert world.renewal("shop", "rsa-2048")["chosen"] == world.renewal("shop")["chosen"]


def test_a_certificate_that_was_just_issued_is_left_alone_at_first(world: World) -> None:
    world.window(world.add("shop", age=HOUR), 60 * DAY)
    assert world.ask() == Findings()
    world.pass_time(5 * HOUR)
    assert world.ask().learned


@pytest.mark.parametrize(
    "changes",
    [
        {"age": 90 * DAY},  # it has expired
        {"directory": "https://staging.example/directory"},
        {"directory": None},
        {"account_uri": f"{HOST}/account/2"},
        {"account_uri": None},
        {"certificate_id": None},
        {"certificate_id": "../shop"},
    ],
)
def test_the_ca_is_not_asked_about_what_is_not_its_own_or_has_expired(world: World, changes: dict[str, Any]) -> None:
    world.add("shop", **changes)
    assert world.ask() == Findings()
    assert world.opened == 0


def test_without_an_account_nothing_is_asked(world: World) -> None:
    world.add("shop")
    world.account = None
    assert world.ask() == Findings()


def test_the_window_of_an_old_certificate_does_not_drive_the_new_one(world: World) -> None:
    world.window(world.add("shop"), -HOUR, HOUR / 2)
    world.ask()
    assert only_decision(world).due
    world.add("shop", age=timedelta(0), certificate_id="shop.new")
    assert not only_decision(world).due
    world.window("shop.new", 60 * DAY)
    world.pass_time(DAY)
    world.ask()
    assert world.asked() == ["shop.ecdsa-p256", "shop.new"]
    assert world.renewal("shop")["certificate_id"] == "shop.new"


def test_a_window_that_makes_no_sense_is_told_and_the_lifetime_decides(world: World) -> None:
    before = world.window(world.add("shop"), 400 * DAY) or only_decision(world).stored
    (note,) = world.ask().notes
    assert "makes no sense for a certificate that is valid from 2026-10-24T04:00:00Z to 2027-01-22T04:00:00Z" in note
    stored = only_decision(world).stored
    assert stored is not None
    assert before is not None
    assert stored.renew_at == before.renew_at
    world.pass_time(6 * HOUR)
    assert world.ask().notes == [], "it was told before"


def test_a_window_up_to_the_end_of_all_time_is_taken_as_it_is(world: World) -> None:
    times = {"start": format_instant(NOW + 3 * DAY), "end": "9999-12-31T23:59:59.5Z"}
    world.windows[world.add("shop")] = Answer(document={"suggestedWindow": times})
    world.ask()
    assert world.renewal("shop")["end"] == "9999-12-31T23:59:59Z"
    assert only_decision(world).action == "keep"


def test_a_clock_that_jumped_does_not_keep_questions_back(world: World) -> None:
    world.window(world.add("shop", age=DAY), 30 * DAY)
    world.pass_time(20 * DAY)
    world.ask()
    world.pass_time(-20 * DAY)
    assert world.ask().learned
    assert world.renewal("shop")["asked"] == "2026-11-23T04:00:00Z"


def test_a_certificate_that_the_ca_does_not_know_is_asked_about_again_in_six_hours(world: World) -> None:
    world.add("shop")
    (note,) = world.ask().notes
    assert note.startswith("No renewal information for shop (ecdsa-p256): The CA at ca.test refused")
    world.pass_time(5 * HOUR)
    assert world.ask() == Findings()
    world.pass_time(HOUR)
    world.ask()
    assert len(world.asked()) == 2


def test_an_answer_that_makes_no_sense_counts_as_none_and_keeps_what_is_known(world: World) -> None:
    world.window(world.add("shop"), 3 * DAY)
    world.ask()
    chosen = world.renewal("shop")["chosen"]
    world.pass_time(6 * HOUR)
    world.windows["shop.ecdsa-p256"] = Answer(content=b"<html>")
    (note,) = world.ask().notes
    assert "no JSON object" in note
    assert world.renewal("shop")["chosen"] == chosen
    world.pass_time(HOUR)
    assert world.ask() == Findings()


def break_connection(world: World, seen: Seen) -> Answer:
    raise requests.ConnectTimeout


def overloaded(_world: World, _seen: Seen) -> Answer:
    return Answer(503, content=b"<html>busy</html>")


@pytest.mark.parametrize("fault", [break_connection, overloaded])
def test_after_a_few_questions_without_an_answer_no_more_are_asked(
    world: World, fault: Callable[[World, Seen], Answer]
) -> None:
    for number in range(50):
        world.ca.routes[f"/renewal-info/{world.add(f'site{number:02}')}"] = lambda seen: fault(world, seen)
    (note,) = world.ask().notes
    assert note.startswith("No renewal information, which is asked for again after 2026-11-23T04:10:00Z: ")
    assert len(world.asked()) == ENOUGH
    assert world.ask() == Findings()
    assert world.opened == 1
    world.pass_time(timedelta(minutes=10))
    world.ask()
    assert len(world.asked()) == 2 * ENOUGH


def test_one_question_without_an_answer_does_not_stop_the_others(world: World) -> None:
    identities = [world.add(f"site{number}") for number in range(20)]
    for identity in identities:
        world.window(identity, 3 * DAY)
    world.ca.routes[f"/renewal-info/{identities[3]}"] = lambda _seen: Answer(503)
    assert len(world.ask().notes) == 1
    assert len(world.asked()) == 20
    assert world.renewal("site3") == {}
    assert world.renewal("site19")["chosen"]


def test_a_pause_that_the_ca_asks_for_is_kept_by_all_threads_and_later_runs(world: World) -> None:
    for number in range(30):
        identity = world.add(f"site{number:02}")
        world.ca.routes[f"/renewal-info/{identity}"] = lambda _seen: refusal(
            "rateLimited", 429, "slow down", Retry_After="7200"
        )
    (note,) = world.ask().notes
    assert "2026-11-23T06:00:00Z" in note
    assert len(world.asked()) == 1
    world.pass_time(2 * HOUR - timedelta(seconds=1))
    assert world.ask() == Findings()
    world.pass_time(timedelta(seconds=1))
    assert world.ask().notes


def test_a_ca_that_can_not_be_reached_stops_nothing_and_is_left_alone_for_a_while(world: World) -> None:
    world.add("shop")
    world.troubles = [Error("ca.test can't be reached")]
    assert world.ask().notes == [
        "No renewal information, which is asked for again after 2026-11-23T04:10:00Z: ca.test can't be reached"
    ]
    assert world.ask() == Findings()
    assert world.opened == 1


def test_a_ca_without_renewal_information_is_asked_for_its_directory_once_a_day(world: World) -> None:
    world.add("shop")
    world.endpoints.clear()
    assert world.ask() == Findings(requests=1)
    world.pass_time(DAY - HOUR)
    assert world.ask() == Findings()
    assert world.renewal("shop") == {}
    world.pass_time(HOUR)
    assert world.ask().requests == 1


@pytest.mark.parametrize(
    "memory",
    [
        {},
        {"asked": "2027-11-23T04:00:00Z", "next_ask": "2027-11-23T05:00:00Z"},
        {"asked": "2026-11-23T04:00:00Z", "next_ask": "2036-11-23T05:00:00Z"},
        {"asked": "never", "next_ask": 7},
        {"asked": None},
    ],
)
def test_a_broken_memory_never_keeps_questions_back(world: World, memory: dict[str, Any]) -> None:
    world.window(world.add("shop"), 3 * DAY)
    world.files.write_json("memory/ca.test-dir/default/renewal.json", memory)
    assert world.ask().learned


class FullDisk(Files):
    """Nothing more can be written."""

    def write(self, relative: str, content: bytes, mode: int = 0o600) -> None:
        raise StoreError(f"Can't write {relative}: No space left on device")


def test_a_state_that_can_not_be_written_stops_the_questions_but_not_the_task(world: World) -> None:
    identities = [world.add(f"site{number:02}") for number in range(20)]
    for identity in identities:
        world.window(identity, 3 * DAY)
    world.files = FullDisk(world.files.root)
    (note,) = world.ask().notes
    assert "No space left on device" in note
    assert len(world.asked()) == ENOUGH


def test_many_threads_ask_about_each_certificate_once(world: World) -> None:
    identities = [world.add(f"site{number:03}") for number in range(100)]
    for identity in identities:
        world.window(identity, 3 * DAY)
    assert world.ask(width=16).learned
    assert sorted(world.asked()) == identities


def instants(world: World, names: Sequence[str]) -> list[datetime]:
    return [parse_instant(world.renewal(name)["chosen"]) for name in names]


def test_each_site_draws_its_own_lot(world: World) -> None:
    lots = iter([0.0, 0.25, 0.5, 1.0])
    names = ["a", "b", "c", "d"]
    for name in names:
        world.window(world.add(name), 4 * DAY, 4 * DAY)
    inquiry = Inquiry(
        world.files,
        Authority(DIRECTORY, "default"),
        1,
        world.clock,
        chance=lambda: next(lots),
        open_session=world._open_session,
    )
    inquiry.ask(world.decisions(), ACCOUNT)
    assert [instant - NOW for instant in instants(world, names)] == [4 * DAY, 5 * DAY, 6 * DAY, 8 * DAY]
