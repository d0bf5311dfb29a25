# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking for secrets in what was recorded, in whatever form they may have got there."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Kind = Literal["kept", "given"]
"""Made on a host and never to leave it, or part of the options that a task is given."""

_FEWEST_BYTES = 12
"""Shorter pieces of a secret might turn up by chance."""

_PEM = re.compile(rb"-----BEGIN (?:\w+ )*PRIVATE KEY-----.*?-----END (?:\w+ )*PRIVATE KEY-----\n", re.DOTALL)
# white space, also as JSON, Python and YAML write it within a string
_BREAKS = re.compile(rb'(?:\s|\\+[nrt]|"\s*,\s*")+')
_LONG_LINE = 2000


@dataclass(frozen=True)
class Secret:
    """A secret by the raw values that make it up, each looked for in every form.

    `label` says whose it is. The values of a private key are only its private numbers: the
    others are in the certificate as well.
    """

    label: str
    kind: Kind
    values: tuple[bytes, ...] = field(repr=False)
    texts: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of_key(cls, label: str, pem: bytes, kind: Kind = "kept") -> Secret:
        """A private key in PEM."""
        key = serialization.load_pem_private_key(pem, None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            numbers = [key.private_numbers().private_value]
        elif isinstance(key, rsa.RSAPrivateKey):
            private = key.private_numbers()
            numbers = [private.d, private.p, private.q, private.dmp1, private.dmq1, private.iqmp]
        else:
            raise TypeError(f"{label} is a key of an unknown type")
        values = tuple(number.to_bytes((number.bit_length() + 7) // 8, "big") for number in numbers)
        texts = tuple(str(number).encode() for number in numbers)
        return cls(label, kind, values, (*texts, *_private_lines(pem, values)))

    @classmethod
    def of_text(cls, label: str, text: str) -> Secret:
        """A key shared with a server, as its base64 or base64url text."""
        standard = text.translate(str.maketrans("-_", "+/"))
        value = base64.b64decode(standard + "=" * (-len(standard) % 4))
        texts = (base64.b64encode(value), base64.urlsafe_b64encode(value))
        return cls(label, "given", (value,), tuple(text.rstrip(b"=") for text in texts))

    def needles(self) -> frozenset[bytes]:
        """All that must not be found: each value, whole and by halves, in every form."""
        halves = (part for value in self.values for part in _halves(value))
        return frozenset(form for part in (*halves, *self.texts) for form in _forms(part))


class Evidence:
    """What a play has let be seen, by where it was seen."""

    def __init__(self) -> None:
        self.pieces: dict[str, list[bytes]] = {}
        self._seen: set[bytes] = set()

    def add(self, source: str, content: bytes) -> None:
        """Keep something; long lines that were seen before, such as a module's code, are kept once."""
        lines = []
        for line in content.split(b"\n"):
            if len(line) < _LONG_LINE or line not in self._seen:
                lines.append(line)
                self._seen.add(line)
        self.pieces.setdefault(source, []).append(b"\n".join(lines))

    def add_folder(self, source: str, folder: Path) -> None:
        """Keep every file below a folder, and every name."""
        for path in sorted(folder.rglob("*")):
            name = f"{source} {path.relative_to(folder)}"
            self.add(name, str(path).encode())
            if path.is_file():
                self.add(name, path.read_bytes())

    def search(self, secrets: Iterable[Secret]) -> dict[str, set[str]]:
        """Where which secrets are to be seen: labels by source."""
        needles = [(needle, secret.label) for secret in secrets for needle in secret.needles()]
        found: dict[str, set[str]] = {}
        for source, pieces in self.pieces.items():
            content = b"\n".join(pieces)
            joined = _BREAKS.sub(b"", content)
            labels = {label for needle, label in needles if needle in content or needle in joined}
            if labels:
                found[source] = labels
        return found


def private_keys(content: bytes) -> list[bytes]:
    """Every private key (PEM) in a file."""
    return _PEM.findall(content)


def _halves(value: bytes) -> Iterator[bytes]:
    """The value and its two halves, so that one that was cut or broken into lines is found, too."""
    yield value
    half = len(value) // 2
    if half >= _FEWEST_BYTES:
        yield value[:half]
        yield value[half:]


def _forms(value: bytes) -> Iterator[bytes]:
    """A value as it is, in hex, and in both alphabets of base64 wherever it may begin in what was encoded."""
    yield value
    yield repr(value)[2:-1].encode()
    for separator in ("", ":", " "):
        text = value.hex(separator) if separator else value.hex()
        yield text.encode()
        yield text.upper().encode()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value)
        # what neighbours share a character with can't be told; padding may be there or not
        inner = encoded[(0, 2, 3)[before] : len(encoded) - (0, 4, 3)[(before + len(value)) % 3]]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def _private_lines(pem: bytes, values: tuple[bytes, ...]) -> Iterator[bytes]:
    """The full lines of a PEM text in which there is something of the private values."""
    for line in pem.splitlines():
        if len(line) == 64 and not line.startswith(b"-"):
            decoded = base64.b64decode(line)
            if any(decoded[start : start + _FEWEST_BYTES] in value for value in values for start in range(37)):
                yield line
