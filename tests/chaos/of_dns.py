# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with name servers, as rows of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.lab import Lab
from tests.lab.dns_faults import Fault
from tests.lab.dns_proxy import DnsProxy

from .scene import Scene, Trouble

Begin = Callable[[Scene], AbstractContextManager[None]]


def behind_proxy(name: str, *faults: Fault, addresses: int = 1) -> Begin:
    """Have one responder misbehave."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        healthy = scene.responders
        with DnsProxy.before(scene.lab, name, addresses) as proxy:
            scene.responders = proxy.stand_in(name, healthy)
            some = frozenset(proxy.addresses[: addresses // 2])
            proxy.inject(*(Fault(**{**vars(fault), "addresses": some}) for fault in faults))
            yield
            scene.injected += proxy.counts.total()
        scene.responders = healthy

    return begin


def on_lab(harm: Callable[[Lab], None], mend: Callable[[Lab], None]) -> Begin:
    """Do something to the lab's servers, and undo it."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        harm(scene.lab)
        scene.injected += 1
        try:
            yield
        finally:
            mend(scene.lab)

    return begin


def silent_to_all(name: str) -> Begin:
    """Have one responder give no answer to anybody, the CA's resolver included."""
    from_us, from_all = (
        behind_proxy(name, Fault("silent")),
        on_lab(lambda lab: lab.down(name), lambda lab: lab.up(name)),
    )

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        with from_all(scene), from_us(scene):
            yield

    return begin


def proxied(name: str, responder: str, *faults: Fault) -> Trouble:
    """A row about a responder behind a proxy."""
    return Trouble(f"DNS: {name}", behind_proxy(responder, *faults))


@contextmanager
def _wrong_secret(scene: Scene) -> Iterator[None]:
    healthy = scene.tsig_keys
    scene.tsig_keys = [{**key, "secret": key["secret"][::-1].lstrip("=").ljust(44, "A")} for key in healthy]
    yield
    scene.tsig_keys = healthy
    scene.injected += 1


TROUBLES = (
    Trouble("DNS: a primary down", on_lab(lambda lab: lab.down("bind"), lambda lab: lab.up("bind")), runs=2),
    Trouble("DNS: all primaries down", on_lab(lambda lab: _all(lab.down, lab), lambda lab: _all(lab.up, lab))),
    Trouble("DNS: the secondary down", on_lab(lambda lab: lab.down("nsd"), lambda lab: lab.up("nsd"))),
    Trouble("DNS: the secondary lags", on_lab(lambda lab: lab.lag("nsd"), lambda lab: lab.release("nsd")), runs=2),
    Trouble(
        "DNS: a primary with another secret",
        on_lab(lambda lab: lab.change_tsig("knot"), lambda lab: lab.restore_tsig("knot")),
    ),
    Trouble(
        "DNS: a primary that lost its key",
        on_lab(lambda lab: lab.change_tsig("knot", forget=True), lambda lab: lab.restore_tsig("knot")),
    ),
    Trouble("DNS: a wrong secret in the inventory", _wrong_secret),
    Trouble("DNS: a primary silent", silent_to_all("powerdns")),
    # the CA can ask it for what it never got, and then ends the order: the price of passing over silence
    Trouble("DNS: a primary silent to us only", behind_proxy("powerdns", Fault("silent")), forced=3),
    Trouble("DNS: a secondary silent", silent_to_all("nsd")),
    proxied("a primary slow", "bind", Fault("slow", seconds=0.4)),
    proxied("a primary slower than the timeout", "bind", Fault("slow", seconds=1.5)),
    *(
        proxied(f"a primary {kind}", "knot", Fault(kind))
        for kind in ("truncated", "deaf", "refused", "servfail", "lame", "garbage", "broken", "cut", "corrupt")
    ),
    *(
        proxied(f"a secondary {kind}", "nsd", Fault(kind))
        for kind in ("truncated", "deaf", "refused", "servfail", "lame", "garbage", "broken")
    ),
    proxied("a hostile name server, a primary", "knot", Fault("strange")),
    proxied("a hostile name server, a secondary", "nsd", Fault("strange")),
    Trouble("DNS: one of two addresses dead", behind_proxy("knot", Fault("silent"), addresses=2)),
    proxied("a primary takes no update", "bind", Fault("refused", about="updates")),
    proxied("updates taken, answers lost", "bind", Fault("broken", about="updates")),
    proxied("a primary gone during cleanup", "bind", Fault("silent", about="removals")),
    proxied("a primary refuses the cleanup", "powerdns", Fault("servfail", about="removals")),
)
"""All of them."""


def _all(change: Callable[[str], None], lab: Lab) -> None:
    for responder in lab.primaries:
        change(responder.name)
