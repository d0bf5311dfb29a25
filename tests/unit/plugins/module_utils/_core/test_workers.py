# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing things at once: what becomes of what nobody expected, and how that ends early."""

from __future__ import annotations

import re
import threading
import traceback
from concurrent.futures import Future

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, UnexpectedError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._core.workers import do_each, guarded


def test_nothing_more_is_begun_when_the_process_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    waited = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        waited.wait(10)

    def interrupted(_future: Future[None], timeout: float | None = None) -> None:
        threading.Timer(0.05, waited.set).start()
        raise SystemExit(1)

    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(SystemExit):
        do_each(work, range(100), 1)
    assert len(begun) <= 1, "what waited its turn is left"


def test_what_nobody_expected_is_told_in_one_sentence_with_our_line_and_without_its_words() -> None:
    def work(item: object) -> None:
        parse_identifier(item, "domains")  # type: ignore[arg-type]  # a number has no strip()

    _done, failed = do_each(work, [5], 1)
    assert isinstance(failed[5], UnexpectedError)
    assert re.fullmatch(
        r"Nobody expected this: AttributeError in plugins/module_utils/_core/identifier\.py, line \d+\. "
        "It is a defect of certfleet\\.acme: please report it with this sentence",
        failed[5].message,
    )
    assert failed[5].details == {"defect": "AttributeError"}


def test_the_words_of_what_nobody_expected_are_in_no_traceback() -> None:
    def work(_item: int) -> None:
        raise ValueError("secret")

    _done, failed = do_each(work, [1], 1)
    assert "secret" not in "".join(traceback.format_exception(failed[1]))
    assert "secret" not in failed[1].message


@pytest.mark.parametrize("end", [MemoryError, KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_ends_it(end: type[BaseException]) -> None:
    def work(_item: int) -> None:
        raise end

    with pytest.raises(end):
        do_each(work, [1], 1)


def test_an_error_of_the_engine_stays_what_it_is() -> None:
    error = Error("no")
    with pytest.raises(Error) as caught, guarded():
        raise error
    assert caught.value is error
