# SPDX-License-Identifier: GPL-3.0-or-later
"""Every boundary at which something comes in that others have made, and how to be hard on it."""

from __future__ import annotations

import json
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from ansible_collections.certfleet.acme.plugins.plugin_utils.answers import read_csrs
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from . import acme, domain, inputs, pem, servers, web

LONGEST_INPUT = 5.0
"""Seconds for one input; more is a hang."""
LONGEST_STRIKE = 300.0
"""Seconds for all inputs of a boundary."""
LONGEST_SENTENCE = 2000
ENTRY = {
    "name": "shop",
    "domains": ["shop.example", "*.shop.example", "192.0.2.1"],
    "key_types": ["ecdsa-p256"],
    "challenge": "http-01",
    "challenge_hosts": ["frontends"],
    "challenge_addresses": ["192.0.2.1"],
    "profile": "tlsserver",
    "preferred_chain": "root",
    "admin": "ops@example.com",
    "key": "frontend",
    "frontends": ["front1"],
    "reuse_key": True,
    "apply": "now",
}

RESULT = {
    "changed": True,
    "csrs": [{"name": "shop", "key_type": "ecdsa-p256", "csr": pem.CSRS[0].decode()}],
    "msg": "x",
}


class Boundary(NamedTuple):
    """A name, what comes in, and what reads it."""

    name: str
    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]


def _read_entry(entry: Any) -> None:
    parse_wanted([entry], directory="https://acme-v02.api.letsencrypt.org/directory")


def _read_result(answer: Any) -> None:
    try:
        read_csrs(answer, 1)
    except ValueError as error:
        raise Error(f"front1 made no CSR: {error}") from error


BOUNDARIES = (
    Boundary("answers of a CA", acme.REPLIES, acme.read_reply),
    Boundary("URLs of a CA", inputs.TEXTS | inputs.TEXTS.map("https://".__add__), acme.ask_at),
    Boundary("chains", pem.broken_pem(pem.CERTIFICATES), pem.read_chain),
    Boundary("CSRs", pem.broken_pem(pem.CSRS), pem.read_csr),
    Boundary("keys", pem.broken_pem(pem.KEYS), pem.read_key),
    Boundary("DNS messages", inputs.broken_bytes(domain.REPLIES), domain.read_message),
    Boundary("zone transfers", servers.TRANSFERS, servers.read_transfer),
    Boundary("talks with name servers", servers.ANSWERS, servers.ask_fleet),
    Boundary("web servers", web.ANSWERS, web.look),
    Boundary("files of challenges", web.FILES, web.read_files),
    Boundary("results of frontends", inputs.broken_object(RESULT) | inputs.VALUES, _read_result),
    Boundary("entries of the list", inputs.broken_object(ENTRY) | inputs.VALUES, _read_entry),
)


class HangError(AssertionError):
    """An input that takes too long."""


def strike(boundary: Boundary, amount: int, number: int) -> int:
    """Hand so many inputs to a boundary, and return how many were read before the time was over.

    AssertionError, or whatever the boundary raises, with the smallest input that does it. ``number`` is the seed.
    Call it in the main thread, as the time for each input is kept by a signal.
    """
    read, end = 0, time.monotonic() + LONGEST_STRIKE

    @seed(number)
    @settings(
        max_examples=amount,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(boundary.inputs)
    def check(value: Any) -> None:
        nonlocal read
        if time.monotonic() < end:
            read += 1
            with _limited():
                _refuse(boundary, value)

    with _offline(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check()
    return read


def _refuse(boundary: Boundary, value: Any) -> None:
    """The only thing that may be raised is one sentence of ours, which can be printed and returned by a module."""
    try:
        boundary.read(value)
    except Error as error:
        sentence = error.message
        assert sentence.strip(), "no sentence"
        assert len(sentence) <= LONGEST_SENTENCE, f"a sentence of {len(sentence)} characters: {sentence[:300]}"
        json.dumps(error.result(), allow_nan=False, ensure_ascii=False).encode()


@contextmanager
def _limited() -> Iterator[None]:
    def end(_number: int, _frame: object) -> None:
        raise HangError(f"no end within {LONGEST_INPUT:g} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_INPUT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _offline() -> Iterator[None]:
    """No name is asked for outside; numbers of loopback are what they are."""
    real = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("127.0.0.1", "::1", "10.0.0.1", "::ffff:127.0.0.1"):
            return real(host, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    socket.getaddrinfo = lookup
    try:
        yield
    finally:
        socket.getaddrinfo = real
