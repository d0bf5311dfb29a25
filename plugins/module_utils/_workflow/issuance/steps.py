# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a run that talk to the CA (RFC 8555 §7.4, §7.5).

Each step is done for all certificates of a run before the next one begins:
it keeps a CA's limits on orders apart from those on validations, gives DNS one
message instead of thousands, and never makes an order while an authorization
is being read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Union

from ..._acme.authorization import Authorization, Challenge, fetch_authorization
from ..._acme.authorization import answer as answer_challenge
from ..._acme.key import AccountKey
from ..._acme.order import download_chains, fetch_order
from ..._acme.order import finalize as finalize_order
from ..._acme.problem import LostConnectionError, NetworkError, ProblemError
from ..._core.errors import Error, FrontendError, InputError, NotTriedError, UnexpectedError
from ..._core.identifier import Identifier
from ..._core.workers import do_each, guarded
from ..._x509.chain import OtherKeyError, check_issued, choose_chain
from ..._x509.csr import load_csr, make_csr
from ..._x509.key import PrivateKey, key_to_pem, load_key, make_key
from ..profiles import check_allowed, choose_profile, has_known_rules, rules_of
from .replicas import ask_again, is_not_ready, is_unknown
from .run import Attempt, LostOrderError, Run
from .validation import check_usable

CsrOrProblem = Union[bytes, Error]
"""A CSR in PEM, or why the frontend gave none."""


def check_profiles(run: Run) -> None:
    """Settle each attempt's profile, and fail it where the CA offers none that is wanted, or not for such names.

    The failure is not remembered: a change of the list or at the CA cures it.
    """
    directory = run.session.directory
    known = has_known_rules(directory.url, directory.profiles)
    for attempt in run.going:
        wanted = attempt.decision.wanted
        try:
            with guarded():
                attempt.profile = choose_profile(wanted.profiles, directory.profiles, directory.url)
                check_allowed(wanted.identifiers, rules_of(attempt.profile, known), wanted.max_names, "domains")
        except InputError as error:
            attempt.failure = NotTriedError(error.message, **error.details)
        except UnexpectedError as error:
            attempt.failure = error


def prepare_keys(run: Run, csrs: Mapping[str, CsrOrProblem] | None = None) -> None:
    """Have every private key on disk before anything is ordered; an interrupted attempt's key is used again.

    Where a frontend has the key, its CSR takes the key's place; what has none yet is parked.
    """

    def prepare(attempt: Attempt) -> None:
        target = attempt.decision.target
        if attempt.decision.wanted.frontend is not None:
            _take_csr(run, attempt, csrs or {})
            return
        key = _take_up_key(run, attempt)
        if key is None:
            key = make_key(target.key_type)
            attempt.key_made = True
            run.store.set_pending_key(target.name, target.key_type, key_to_pem(key))
        attempt.key = key

    run.step(prepare)


def _take_csr(run: Run, attempt: Attempt, csrs: Mapping[str, CsrOrProblem]) -> None:
    target, wanted = attempt.decision.target, attempt.decision.wanted
    given = csrs.get(str(target))
    if given is None:
        attempt.parked = True
        run.requests.append(replace(wanted, key_types=(target.key_type,)))
        return
    try:
        if isinstance(given, Error):
            raise given
        what = f"The CSR of {wanted.frontend} for {target}"
        attempt.csr = load_csr(given, wanted.identifiers, target.key_type, what)
    except Error as error:
        raise FrontendError(error.message, **error.details) from error


def _take_up_key(run: Run, attempt: Attempt) -> PrivateKey | None:
    """The key of an interrupted attempt, or None when there is none to go on with."""
    name, key_type = attempt.decision.target.name, attempt.decision.target.key_type
    pem = run.store.pending_key(name, key_type)
    if pem is None:
        return None
    if pem == run.store.live(name, key_type, "privkey.pem"):
        # interrupted after its certificate was in place
        run.store.clear_pending(name, key_type)
        return None
    with suppress(Error):
        return load_key(pem)
    return None  # the order stays, since it takes any key until it is finalized


def read_authorizations(run: Run) -> None:
    """Fetch the authorizations of all pending orders, each one once even if orders share it; dead orders fail here."""
    pending = [attempt for attempt in run.going if attempt.placed_order.status == "pending"]
    urls = dict.fromkeys(url for attempt in pending for url in attempt.placed_order.authorizations)
    run.authorizations, failed = do_each(
        lambda url: ask_again(run.clock, lambda: fetch_authorization(run.session, url), is_unknown), urls, run.width
    )
    _drop(pending, failed, lambda attempt: attempt.placed_order.authorizations)
    run.step(lambda attempt: check_usable(run, attempt), [each for each in pending if each.failure is None])


def pending_authorizations(run: Run, attempt: Attempt) -> list[Authorization]:
    """The authorizations of an order that a challenge has still to be answered for."""
    found = (run.authorizations.get(url) for url in attempt.placed_order.authorizations)
    return [authorization for authorization in found if authorization and authorization.status == "pending"]


Make = Callable[[Authorization, AccountKey], tuple[str, str]]
"""One of the functions of :mod:`..._acme.challenge`."""
Answers = list[tuple[Identifier, tuple[str, str]]]
"""What is validated, each with the two texts that such a function makes for it."""


def answers_of(run: Run, kind: str, make: Make) -> dict[Attempt, Answers]:
    """What the attempts with this kind of challenge have to answer with, as ``make`` makes it of an authorization.

    An attempt whose challenge the CA does not offer fails here.
    """
    found: dict[Attempt, Answers] = {}
    for attempt in run.unfinished:
        if attempt.decision.wanted.challenge != kind:
            continue
        try:
            with guarded():
                found[attempt] = [
                    (each.identifier, make(each, run.session.key)) for each in pending_authorizations(run, attempt)
                ]
        except Error as error:
            attempt.failure = error
    return found


def answer(run: Run) -> None:
    """Tell the CA that the challenges are ready to be validated, each one once."""
    needs = {attempt: _unanswered(run, attempt) for attempt in run.going}
    challenges = {url: challenge for wanted in needs.values() for url, challenge in wanted.items()}

    def send(url: str) -> None:
        try:
            answered = answer_challenge(run.session, challenges[url])
        except (NetworkError, ProblemError) as error:
            if not error.uncertain and not _may_be_answered(error):
                raise
            answered = ask_again(run.clock, lambda: _answer_again(run, url, challenges[url]), _may_be_answered)
        if answered and answered.error and answered.status != "processing":
            run.refused_answers.add(url)

    _sent, failed = do_each(send, challenges, run.width)
    _drop(run.going, failed, lambda attempt: list(needs[attempt]))


def _answer_again(run: Run, url: str, challenge: Challenge) -> Challenge | None:
    """Answer once more if the CA has not got it; whether it has got this one, the order tells."""
    now = fetch_authorization(run.session, url).challenge(challenge.type)
    if now is None or now.status != "pending":
        return now
    try:
        return answer_challenge(run.session, now)
    except NetworkError as error:
        if not error.uncertain:
            raise
    return None


def _may_be_answered(error: NetworkError | ProblemError) -> bool:
    """Whether the CA may have refused an answer as its challenge, or its authorization, was pending no longer."""
    return isinstance(error, ProblemError) and error.is_("malformed")


def _unanswered(run: Run, attempt: Attempt) -> dict[str, Challenge]:
    """The challenges that have still to be answered for an attempt, by the URL of their authorization."""
    kind = attempt.decision.wanted.challenge
    offered = {each.url: each.challenge(kind) for each in pending_authorizations(run, attempt)}
    return {url: each for url, each in offered.items() if each is not None and each.status == "pending"}


def finalize(run: Run) -> None:
    """Send the CSR of each order that is ready (RFC 8555 §7.4)."""

    def send(attempt: Attempt) -> None:
        wanted = attempt.decision.wanted
        csr = attempt.csr.der if attempt.csr else make_csr(attempt.own_key, wanted.identifiers)
        try:
            ask_again(run.clock, lambda: _finalize(run, attempt, csr), is_not_ready)
        except LostConnectionError:
            _finalize(run, attempt, csr)

    run.step(send, [attempt for attempt in run.going if attempt.placed_order.status == "ready"])


def _finalize(run: Run, attempt: Attempt, csr: bytes) -> None:
    """Finalize an order; an error is raised when the order is as ready as before, to be done again, or given up."""
    try:
        run.take(attempt, finalize_order(run.session, attempt.placed_order, csr))
    except (NetworkError, ProblemError) as error:
        if not error.uncertain and not (isinstance(error, ProblemError) and is_not_ready(error)):
            raise
        run.take(attempt, fetch_order(run.session, attempt.placed_order.url))
        if attempt.placed_order.status in ("pending", "ready", "invalid"):
            raise


def download(run: Run) -> None:
    """Fetch the chains and check each one against its key and names; names that the CA has added are told."""

    def fetch(attempt: Attempt) -> None:
        preferred = attempt.decision.wanted.preferred_chain
        order, alternates = attempt.placed_order, preferred is not None
        chains = ask_again(run.clock, lambda: download_chains(run.session, order, alternates), is_unknown)
        attempt.chain = choose_chain(chains, preferred)
        identifiers = attempt.decision.wanted.identifiers
        try:
            attempt.issued = check_issued(attempt.chain, attempt.fingerprint, identifiers, run.clock.now())
        except OtherKeyError as error:
            # somebody else with this account had the same order and was quicker
            raise LostOrderError(error.message, order=attempt.placed_order.url) from error
        if more := sorted(set(attempt.issued.identifiers) - set(identifiers)):
            names = " ".join(identifier.value for identifier in more)
            run.note(f"{attempt.decision.target}: the CA has added names that were not ordered: {names}")

    run.step(fetch)


def _drop(attempts: Sequence[Attempt], failed: dict[str, Error], urls_of: Callable[[Attempt], Sequence[str]]) -> None:
    """Fail the attempts that need something which failed."""
    for attempt in attempts:
        for url in urls_of(attempt):
            if url in failed and attempt.failure is None:
                attempt.failure = failed[url]
