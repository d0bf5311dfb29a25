# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs leave for later ones, in a store on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import Order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.pauses import Pauses
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import PREFIX, Problem, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.layout import authority_name
from ansible_collections.certfleet.acme.plugins.module_utils._store.memory import AccountMemory
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.run import Attempt
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.memory import Memory
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.orders import Limits
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import Decision, Stored, decide
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.retry import parse_retry
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

from tests.unit.plugins.module_utils._core.fakes import START, FakeClock

CA = "https://acme.example/directory"
SITES = [
    {"name": "shop", "domains": ["shop.example.com", "*.shop.example.com"]},
    {"name": "mail", "domains": ["mail.example.com"], "key_types": ["ecdsa-p256"]},
]
WANTED = parse_wanted(SITES)
STORED = Stored(frozenset(), START, START + timedelta(days=90), CA, None, None)
Recall = Callable[..., Memory]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


@pytest.fixture
def recall(files: Files, clock: FakeClock) -> Recall:
    """The memory as the next task finds it."""

    def call(account: str = "default", **limits: int) -> Memory:
        return Memory(files, Authority(CA, account), Limits(**limits), clock)

    return call


def due() -> list[Decision]:
    return [decision for each in WANTED for decision in decide(each, {}, CA, START)]


def taken(memory: Memory, clock: FakeClock, decisions: list[Decision] | None = None) -> list[str]:
    """All that the task gets to, what goes behind another for the same names included."""
    pace = memory.pace(decisions or due(), clock.now())
    return sorted(map(str, [*(each.target for each in pace.taken), *pace.behind]))


def order(decision: Decision, status: str) -> Order:
    return Order("https://acme.example/order/1", status, decision.wanted.identifiers, (), "https://acme.example/f")


def failing(decision: Decision, error: Error, **more: Any) -> Attempt:
    return Attempt(decision, failure=error, **more)


def test_a_failure_is_found_again_by_the_next_task_and_holds_up_what_shares_the_names(
    recall: Recall, clock: FakeClock
) -> None:
    rsa, _ecdsa, _mail = due()
    recall().record([failing(rsa, Error("refused", problems={"shop.example.com": {}}))])
    assert taken(recall(), clock) == ["mail (ecdsa-p256)"]
    clock.seconds += 61
    assert len(taken(recall(), clock)) == 2, "one for the name that has failed, and the other site"


def test_certificates_that_fail_together_are_one_failure_of_their_names(recall: Recall, clock: FakeClock) -> None:
    rsa, ecdsa, _mail = due()
    error = Error("refused", problems={"shop.example.com": {}})
    recall().record([failing(rsa, error), failing(ecdsa, error)])
    until = recall().pace([rsa], START).deferred[rsa.target].until
    assert until == START + timedelta(minutes=1)


class OddError(Error):
    """An error whose details can't be read."""

    @property  # type: ignore[override]
    def details(self) -> dict[str, Any]:
        raise ZeroDivisionError

    @details.setter
    def details(self, value: dict[str, Any]) -> None:
        """Takes what the constructor sets."""


def test_what_nobody_expected_of_one_failure_costs_the_memory_of_no_other(recall: Recall, clock: FakeClock) -> None:
    rsa, _ecdsa, mail = due()
    recall().record([failing(mail, OddError("refused")), failing(rsa, Error("refused"))])
    memory = recall()
    assert taken(memory, clock) == []
    assert memory.failures_of(rsa).reason == "refused"
    assert "ZeroDivisionError" in memory.failures_of(mail).reason


def test_a_success_clears_the_certificate_and_its_names(recall: Recall, clock: FakeClock) -> None:
    rsa, ecdsa, _mail = due()
    recall().record([failing(rsa, Error("refused"))])
    recall().record([Attempt(ecdsa, stored=STORED)])
    assert taken(recall(), clock, [ecdsa]) == ["shop (ecdsa-p256)"]


def test_a_certificate_that_is_wanted_otherwise_now_is_tried_at_once(recall: Recall, clock: FakeClock) -> None:
    mail = due()[-1]
    recall().record([failing(mail, Error("refused", problems={"mail.example.com": {}}))])
    (wanted,) = parse_wanted([{**SITES[1], "domains": ["imap.example.com"]}])
    assert taken(recall(), clock, decide(wanted, {}, CA, START)) == ["mail (ecdsa-p256)"]
    assert taken(recall("other"), clock, [mail]) == ["mail (ecdsa-p256)"]


def test_what_was_asked_for_again_is_tried_at_once_and_nothing_else_is(recall: Recall, clock: FakeClock) -> None:
    recall().record([failing(each, Error("refused")) for each in due()])
    assert taken(recall(), clock) == []
    memory = recall()
    memory.forget(due(), parse_retry(["shop.example.com"], WANTED))
    assert taken(memory, clock) == taken(recall(), clock) == ["shop (ecdsa-p256)", "shop (rsa-2048)"]


def test_looking_only_forgets_nothing_for_good(recall: Recall, clock: FakeClock) -> None:
    recall().record([failing(each, Error("refused")) for each in due()])
    memory = recall()
    memory.forget(due(), parse_retry(["all"], WANTED), write=False)
    assert len(taken(memory, clock)) == 3
    assert taken(recall(), clock) == []


def test_a_retry_does_not_forget_the_validations_that_the_ca_has_counted(recall: Recall, clock: FakeClock) -> None:
    mail = due()[-1]
    error = Error("refused", problems={"mail.example.com": {}})
    for _number in range(5):
        memory = recall()
        memory.forget([mail], parse_retry(["all"], WANTED))
        memory.record([failing(mail, error)])
    memory = recall()
    memory.forget([mail], parse_retry(["all"], WANTED))
    assert memory.pace([mail], START).deferred[mail.target].until == START + timedelta(hours=1)


def test_a_refusal_for_now_is_remembered_and_counted_as_no_failure(recall: Recall, clock: FakeClock) -> None:
    mail = due()[-1]
    busy = ProblemError("it", "ca", Problem(type=PREFIX + "rateLimited", detail="exact set", status=429), 3600.0)
    attempt = failing(mail, busy)
    recall().record([attempt])
    assert attempt.refused
    assert recall().failures_of(mail).count == 0
    assert recall().pace([mail], START).deferred[mail.target].until == START + timedelta(hours=1)


def test_a_paused_name_waits_until_a_retry_is_asked_for(recall: Recall, clock: FakeClock) -> None:
    mail = due()[-1]
    paused = Problem(type=PREFIX + "rateLimited", detail="mail.example.com is paused", status=429)
    recall().record([failing(mail, ProblemError("the new order for x", "ca", paused))])
    clock.seconds += 86400 * 365
    assert taken(recall(), clock, [mail]) == []
    recall().forget([mail], parse_retry(["mail"], WANTED))
    assert taken(recall(), clock, [mail]) == ["mail (ecdsa-p256)"]


def test_a_limit_that_is_about_no_name_and_has_no_time_waits_for_nobody(recall: Recall, clock: FakeClock) -> None:
    mail = due()[-1]
    busy = Problem(type=PREFIX + "rateLimited", detail="Service busy; retry later", status=429)
    attempt = failing(mail, ProblemError("the new order for x", "ca", busy))
    recall().record([attempt])
    assert (attempt.refused, recall().failures_of(mail).count) == (False, 1)
    clock.seconds += 60
    assert taken(recall(), clock, [mail]) == ["mail (ecdsa-p256)"]


@pytest.mark.parametrize("kind", ["directory", "newNonce", "newOrder", "authorization", "challenge", "finalize"])
def test_nothing_is_begun_for_which_the_ca_wants_to_be_asked_later(
    recall: Recall, files: Files, clock: FakeClock, kind: str
) -> None:
    account = AccountMemory(files, authority_name(CA), "default")
    limit = ProblemError("the request", "acme.example", Problem(PREFIX + "rateLimited", "slow", 429), 3600)
    Pauses(clock, keep=partial(account.remember, "pauses")).note(kind, limit)
    pace = recall().pace(due(), clock.now())
    assert (pace.taken, {each.until for each in pace.deferred.values()}) == ([], {START + timedelta(hours=1)})
    clock.seconds += 3600
    assert len(taken(recall(), clock)) == 3


def begun(files: Files, decision: Decision, url: str | None = None, at: datetime = START) -> None:
    """A run has begun with an order, and nothing is known of its end."""
    target, names = decision.target, [identifier.value for identifier in decision.wanted.identifiers]
    pending = {"url": url, "identifiers": names, "ordered_at": format_instant(at)}
    CertificateStore(files).set_pending(target.name, target.key_type, pending)


@pytest.mark.parametrize("url", [None, "https://acme.example/order/1"])
def test_orders_are_noted_before_they_are_made_and_count_also_after_a_kill(
    recall: Recall, files: Files, clock: FakeClock, url: str | None
) -> None:
    rsa, ecdsa, mail = due()
    recall().note_orders([Attempt(rsa), Attempt(ecdsa)])
    for each in (rsa, ecdsa):
        begun(files, each, url)
    assert taken(recall(max_orders=2), clock, [mail]) == []
    assert taken(recall(max_orders=3), clock, [mail]) == ["mail (ecdsa-p256)"]


def test_an_order_whose_certificate_came_before_the_kill_counts(recall: Recall, files: Files, clock: FakeClock) -> None:
    rsa, _ecdsa, mail = due()
    recall().note_orders([Attempt(rsa)])
    clock.seconds += 5
    record = {"issued_at": format_instant(clock.now())}
    CertificateStore(files).add_generation("shop", "rsa-2048", {}, record)
    assert taken(recall(max_orders=1), clock, [mail]) == []


@pytest.mark.parametrize("url", [None, "https://acme.example/order/1", ""])
def test_kills_use_up_no_more_orders_than_were_made(
    recall: Recall, files: Files, clock: FakeClock, url: str | None
) -> None:
    """A job that is killed again and again must not keep its certificates from being renewed for a week."""
    rsa, ecdsa, _mail = due()
    for number in range(20):
        memory = recall()
        assert len(taken(memory, clock, [rsa, ecdsa])) == 2
        memory.note_orders([Attempt(ecdsa), *([] if url and number else [Attempt(rsa)])])
        if url != "" and number == 0:  # all the others are killed before they get that far
            begun(files, rsa, url)
        clock.seconds += 60
    assert len(recall(max_orders_per_names=2).pace([ecdsa], clock.now()).taken) == 1


def test_an_order_that_was_found_again_after_a_kill_counts_once(recall: Recall, files: Files, clock: FakeClock) -> None:
    rsa, _ecdsa, mail = due()
    recall().note_orders([Attempt(rsa)])
    begun(files, rsa)
    recall().record([Attempt(rsa, order=order(rsa, "valid"), stored=STORED)])
    assert taken(recall(max_orders=1), clock, [mail]) == []
    assert taken(recall(max_orders=2), clock, [mail]) == ["mail (ecdsa-p256)"]


def test_an_order_that_was_not_made_or_turned_invalid_is_given_back(recall: Recall, clock: FakeClock) -> None:
    mail = due()[-1]
    for made, status in ((False, "pending"), (True, "invalid")):
        memory = recall()
        attempt = failing(mail, Error("refused"), ordered=made, order=order(mail, status) if made else None)
        memory.note_orders([attempt])
        memory.record([attempt])
        memory.forget([mail], parse_retry(["all"], WANTED))
        assert taken(recall(max_orders_per_names=1), clock, [mail]) == ["mail (ecdsa-p256)"]
        assert (taken(recall(max_orders=1), clock, [mail]) == []) == made, "one that was made counts at the CA"


def test_an_order_that_was_made_counts_for_its_names(recall: Recall, clock: FakeClock) -> None:
    rsa, ecdsa, _mail = due()
    memory = recall()
    attempt = Attempt(rsa, ordered=True, order=order(rsa, "valid"), stored=STORED)
    memory.note_orders([attempt])
    memory.record([attempt])
    assert taken(recall(max_orders_per_names=1), clock, [ecdsa]) == []
    assert taken(recall(max_orders_per_names=2), clock, [ecdsa]) == ["shop (ecdsa-p256)"]


def test_an_order_that_takes_the_place_of_a_pending_one_counts_besides(
    recall: Recall, clock: FakeClock, files: Files
) -> None:
    mail = due()[-1]
    recall().note_orders([Attempt(mail)])
    begun(files, mail, "https://acme.example/order/0")
    memory = recall()
    assert taken(memory, clock, [mail]) == ["mail (ecdsa-p256)"]
    attempt = Attempt(mail, ordered=True, order=order(mail, "valid"), stored=STORED)
    memory.note_orders([attempt])
    memory.record([attempt])
    CertificateStore(files).clear_pending("mail", "ecdsa-p256")
    assert taken(recall(max_orders_per_names=2), clock, [mail]) == []
    assert taken(recall(max_orders_per_names=3), clock, [mail]) == ["mail (ecdsa-p256)"]


def test_an_attempt_that_gets_nowhere_settles_nothing_of_an_earlier_process(
    recall: Recall, clock: FakeClock, files: Files
) -> None:
    mail = due()[-1]
    recall().note_orders([Attempt(mail)])
    begun(files, mail)
    recall().record([failing(mail, Error("the list of orders can't be read"))])
    clock.seconds += 3600
    assert taken(recall(max_orders_per_names=1), clock, [mail]) == []


def test_what_can_not_be_noted_is_not_ordered(recall: Recall, files: Files) -> None:
    mail = due()[-1]
    memory = recall()
    Path(files.path("memory")).parent.mkdir(parents=True, exist_ok=True)
    Path(files.path("memory")).write_text("in the way")
    attempt = Attempt(mail)
    memory.note_orders([attempt])
    assert attempt.held is not None
    memory.record([replace(attempt, failure=attempt.held)])


def test_a_ca_that_can_not_be_reached_is_no_failure_of_a_certificate(recall: Recall, clock: FakeClock) -> None:
    attempts = [Attempt(each) for each in due()]
    memory = recall()
    memory.record_outage(attempts, Error("no route"), most=1)
    assert {str(attempt.failure) for attempt in attempts} == {"no route"}
    assert len(taken(recall(), clock)) == 3
    assert recall().failures_of(attempts[0].decision).reason == "no route"


def test_names_that_would_leave_the_folder_of_the_memory_are_refused(recall: Recall) -> None:
    with pytest.raises(InputError, match="account"):
        recall("../../x")


def test_a_memory_that_is_broken_holds_up_nothing(recall: Recall, clock: FakeClock, files: Files) -> None:
    recall().record([failing(each, Error("refused")) for each in due()])
    recall().note_orders([Attempt(each) for each in due()])
    for path in Path(files.root).rglob("*.json"):
        path.write_bytes(b"\x00\xff{")
    assert len(taken(recall(max_orders=3), clock)) == 3
