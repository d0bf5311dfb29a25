# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs as nobody in good faith would send them, as strategies of hypothesis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from hypothesis import strategies as st

NASTY = (
    *("", " ", ".", "..", "/", "//", "\0", "\ud800", "\x1b[2J", "\r\nX: y", "é", "\u2100", "%", "%ff", "A" * 3000),
    *("http://[", "https://[::1", "https://[v1.x]/", "https://ca.test:99999/", "https://ca.test:x/", "https://", "x:y"),
    *("https://user:secret@ca.test/", "https://ca.test/\ud800", "http://ca.test/", "file:///etc/passwd", "*.", "a..b"),
    *("https://" + "a" * 64 + ".test/", "https://xn--a/", "https://\u2100.test/", "<https://ca.test/>", "NaN", "1e999"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01T00:00:00Z", "9" * 400, "-1", "_" * 64),
)
"""Texts that something has been seen to trip over."""

TEXTS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=()), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.integers(min_value=10**300) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
"""Anything that JSON or YAML can hold."""


def _begin(part: bytearray, some: bytes) -> bytes:
    return some + part[len(some) :]


@st.composite
def broken_bytes(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """A good sample of which some bytes are others, are missing, or are there twice."""
    content = bytearray(draw(st.sampled_from(samples)))
    for _change in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        end = min(len(content), start + draw(st.integers(1, 40)))
        part = content[start:end]
        content[start:end] = draw(
            st.sampled_from([b"", part * 2, bytes(len(part)), b"\xff" * len(part)])
            | st.binary(min_size=1, max_size=2).map(partial(_begin, part))
        )
    return bytes(content)


@st.composite
def broken_object(draw: st.DrawFn, sample: Mapping[str, Any]) -> dict[str, Any]:
    """A good object of which some members are something else, or missing, or inside it."""
    found: dict[str, Any] = {}
    for name, value in sample.items():
        fate = draw(st.sampled_from(["good", "good", "good", "other", "listed", "gone"]))
        if fate != "gone":
            found[name] = draw(VALUES) if fate == "other" else [value, draw(SCALARS)] if fate == "listed" else value
    return found | draw(st.dictionaries(TEXTS, VALUES, max_size=1))


def broken_json(*samples: Mapping[str, Any]) -> st.SearchStrategy[bytes]:
    """A body that should hold one of these objects."""
    objects = st.one_of(*map(broken_object, samples))
    bodies = objects.map(lambda value: json.dumps(value).encode())
    deep = st.integers(1, 20_000).map(lambda depth: b"[" * depth)
    return (
        bodies
        | VALUES.map(lambda value: json.dumps(value).encode())
        | broken_bytes([json.dumps(samples[0]).encode()])
        | deep
    )


def headers(*samples: tuple[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """Headers, some of which are good; a header can hold what Latin-1 can (RFC 9110 §5.5), without line ends."""
    texts = TEXTS.map(lambda text: text.encode("latin-1", "replace").decode("latin-1").translate({10: " ", 13: " "}))
    links = texts.map(lambda url: f'<{url}>;rel="alternate next"')
    good = st.sampled_from([value for _name, value in samples])
    return st.dictionaries(st.sampled_from([name for name, _value in samples]), good | texts | links, max_size=3)
