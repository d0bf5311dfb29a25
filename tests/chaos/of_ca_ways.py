# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways that real CAs have and Pebble does not, as rows of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from tests.lab.ca_faults import (
    always,
    clock_off,
    first,
    lagging_lookup,
    lagging_order,
    lose_answer,
    not_pending,
    text_before_pem,
    without_certificate_url,
)
from tests.lab.unkind import Behaviour
from tests.lab.unkind.authorizations import (
    Change,
    DeadAuthorizations,
    StaysPending,
    long_expired,
    of_status,
    with_spent_challenge,
    without_challenge,
)
from tests.lab.unkind.keys import KeyCache
from tests.lab.unkind.limits import HOUR, Allowance, Bucket, Limit, TokenBuckets
from tests.lab.unkind.orders import FailedFinalize, OrderReuse, SlowFinalize
from tests.lab.unkind.rates import NonceRate, RequestRate

from .of_ca import Rules, ca, strikes
from .scene import Scene, Trouble

Ways = Callable[[Scene], Sequence[Behaviour]]


def behaves(
    ways: Ways, *rules: tuple[str, object, object], lasting: bool = False
) -> Callable[[Scene], AbstractContextManager[None]]:
    """Have the CA be like this, and have the proxy do the rest besides.

    Lasting ways go on when the trouble is over, until the next one is: what the CA has given up stays given up.
    """

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        behaviours = ways(scene)
        scene.ca.behave(*behaviours)
        with strikes(*rules)(scene):  # type: ignore[arg-type]  # see Rules
            yield
        scene.injected += sum(each.struck for each in behaviours)
        if lasting:
            scene.ca.behave(*behaviours)

    return begin


def way(name: str, ways: Ways, rules: Rules = (), *, lasting: bool = False, **more: int | bool) -> Trouble:
    """A row about a CA with such ways."""
    return Trouble(f"CA: {name}", behaves(ways, *rules, lasting=lasting), **more)  # type: ignore[arg-type]


def dead(name: str, change: Change) -> Trouble:
    """A row about orders with authorizations that nothing can come of."""
    return way(f"authorization {name}", lambda _scene: [DeadAuthorizations(change, orders=3)], lasting=True, forced=3)


def left_pending(scene: Scene, told_in: str) -> Sequence[Behaviour]:
    """No name of the scene can be validated."""
    names = {name.removeprefix("*.") for each in scene.due for name in each.names}
    return [StaysPending(names, told_in)]  # type: ignore[arg-type]  # one of its two words


AN_HOUR = Allowance(Limit(300, HOUR), Limit(50, HOUR), Limit(5, HOUR), Limit(5, HOUR))
"""Let's Encrypt's limits in periods that the runs after a trouble can wait for."""


def at_limit(name: str, limit: Bucket) -> Trouble:
    """A row about a limit that is reached, as the CA sees it: the old certificates are renewed all the same.

    When the CA speaks of the whole account, a run heeds that for all its orders, so the order of the requests tells.
    """

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        buckets = TokenBuckets(AN_HOUR)
        buckets.none_left(limit)
        scene.ca.behave(buckets)
        yield
        late = [each for each in scene.old if limit != "account" and not scene.is_obtained(each)]
        scene.problems += [f"meanwhile, {each} was not renewed" for each in late]
        scene.problems += [f"meanwhile, {scene.new} was issued"] * scene.is_obtained(scene.new)
        scene.ca.heal()
        scene.injected += buckets.struck

    return Trouble(f"CA: {name}", begin, runs=2)


@contextmanager
def _another_account_key(scene: Scene) -> Iterator[None]:
    """The account gets another key, of which the CA's front ends hear seconds later."""
    cache = KeyCache(2.0)
    scene.ca.behave(cache)
    scene.run("account", {"terms_agreed": True, "key_label": "another"})
    yield
    scene.ca.heal()
    scene.injected += cache.struck


TROUBLES = (
    way("certificate 1 s late, same order again", lambda _scene: [OrderReuse(), SlowFinalize(1.0)]),
    way("certificate three looks late", lambda _scene: [SlowFinalize(looks=3)]),
    way(
        "newOrder, answer lost, same order again",
        lambda _scene: [OrderReuse()],
        (("newOrder", lose_answer(), first(1)),),
    ),
    way("order stays pending, error in challenge", lambda scene: left_pending(scene, "challenge"), forced=3),
    way("order stays pending, nothing told", lambda scene: left_pending(scene, "authorization"), forced=3),
    way("finalize, 500 and order invalid", lambda _scene: [FailedFinalize(orders=3)], lasting=True, forced=3),
    *(dead(status, of_status(status)) for status in ("expired", "deactivated", "revoked", "of unknown status")),
    dead("expires in the past", long_expired),
    dead("without the challenge", without_challenge("dns-01")),
    dead("with a spent challenge", with_spent_challenge("dns-01")),
    way("8 requests a second, then 429", lambda _scene: [RequestRate(8, burst=2)]),
    way("the same with Retry-After", lambda _scene: [RequestRate(8, burst=2, retry_after="1")]),
    way("2 nonces a second, then 503", lambda _scene: [NonceRate(2, burst=1)]),
    at_limit("no new names for an hour", "domain"),
    at_limit("no orders of the account for an hour", "account"),
    at_limit("no more for the same names for an hour", "set"),
    at_limit("too many failed validations", "failures"),
    Trouble("CA: account key changed, old one good for 2 s", _another_account_key),
    ca("finalize, replica lags", ("finalize", lagging_order(), first(1))),
    ca("order, replica lags", ("order", lagging_lookup(), first(1))),
    ca("challenge, begun before", ("challenge", not_pending(), first(1))),
    ca("order valid, no certificate URL yet", ("order", without_certificate_url(), first(1))),
    ca("certificate, text before the PEM", ("certificate", text_before_pem(), always)),
    way(
        "clock 200 s behind, dates in Retry-After",
        lambda _scene: [SlowFinalize(looks=2)],
        (("any", clock_off(-200), always),),
    ),
)
"""All of them."""
