# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of a store and of the name servers after a run, read by other means than the engine's own."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tests.lab import Lab

FILES = {"privkey.pem", "cert.pem", "chain.pem", "fullchain.pem"}


@dataclass
class Row:
    """What became of the kills in one step; `problems` are all things that are not as they must be."""

    step: str
    kills: int = 0
    wanted: int = 0
    obtained: int = 0
    extra_orders: int = 0
    txt_left: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        numbers = (self.kills, self.wanted, self.obtained, self.extra_orders, self.txt_left, self.lost)
        return f"{self.step:24}" + "".join(f"{number:8}" for number in numbers)


@dataclass(frozen=True)
class Wanted:
    """One certificate that has to be there in the end."""

    name: str
    key_type: str
    names: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name} ({self.key_type})"

    def folder(self, root: Path) -> Path:
        """Where it is, below a store or below a frontend's folder."""
        return root / "certificates" / self.name / self.key_type


@dataclass(frozen=True)
class Held:
    """What was on disk for a certificate when a run was lost: its key, and the order if its URL was known."""

    key: bytes | None
    order: str | None

    @classmethod
    def look(cls, folder: Path) -> Held:
        """Read it; what is not there, or in place already, is None."""
        if (folder / "live").exists():
            return cls(
                (folder / "live" / "privkey.pem").read_bytes(), _member(folder / "live/issuance.json", "order_url")
            )
        key = folder / "order.pem"
        return cls(key.read_bytes() if key.exists() else None, _member(folder / "order.json", "url"))

    def problems(self, folder: Path) -> Iterator[str]:
        """In what the certificate that is there now is not the one that was begun."""
        after = Held.look(folder)
        if self.key is not None and self.key != after.key:
            yield "has another key than the one that was begun with"
        if self.order is not None and self.order != after.order:
            yield f"is of another order than the one that was begun with: {after.order}"


def problems_of_live(folder: Path, wanted: Wanted) -> Iterator[str]:
    """In what the live files of a certificate don't fit together or are not what is wanted."""
    live = folder / "live"
    if not live.exists():
        yield "is not there"
        return
    lacking = sorted(name for name in FILES if not (live / name).is_file())
    if lacking:
        yield f"lacks {lacking}"
        return
    certificate, *others = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())
    key = load_pem_private_key((live / "privkey.pem").read_bytes(), None)
    if _spki(certificate.public_key()) != _spki(key.public_key()):
        yield "has a key of another certificate"
    if (live / "cert.pem").read_bytes() != certificate.public_bytes(Encoding.PEM):
        yield "has a cert.pem of another certificate"
    if [each.public_bytes(Encoding.PEM) for each in others] != _certificates(live / "chain.pem"):
        yield "has a chain.pem of another certificate"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if set(names.get_values_for_type(x509.DNSName)) != wanted.names:
        yield "is for other names"


def problems_of_folder(root: Path, wanted: Sequence[Wanted]) -> Iterator[str]:
    """What should not be below a store or a frontend's folder any more: parts, unfinished generations, orders."""
    for path in sorted(root.rglob("*")):
        if path.name.startswith(".new-") or path.name.endswith(".broken"):
            yield f"{path.relative_to(root)} was left behind"
    for each in wanted:
        folder = each.folder(root)
        for name in ("order.json", "order.pem"):
            if (folder / name).exists():
                yield f"{each} still has its {name}"
        generations = sorted(path.name for path in (folder / "generations").glob("*"))
        live = Path(os.readlink(folder / "live")).name if (folder / "live").is_symlink() else None
        if not generations or generations[-1] != live or len(generations) > 2:
            yield f"{each} has the generations {generations}, of which {live} is live"
    for path in (root / "dns").glob("*"):
        yield f"the ledger still has {path.name}"
    if not _is_free(root / ".lock"):
        yield "the lock is still held"


def values_left(lab: Lab) -> dict[str, Mapping[str, frozenset[str]]]:
    """The TXT values on each primary that has any; the secondary follows it a moment later."""
    found = {each.name: lab.all_txt(each.name) for each in lab.primaries}
    return {name: values for name, values in found.items() if values}


def _spki(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def _certificates(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return [each.public_bytes(Encoding.PEM) for each in x509.load_pem_x509_certificates(content)] if content else []


def _member(path: Path, name: str) -> str | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8")).get(name)
    except FileNotFoundError:
        return None
    return None if value is None else str(value)


def _is_free(path: Path) -> bool:
    if not path.exists():
        return True
    with open(path, "rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
