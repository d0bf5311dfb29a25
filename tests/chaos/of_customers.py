# SPDX-License-Identifier: GPL-3.0-or-later
"""What customers of a hosting provider can write into their lines of the list, as rows of the matrix.

The certificates of all others are renewed, and reported, in the very run that finds such lines.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from .scene import Scene, Trouble

Begin = Callable[[Scene], AbstractContextManager[None]]


def lines(*hostile: Any) -> Begin:
    """Have these lines around those of the others, and look whether the others come off well at once."""

    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        innocent = list(scene.listed)
        middle = len(hostile) // 2
        scene.listed[:] = [*hostile[:middle], *innocent, *hostile[middle:]]
        scene.injected += len(hostile)
        yield
        scene.problems += [f"meanwhile, {each} was not obtained" for each in scene.due if not scene.is_obtained(each)]
        scene.problems += _unreported(scene)
        scene.listed[:] = innocent

    return begin


def _unreported(scene: Scene) -> Iterator[str]:
    """The certificates of the others that are not on the page, and whether the lines are."""
    page = scene.store.with_name(f"{scene.store.name}.html")
    told = scene.run("report", {"certificates": scene.listed, "page": str(page)}).result
    if "msg" in told:
        yield f"meanwhile, nothing was reported: {told['msg']}"
    text = page.read_text() if page.exists() else ""
    for name in sorted(set().union(*(each.names for each in scene.wanted))):
        if name not in text:
            yield f"meanwhile, {name} was not reported"
    if "Somebody has to act" not in text or "defect" in text:
        yield "meanwhile, the lines were not reported as they should be"


def garbage(number: int, seed: int = 14) -> Sequence[Any]:
    """So many lines of anything, the same each time."""
    chance = random.Random(seed)  # noqa: S311  # it keeps no secret
    options = ("name", "domains", "key_types", "challenge", "profile", "admin", "key", "frontends", "apply", "x")

    def value(depth: int = 0) -> Any:
        kinds: tuple[Any, ...] = (
            None,
            True,
            -1,
            1e308,
            "",
            "x",
            "../../etc",
            "x" * 5000,
            "\ud800",
            "*.*",
            "frontend",
            "@",
            "dns-01\n",
        )
        made: Any = chance.choice([*kinds, [], {}, "list", "mapping"])
        if made == "list" and depth < 3:
            return [value(depth + 1) for _each in range(chance.randint(1, 3))]
        if made == "mapping" and depth < 3:
            return {chance.choice(options): value(depth + 1) for _each in range(chance.randint(1, 3))}
        return made

    return [{chance.choice(options): value() for _each in range(4)} for _line in range(number)]


def _site(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "domains": [f"{name}.customer.test"], "key_types": ["ecdsa-p256"], **more}


MANY = [f"n{number}.customer.test" for number in range(101)]

TROUBLES = (
    Trouble("hostile customer: my_shop.example.com", lines(_site("shop", domains=["my_shop.example.com"]))),
    Trouble(
        "hostile customer: bad options",
        lines(
            _site("mail", admin=["nobody"]),
            _site("kinds", key_types=["dsa"]),
            _site("word", challenge="smoke signals"),
            _site("more", colour="red"),
            _site("key", key="frontend", frontends=["web1; reboot"]),
            _site("../../accounts"),
        ),
    ),
    Trouble("hostile customer: a name that is there twice", lines(_site("mine"), _site("Mine", domains=["x.test"]))),
    Trouble("hostile customer: too many names", lines(_site("many", domains=MANY), _site("all", domains=MANY * 30))),
    Trouble("hostile customer: no lines at all", lines("text", None, [], {}, 5, [[["deep"]]], {"domains": {}})),
    Trouble("hostile customer: 300 lines of garbage", lines(*garbage(300))),
)
"""All of them."""
