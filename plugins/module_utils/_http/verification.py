# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at every address as a CA may look at any: does it answer a challenge? (RFC 8555 §8.3)."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from .._core.clock import Clock
from .._core.errors import Error
from .._core.plain import plain
from .._core.polling import rounds
from .._core.workers import do_each
from .challenge import ChallengeFile
from .request import Response, ask

MOST_REDIRECTS = 10
"""As many as Let's Encrypt's CA follows."""
MOST_REQUESTS = 50
"""For one address; servers with many addresses each could redirect to one another without an end."""
WIDTH = 16
"""Addresses that are asked at the same time."""

Way = tuple[tuple[str, str], ...]
Start = tuple[ChallengeFile, str]
Resolver = Callable[[str], Sequence[str]]
"""All addresses of a host, IPv4 and IPv6; Error when there are none."""


@dataclass(frozen=True)
class Rules:
    """The ports that redirects may lead to, the first one where challenges begin, and seconds for one request."""

    http_port: int = 80
    https_port: int = 443
    request_timeout: float = 10

    @property
    def ports(self) -> dict[str, int]:
        """The only port of each scheme."""
        return {"http": self.http_port, "https": self.https_port}

    def url(self, file: ChallengeFile) -> str:
        """Where a CA begins."""
        host = f"[{file.identifier}]" if ":" in file.identifier else file.identifier
        return f"http://{host}{'' if self.http_port == 80 else f':{self.http_port}'}{file.path}"


DEFAULT_RULES = Rules()


@dataclass(frozen=True)
class Verdict:
    """What came of asking one address of one name, and where redirects led; ``problem`` is empty when that was right.

    ``way`` has a URL and an address for each request, the last one of which gave the answer.
    """

    file: ChallengeFile
    way: Way
    problem: str

    @property
    def address(self) -> str:
        """The address of the name itself; empty when it has none."""
        return self.way[0][1]

    def sentence(self) -> str:
        """``www.example.com 192.0.2.1: status 404``, with where it was redirected to."""
        there = "".join(f" -> {url} {address}" for url, address in self.way[1:])
        return f"{self.file.identifier} {self.address}{there}: {self.problem or 'correct'}"

    def as_dict(self) -> dict[str, Any]:
        """The verdict as a module returns it."""
        return {
            "identifier": self.file.identifier,
            "address": self.address,
            "requests": [{"url": url, "address": address} for url, address in self.way],
            "correct": not self.problem,
            "problem": self.problem or None,
        }


def resolve(host: str) -> list[str]:
    """All addresses that the host's resolver gives, each once."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Error(f"{host} has no address: {getattr(error, 'strerror', None) or error}") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def verify(
    files: Sequence[ChallengeFile],
    addresses: Sequence[str],
    timeout: float,
    clock: Clock,
    *,
    rules: Rules = DEFAULT_RULES,
    resolver: Resolver = resolve,
) -> list[Verdict]:
    """Ask for every file at every address until all answers are right or ``timeout`` seconds have gone by.

    ``addresses`` stand in place of those that names have. Who gave the right answer is not asked again.
    """
    found: dict[Start, list[Verdict]] = {}
    homeless: dict[str, Error] = {}
    names = list(dict.fromkeys(each.identifier for each in files))
    homes: dict[str, Sequence[str]] = dict.fromkeys(names, addresses) if addresses else {}
    for _round in rounds(clock, clock.monotonic() + timeout):
        more, homeless = do_each(resolver, [name for name in names if name not in homes], WIDTH)
        homes.update(more)
        starts = [(file, address) for file in files for address in homes.get(file.identifier, ())]
        left = [start for start in starts if start not in found or any(each.problem for each in found[start])]
        if not left and not homeless:
            break
        done, failed = do_each(lambda start: _look(start, rules, resolver), left, WIDTH)
        found.update(done)
        found.update((start, [_unseen(start, rules, error)]) for start, error in failed.items())
    nowhere = [
        Verdict(file, ((rules.url(file), ""),), homeless[file.identifier].message)
        for file in files
        if file.identifier in homeless
    ]
    return [*(verdict for verdicts in found.values() for verdict in verdicts), *nowhere]


def _unseen(start: Start, rules: Rules, error: Error) -> Verdict:
    """The verdict for an address at which nobody could look."""
    file, address = start
    return Verdict(file, ((rules.url(file), address),), error.message)


def _look(start: Start, rules: Rules, resolver: Resolver) -> list[Verdict]:
    file, address = start
    return _follow(file, ((rules.url(file), address),), rules, resolver, set())


def _follow(
    file: ChallengeFile, way: Way, rules: Rules, resolver: Resolver, seen: set[tuple[str, str]]
) -> list[Verdict]:
    """The verdicts for one address, and for all addresses that it redirects to, each looked at once."""
    seen.add(way[-1])
    url, address = way[-1]
    try:
        response = ask(url, address, rules.request_timeout)
        target = _target(url, response, rules)
        if target is None:
            return [Verdict(file, way, _judge(file, response))]
        if len(way) > MOST_REDIRECTS or len(seen) > MOST_REQUESTS:
            raise Error(f"more than {MOST_REDIRECTS if len(way) > MOST_REDIRECTS else MOST_REQUESTS} redirects")
        steps = [(target, each) for each in resolver(urlsplit(target).hostname or "")]
        if any(step in way for step in steps):
            raise Error(f"redirected in a circle, to {target}")
    except Error as error:
        return [Verdict(file, way, error.message)]
    verdicts = []
    for step in steps:
        if step not in seen:
            verdicts += _follow(file, (*way, step), rules, resolver, seen)
    return verdicts


def _target(url: str, response: Response, rules: Rules) -> str | None:
    """Where a redirect leads; None when there is none, and Error when no CA would follow."""
    if response.status not in {301, 302, 303, 307, 308} or not response.location:
        return None
    target = urljoin(url, response.location)
    try:
        parts = urlsplit(target)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError as error:
        raise Error(f"redirected to {target!r}, which is no URL") from error
    if parts.scheme not in rules.ports or not parts.hostname:
        raise Error(f"redirected to {target!r}, where no CA follows: neither http nor https")
    if port != rules.ports[parts.scheme]:
        raise Error(f"redirected to {target!r}, where no CA follows: its port is not {rules.ports[parts.scheme]}")
    return target


def _judge(file: ChallengeFile, response: Response) -> str:
    """What is wrong with the answer, or nothing; CAs pass over white space at its end."""
    if response.status != 200:
        return f"status {response.status}"
    text = response.body.decode("utf-8", "replace")
    if text.rstrip() == file.content:
        return ""
    return f"another answer: {re.sub(r'[^ -~]', '.', plain(text))[:60]!r}" if text else "an empty answer"
