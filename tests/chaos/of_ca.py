# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with a CA, as rows of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.lab.ca_faults import (
    Effect,
    When,
    always,
    answer,
    break_json,
    delay,
    drip,
    every,
    failed_authorization,
    failed_order,
    first,
    hang,
    lose_answer,
    lose_request,
    refuse,
    spoil_nonce,
    still_processing,
    swell,
    web_page,
)

from .scene import Scene, Trouble

Rules = tuple[tuple[str, Effect, When], ...]


def strikes(*rules: tuple[str, Effect, When]) -> Callable[[Scene], AbstractContextManager[None]]:
    """Have the proxy before the CA do this."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        before = scene.ca.struck.total()
        for kind, effect, when in rules:
            scene.ca.inject(kind, effect, when)  # type: ignore[arg-type]  # the kinds are those below
        try:
            yield
        finally:
            scene.ca.heal()
            scene.injected += scene.ca.struck.total() - before

    return begin


def ca(name: str, *rules: tuple[str, Effect, When], **more: int | bool) -> Trouble:
    """A row about the CA."""
    return Trouble(f"CA: {name}", strikes(*rules), **more)  # type: ignore[arg-type]


STEPS = ("newOrder", "authorization", "challenge", "finalize", "order", "certificate")

RATE_LIMITED = refuse(429, "rateLimited", "too many new orders recently", "600")
PAUSED = refuse(429, "rateLimited", "this name is paused; unpause it at https://ca.test/unpause")
MALFORMED = answer(200, {"Content-Type": "application/json"}, b"[]")

TROUBLES = (
    *(ca(f"{step}, request lost", (step, lose_request(), first(1))) for step in ("directory", *STEPS)),
    *(ca(f"{step}, answer lost", (step, lose_answer(), first(1))) for step in STEPS),
    *(
        ca(f"{step}, all answers lost", (step, lose_answer(), always))
        for step in ("newOrder", "finalize", "certificate")
    ),
    ca("newOrder, 429 with Retry-After", ("newOrder", RATE_LIMITED, first(1))),
    ca("newOrder, all 429 with Retry-After", ("newOrder", RATE_LIMITED, always), runs=2),
    ca("newOrder, names paused", ("newOrder", PAUSED, always), runs=2, retry=True),
    *(
        ca(f"{step}, 503 as a web page", (step, web_page(503, "60"), first(1)))
        for step in ("directory", "newNonce", *STEPS)
    ),
    *(
        ca(f"{step}, 503", (step, refuse(503, "serverInternal", "busy", "60"), first(1)))
        for step in ("newOrder", "finalize")
    ),
    ca("finalize, 500", ("finalize", refuse(500, "serverInternal", "something broke"), first(1))),
    ca("newOrder, hangs", ("newOrder", hang(), first(1))),
    ca("finalize, answer 1 s late", ("finalize", delay(1), always)),
    ca("certificate, answer drips", ("certificate", drip(), first(1))),
    ca("half of all nonces are bad", ("any", spoil_nonce(), every(2))),
    *(ca(f"{step}, malformed JSON", (step, break_json(), first(1))) for step in ("directory", *STEPS[:-1])),
    ca("order, JSON of another kind", ("order", MALFORMED, first(2))),
    ca("certificate, endless", ("certificate", swell(), first(1))),
    ca("order stays processing", ("order", still_processing(), always)),
    ca(
        "authorization fails, with subproblems",
        ("authorization", failed_authorization(), always),
        ("order", failed_order(), always),
        forced=3,
    ),
    ca("down for two runs", ("any", lose_request(), always), runs=2),
    ca("overloaded for three runs", ("any", web_page(503), always), runs=3),
)
"""All of them."""
