# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run from keys to stored certificates, with the answers to all challenges in place before the CA looks."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ..._dns.fleet import Fleet
from . import steps
from .alpn import AlpnAnswers, Listener
from .awaiting import await_issued, await_ready
from .dns import DnsAnswers, check_zones
from .opening import open_orders
from .run import Run
from .storing import note_orders, record_failures, store_issued
from .web import Web, WebAnswers


@dataclass(frozen=True)
class Means:
    """With what challenges are answered; the responders have ``wait`` seconds. ``csrs`` came from frontends."""

    fleet: Fleet
    wait: float
    web: Web
    listener: Listener = field(default_factory=Listener)
    csrs: Mapping[str, steps.CsrOrProblem] = field(default_factory=dict)

    @property
    def taken_up(self) -> frozenset[str]:
        """The certificates that others have done their part for, and that alone are gone on with."""
        return self.web.placed | frozenset(self.csrs)


def issue(run: Run, means: Means) -> None:
    """Take all attempts of the run as far as they get.

    Whatever happens, every answer that was published is withdrawn again; the CA
    and the disk are kept at work meanwhile.
    """
    steps.check_profiles(run)
    steps.prepare_keys(run, means.csrs)
    check_zones(run, means.fleet)
    note_orders(run)
    open_orders(run)
    steps.read_authorizations(run)
    all_answers = (
        DnsAnswers(run, means.fleet, means.wait),
        WebAnswers(run, means.web),
        AlpnAnswers(run, means.listener),
    )
    for answers in all_answers:
        answers.prepare()
    with ThreadPoolExecutor(max_workers=1) as background:
        try:
            for answers in all_answers:
                answers.publish()
            steps.answer(run)
            await_ready(run)
        finally:
            withdrawals = [background.submit(answers.withdraw) for answers in all_answers]
        steps.finalize(run)
        await_issued(run)
        steps.download(run)
        store_issued(run)
        record_failures(run)
    for withdrawal in withdrawals:
        withdrawal.result()
