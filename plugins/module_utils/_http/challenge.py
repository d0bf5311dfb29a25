# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that answer http-01 challenges (RFC 8555 §8.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import InputError

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,250}")
PATH = re.compile(rf"/\.well-known/acme-challenge/({TOKEN.pattern})")
CONTENT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ChallengeFile:
    """What the web servers of one name answer with at one path: ``content``, a key authorization (RFC 8555 §8.1)."""

    identifier: str
    token: str
    content: str

    @property
    def path(self) -> str:
        """The path in the URL."""
        return f"/.well-known/acme-challenge/{self.token}"

    def as_dict(self) -> dict[str, str]:
        """The file as the module `order` returns it, and as options have it."""
        return {"identifier": self.identifier, "path": self.path, "content": self.content}


def parse_files(entries: Iterable[Mapping[str, Any]]) -> tuple[ChallengeFile, ...]:
    """Read what ``order`` returned as ``http_files``, each file once.

    InputError for a path that is not a challenge's, so that it can't lead out of
    the folder, and for a content that does not belong to it.
    """
    return tuple(dict.fromkeys(_parse(entry, f"files[{number}]") for number, entry in enumerate(entries)))


def _parse(entry: Mapping[str, Any], option: str) -> ChallengeFile:
    identifier, path, content = entry["identifier"], entry["path"], entry["content"]
    found = PATH.fullmatch(path)
    if not found:
        raise InputError(f"{option}.path", path, "is not /.well-known/acme-challenge/ and a token")
    token = found[1]
    if not CONTENT.fullmatch(content) or not content.startswith(f"{token}."):
        raise InputError(f"{option}.content", content, "is not the token of its path, a full stop and a thumbprint")
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", identifier):
        raise InputError(f"{option}.identifier", identifier, "is neither the name of a host nor an address")
    return ChallengeFile(identifier, token, content)
