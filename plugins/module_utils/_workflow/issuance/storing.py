# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last step of a run: what came out of it goes to the store."""

from __future__ import annotations

from typing import Any

from ..._core.clock import format_instant
from ..._core.known import known
from ..._core.workers import do_each
from ..._x509.chain import split_chain
from ..._x509.key import key_to_pem
from ..plan import read_stored
from ..recovery import describe_facts
from ..revoked import REVOCATIONS
from .run import Attempt, LostOrderError, Run


def store_issued(run: Run) -> None:
    """Put each new certificate into its place as a new generation, then forget its order."""

    def store(attempt: Attempt) -> None:
        chain = known(attempt.chain)
        target = attempt.decision.target
        leaf, *others = split_chain(chain)
        files = {
            **({"privkey.pem": key_to_pem(attempt.key)} if attempt.key else {}),
            "cert.pem": leaf,
            "chain.pem": b"".join(others),
            "fullchain.pem": chain,
        }
        record = _describe(run, attempt)
        run.store.add_generation(target.name, target.key_type, files, record)
        attempt.stored = read_stored(target.name, record)
        run.store.clear_pending(target.name, target.key_type)
        # what is to be revoked outlives its certificate
        asked = run.store.state(target.name, target.key_type).get(REVOCATIONS)
        run.store.set_state(target.name, target.key_type, {REVOCATIONS: asked} if asked else {})

    run.step(store)


def record_failures(run: Run) -> None:
    """Remember what came of all the attempts, then forget the orders of which nothing can become.

    In this order, since orders count that a run was killed over: their records tell that they were made.
    """

    def forget(attempt: Attempt) -> None:
        run.store.clear_pending(attempt.decision.target.name, attempt.decision.target.key_type)

    if run.memory:
        run.memory.record(run.attempts)
    # what can't be written down is in the results all the same
    do_each(forget, [attempt for attempt in run.attempts if attempt.failure is not None and _is_lost(attempt)], 1)


def _is_lost(attempt: Attempt) -> bool:
    """Whether nothing can become of the order any more: given up by the CA, or issued as we can't use it."""
    refused = attempt.chain is not None and attempt.issued is None
    invalid = attempt.order is not None and attempt.order.status == "invalid"
    return refused or invalid or attempt.given_up or isinstance(attempt.failure, LostOrderError)


def _describe(run: Run, attempt: Attempt) -> dict[str, Any]:
    """The issuance record: the certificate's facts and where it came from."""
    facts, wanted = known(attempt.issued), attempt.decision.wanted
    return {
        **describe_facts(facts),
        "issued_at": format_instant(run.clock.now()),
        "ordered": [identifier.value for identifier in wanted.identifiers],
        "key_types": list(wanted.key_types),
        "profile": attempt.profile,
        "preferred_chain": wanted.preferred_chain,
        "directory": run.session.directory.url,
        "account_uri": run.session.account_url,
        "order_url": attempt.placed_order.url,
    }
