# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive of an installed collection that is the same for the same files, wherever and whenever it is made."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

PARTS = (
    "MANIFEST.json", "FILES.json", "galaxy.yml", "LICENSE", "README.md", "requirements.txt", "bindep.txt",
    "meta", "playbooks", "plugins", "roles",
)  # fmt: skip
"""What of a collection, or of a checkout of it, is needed to use it."""


def collection_archive(folder: Path) -> bytes:
    """The collection in this folder as a tar file compressed with gzip; FileNotFoundError when it holds none."""
    if not (folder / "plugins").is_dir():
        raise FileNotFoundError(f"there is no collection in {folder}")
    buffer = io.BytesIO()
    # gzip writes down the time otherwise, and tar that and the user
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for path in files_of(folder):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            content = path.read_bytes()
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def files_of(folder: Path) -> Iterator[Path]:
    """The files of the collection, in a fixed order."""
    for part in PARTS:
        path = folder / part
        inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        yield from (each for each in inside if each.is_file() and "__pycache__" not in each.parts)
