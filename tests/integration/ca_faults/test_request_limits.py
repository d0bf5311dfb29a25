# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that come too fast for the CA, or for a server in front of it: waited with, and sent again in the same run."""

from __future__ import annotations

import time

import pytest

from tests.lab.ca_faults import always, every, faster_than, refuse, web_page

from .conftest import Site, fresh, statuses

PATIENCE = 120.0
WIDTH = 16  # the default


@pytest.mark.parametrize("retry_after", [None, "1"])
def test_a_limit_of_requests_a_second_costs_time_only(site: Site, retry_after: str | None) -> None:
    names = fresh(30)
    site.proxy.inject("any", web_page(429, retry_after), faster_than(15))
    result = site.keep(names, concurrency=WIDTH, patience=PATIENCE)
    assert set(statuses(result).values()) == {"issued"}
    assert site.pauses == {}
    assert len(site.proxy.orders) == len(names)


def test_every_tenth_request_refused_costs_no_certificate(site: Site) -> None:
    names = fresh(100)
    rule = site.proxy.inject("any", refuse(429, "rateLimited", "slow down", "1"), every(10))
    assert set(statuses(site.keep(names, concurrency=WIDTH, patience=PATIENCE)).values()) == {"issued"}
    assert rule.struck >= 70


def test_a_limit_of_new_nonces_stops_nobody_who_has_one(site: Site) -> None:
    names = fresh(100)
    limit = site.proxy.inject("newNonce", refuse(503, "rateLimited", "too many nonces", "1"), faster_than(20, 10))
    assert set(statuses(site.keep(names, concurrency=WIDTH, patience=PATIENCE)).values()) == {"issued"}
    assert limit.struck == 0
    assert site.pauses == {}


def test_new_nonces_that_are_refused_for_long_stop_nobody_who_has_one(site: Site) -> None:
    names = fresh(30)
    site.proxy.inject("newNonce", refuse(503, "rateLimited", "too many nonces", "3600"), lambda number: number > 1)
    assert set(statuses(site.keep(names, concurrency=WIDTH)).values()) == {"issued"}


def test_a_ca_that_refuses_everything_is_left_alone_when_the_patience_ends(site: Site) -> None:
    names = fresh(40)
    site.proxy.inject("newOrder", web_page(429), always)
    began = time.monotonic()
    assert set(statuses(site.keep(names, concurrency=WIDTH, patience=4.0)).values()) == {"failed"}
    assert time.monotonic() - began < 60.0
