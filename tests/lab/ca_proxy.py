# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy before the lab's CA that loses, delays and invents answers where it is told to.

    with CaProxy(lab, folder) as proxy:
        proxy.inject("newOrder", lose_answer(), first(1))
        ...   # a client of proxy.directory that trusts proxy.ca_bundle
        proxy.struck, proxy.orders

The effects, which strike single requests, are in ca_faults.py; ``proxy.behave(...)`` takes what is in unkind/: ways of
real CAs, which remember what they have seen.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Literal
from urllib.parse import urlsplit

from .authority import make_listener
from .ca_faults import Effect, Rule, When, always
from .ca_front import Front, Upstream
from .ca_messages import Kind, Reply, Request, names_in, path_of
from .lab import Lab
from .unkind import Behaviour, stacked


class CaProxy:
    """Listens on a free port of 127.0.0.1 with a certificate of its own; the CA writes its URLs to suit.

    ``requests`` counts what clients asked for, by kind; ``struck`` the faults, by the effect's name;
    ``paths`` has each request's path in order. A request that the CA refuses for its nonce counts for no rule,
    as the client sends it again; so with several requests at once the numbers are exact only for a lab that refuses
    none (``nonce_reject=0``).
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        """``folder`` takes the listener's certificate and key."""
        self._lab = lab
        ca = urlsplit(lab.directory)
        self._upstream = Upstream((str(ca.hostname), int(ca.port or 443)), lab.ca_bundle)
        self._behaviours: list[Behaviour] = []
        self._rules: list[Rule] = []
        self._seen: set[str] = set()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.forget()
        listener = make_listener(folder, "127.0.0.1")
        self.ca_bundle = listener.root
        self._server = Front(("127.0.0.1", 0), listener, self.reply_to, self.wait)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def directory(self) -> str:
        """The CA's directory by way of the proxy."""
        return f"https://127.0.0.1:{self._server.server_port}{urlsplit(self._lab.directory).path}"

    def __enter__(self) -> CaProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What tests ask for

    def inject(self, kind: Kind | Literal["any"], effect: Effect, when: When = always) -> Rule:
        """Have this happen to requests of a kind; of several rules the first that strikes counts."""
        rule = Rule(kind, effect, when)
        with self._lock:
            self._rules.append(rule)
        return rule

    def behave(self, *behaviours: Behaviour) -> None:
        """Have the CA be like this from now on; of several behaviours the first one sees a request first."""
        with self._lock:
            self._behaviours.extend(behaviours)

    def heal(self) -> None:
        """End all faults and behaviours; what was counted stays."""
        with self._lock:
            self._rules.clear()
            ended, self._behaviours = self._behaviours, []
        for behaviour in ended:
            behaviour.end(self._pass_on)

    def forget(self) -> None:
        """Count from nought again; the faults stay."""
        with self._lock:
            self.requests: Counter[str] = Counter()
            self.struck: Counter[str] = Counter()
            self.paths: list[str] = []
            self.orders: list[tuple[str, ...]] = []
            """The names in each order that the CA has really made, whether its answer arrived or not."""

    # What the handler asks for

    def reply_to(self, request: Request) -> Reply | None:
        """The answer for the client, or None when the connection is to break."""
        with self._lock:
            self.requests[request.kind] += 1
            self.paths.append(request.path)
            rule = self._rule_for(request.kind)
            ask = stacked(self._behaviours, self._pass_on)

        def forward() -> Reply:
            reply = ask(request)
            if reply.refuses_nonce:
                raise _NonceRefusedError(reply)
            return reply

        try:
            return forward() if rule is None else rule.effect.strike(forward, self._ended)
        except _NonceRefusedError as refused:
            self._take_back(request.kind, rule)
            return refused.reply

    def wait(self, seconds: float) -> bool:
        """Wait; false when the proxy ends meanwhile."""
        return not self._ended.wait(seconds)

    def _rule_for(self, kind: Kind) -> Rule | None:
        struck = None
        for rule in self._rules:
            if rule.kind in (kind, "any"):
                rule.asked += 1
                if struck is None and rule.when(rule.asked):
                    struck = rule
        if struck:
            struck.struck += 1
            self.struck[struck.effect.name] += 1
        return struck

    def _take_back(self, kind: Kind, struck: Rule | None) -> None:
        with self._lock:
            for rule in self._rules:
                if rule.kind in (kind, "any"):
                    rule.asked -= 1
            if struck:
                struck.struck -= 1
                self.struck[struck.effect.name] -= 1

    def _pass_on(self, request: Request) -> Reply:
        reply = self._upstream(request)
        if request.kind == "newOrder" and reply.status == 201:
            with self._lock:
                self._note_order(path_of(reply.header("Location") or ""), names_in(request.payload))
        return reply

    def _note_order(self, path: str, names: tuple[str, ...]) -> None:
        if path not in self._seen:
            self._seen.add(path)
            self.orders.append(names)


class _NonceRefusedError(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__("the CA refused the nonce")
        self.reply = reply
