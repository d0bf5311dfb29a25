# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at every address as a CA may look at any: does it answer a challenge? (RFC 8555 §8.3)."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.address import Network, is_in, is_own, is_public
from .._core.clock import Clock
from .._core.errors import Error
from .._core.plain import cut, plain, quote
from .._core.polling import rounds
from .._core.url import join_url, split_url
from .._core.workers import do_each
from .challenge import ChallengeFile
from .request import Response, ask

MOST_REDIRECTS = 10
"""As many as Let's Encrypt's CA follows."""
MOST_REQUESTS = 50
"""For one address; servers with many addresses each could redirect to one another without an end."""
MOST_ADDRESSES = 50
"""For one host; a name server could give thousands."""
PATIENCE = 3
"""For one address with all its redirects, as a multiple of the time for one request."""
WIDTH = 16
"""Addresses that are asked at the same time."""

Way = tuple[tuple[str, str], ...]
Start = tuple[ChallengeFile, str]
Resolver = Callable[[str], Sequence[str]]
"""All addresses of a host, IPv4 and IPv6; Error when there are none."""


@dataclass(frozen=True)
class Rules:
    """The ports that redirects may lead to, the first one where challenges begin, and seconds for one request.

    ``allowed`` are networks that redirects may lead to although they are not public.
    """

    http_port: int = 80
    https_port: int = 443
    request_timeout: float = 10
    allowed: tuple[Network, ...] = ()

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
        """``www.example.com 192.0.2.1: status 404``, with where it was redirected to first and last."""
        steps = [f" -> {cut(url)} {address}" for url, address in self.way[1:]]
        there = "".join(steps if len(steps) < 3 else [steps[0], f" -> ({len(steps) - 2} more)", steps[-1]])
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
    """All addresses that the host's resolver gives, each once; Error when there are none, or too many."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise Error(f"{cut(host)} has no address: {getattr(error, 'strerror', None) or error}") from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if len(addresses) > MOST_ADDRESSES:
        raise Error(f"{cut(host)} has {len(addresses)} addresses; at most {MOST_ADDRESSES} are asked")
    return addresses


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
        done, failed = do_each(lambda start: _look(start, rules, resolver, clock), left, WIDTH)
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


def _look(start: Start, rules: Rules, resolver: Resolver, clock: Clock) -> list[Verdict]:
    file, address = start
    deadline = clock.monotonic() + PATIENCE * rules.request_timeout
    return _Trail(file, rules, resolver, clock, deadline).follow(((rules.url(file), address),))


@dataclass(frozen=True)
class _Trail:
    """Where one address leads to; ``seen`` are the requests so far, each of which is made once."""

    file: ChallengeFile
    rules: Rules
    resolver: Resolver
    clock: Clock
    deadline: float
    seen: set[tuple[str, str]] = field(default_factory=set)

    def follow(self, way: Way) -> list[Verdict]:
        """The verdicts for the last address of the way, and for all addresses that it redirects to."""
        self.seen.add(way[-1])
        try:
            self._check_reach(way)
            response = ask(*way[-1], self.rules.request_timeout)
            target = _target(way[-1][0], response, self.rules)
            if target is None:
                return [Verdict(self.file, way, self._judge(way, response))]
            steps = self._steps(way, target)
        except Error as error:
            return [Verdict(self.file, way, error.message)]
        return [verdict for step in steps if step not in self.seen for verdict in self.follow((*way, step))]

    def _steps(self, way: Way, target: str) -> list[tuple[str, str]]:
        """The URL of a redirect with each address of its host; Error for redirects without an end."""
        if len(way) > MOST_REDIRECTS or len(self.seen) > MOST_REQUESTS:
            raise Error(f"more than {MOST_REDIRECTS if len(way) > MOST_REDIRECTS else MOST_REQUESTS} redirects")
        if self.clock.monotonic() >= self.deadline:
            raise Error(f"redirects that take more than {PATIENCE * self.rules.request_timeout:g} s")
        parts = split_url(target)
        steps = [(target, each) for each in self.resolver((parts and parts.hostname) or "")]
        if any(step in way for step in steps):
            raise Error(f"redirected in a circle, to {cut(target)}")
        return steps

    def _check_reach(self, way: Way) -> None:
        """Error when a redirect leads to where the web server that sent it could not look by itself (ADR 0037)."""
        url, address = way[-1]
        if len(way) == 1 or address == way[-2][1] or is_in(address, self.rules.allowed):
            return
        own = is_own(address)
        if is_public(address) and not own:
            return
        if own and _leads_to(url, self.file.path):
            return
        what = "this host's own" if own else "not public"
        raise Error(f"not asked after a redirect: the address is {what}, and not in allowed_networks")

    def _judge(self, way: Way, response: Response) -> str:
        """What is wrong with the answer, or nothing; CAs pass over white space at its end."""
        if response.status != 200:
            return f"status {response.status}"
        text = response.body.decode("utf-8", "replace")
        if text.rstrip() == self.file.content:
            return ""
        if not text:
            return "an empty answer"
        address = way[0][1]
        if len(way) > 1 or not (is_public(address) or is_in(address, self.rules.allowed)):
            return "another answer"  # it can be of a server that only this host reaches, and the report goes far
        return f"another answer: {re.sub(r'[^ -~]', '.', plain(text))[:60]!r}"


def _target(url: str, response: Response, rules: Rules) -> str | None:
    """Where a redirect leads; None when there is none, and Error when no CA would follow."""
    if response.status not in {301, 302, 303, 307, 308} or not response.location:
        return None
    target = join_url(url, response.location)
    parts = split_url(target) if target else None
    if target is None or parts is None:
        raise Error(f"redirected to {quote(response.location)}, which is no URL")
    if parts.scheme not in rules.ports or not parts.hostname:
        raise Error(f"redirected to {quote(target)}, where no CA follows: neither http nor https")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    if port != rules.ports[parts.scheme]:
        raise Error(f"redirected to {quote(target)}, where no CA follows: its port is not {rules.ports[parts.scheme]}")
    return target


def _leads_to(url: str, path: str) -> bool:
    parts = split_url(url)
    return parts is not None and parts.path == path and not parts.query
