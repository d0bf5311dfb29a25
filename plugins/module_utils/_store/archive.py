# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store as one tar archive, and a store out of one.

An archive may come from an attacker. So it says only which files and folders there are and what is in them: modes are ours, nothing is
executable, belongs to somebody or is a device, and no path or link leaves the store.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from .._core.errors import Error, StoreError
from .._core.files import FILE_MODE, FOLDER_MODE, Files
from .._core.generations import FOLDER, LIVE
from .._core.lock import LOCK
from .._core.plain import cut, plain, quote

LARGEST_FILE = 64 * 1024**2
LARGEST_STORE = 4 * 1024**3
MOST_MEMBERS = 1_000_000
_CHUNK = 1024**2
_LIVE = re.compile(rf"certificates/[^/]+/[^/]+/{LIVE}")
_GENERATION = re.compile(rf"{FOLDER}/[0-9]+")
# what tarfile raises of archives that are none
_BROKEN = (tarfile.TarError, ValueError, ArithmeticError, LookupError, EOFError, RecursionError)


@dataclass
class Contents:
    """What went into an archive or came out of it; ``left_out`` names what is no file, folder or link of the store."""

    note: str = ""
    files: int = 0
    size: int = 0
    left_out: list[str] = field(default_factory=list)


def is_own_link(path: str, target: str) -> bool:
    """Whether a symbolic link is one that the store makes: ``live`` of a certificate, to one of its generations."""
    return bool(_LIVE.fullmatch(path) and _GENERATION.fullmatch(target))


def pack(root: str, stream: IO[bytes], note: str = "") -> Contents:
    """Write the store as a tar archive with a note, such as when it was made; StoreError when a file can't be read.

    For who holds the lock.
    """
    contents = Contents(note)
    headers = {"comment": note} if note else {}
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        for path in _paths(root):
            try:
                _add(tar, root, path, contents)
            except OSError as error:
                raise StoreError(f"Can't read {os.path.join(root, path)}: {error.strerror or error}") from error
    return contents


def unpack(stream: IO[bytes], target: str) -> Contents:
    """Fill an empty folder, which nobody else can enter, from a tar archive; what came of it.

    Error when the archive is broken or too large, or names a file twice or outside of the folder.
    """
    files, contents, links, members = Files(target), Contents(), {}, 0
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                contents.note = contents.note or plain(cut(tar.pax_headers.get("comment", "")))
                members += 1
                if members > MOST_MEMBERS:
                    raise Error(f"The backup holds more than {MOST_MEMBERS} files and folders")
                path = _checked(member.name)
                if member.issym() and is_own_link(path, member.linkname):
                    links[path] = member.linkname
                else:
                    _take(tar, member, path, files, contents)
    except _BROKEN as error:
        raise Error(f"What the backup holds is no archive of a store, or it is damaged: {error}") from error
    # links come last, so that no file is written through a link
    for path, destination in links.items():
        files.make_folder(posixpath.dirname(path))
        with _writing(path):
            os.symlink(destination, files.path(path))
    # what took the place of a store has to outlast a power cut
    os.sync()
    return contents


def _paths(root: str) -> Iterator[str]:
    """All that is in the store, relative to it: each folder before what is in it, links not followed."""

    def refuse(error: OSError) -> None:
        raise StoreError(f"Can't list {error.filename}: {error.strerror}") from error

    for folder, folders, files in os.walk(root, onerror=refuse):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = os.path.relpath(os.path.join(folder, name), root)
            if path != LOCK:
                yield path


def _add(tar: tarfile.TarFile, root: str, path: str, contents: Contents) -> None:
    full = os.path.join(root, path)
    info = tarfile.TarInfo(path)
    status = os.lstat(full)
    info.mtime = int(status.st_mtime)
    if stat.S_ISDIR(status.st_mode):
        info.type, info.mode = tarfile.DIRTYPE, FOLDER_MODE
        tar.addfile(info)
    elif stat.S_ISLNK(status.st_mode) and is_own_link(path, os.readlink(full)):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(full)
        tar.addfile(info)
    elif stat.S_ISREG(status.st_mode):
        # the file could have become a link or a pipe meanwhile
        handle = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            info.size, info.mode = os.fstat(handle).st_size, FILE_MODE
            _account(contents, info)
            tar.addfile(info, stream)
    else:
        contents.left_out.append(plain(path))


def _checked(name: str) -> str:
    """The path of a member, relative to the store; Error for a path that leads out of it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Error(f"The backup has the path {quote(name)}, which leads out of the store")
    return "/".join(parts)


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, files: Files, contents: Contents) -> None:
    if member.isdir():
        files.make_folder(path)
        return
    source = tar.extractfile(member) if member.isreg() and not member.issparse() and path else None
    if source is None:
        contents.left_out.append(plain(path))
        return
    _account(contents, member)
    files.make_folder(posixpath.dirname(path))
    with _writing(path):
        handle = os.open(
            files.path(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE
        )
        with os.fdopen(handle, "wb") as stream:
            while chunk := source.read(_CHUNK):
                stream.write(chunk)


def _account(contents: Contents, member: tarfile.TarInfo) -> None:
    """Count a file; Error when it, or all together, is larger than a store can be."""
    contents.files += 1
    contents.size += member.size
    if not 0 <= member.size <= LARGEST_FILE or contents.size > LARGEST_STORE:
        most = f"{LARGEST_FILE // 1024**2} MiB in a file and {LARGEST_STORE // 1024**3} GiB in all"
        raise Error(f"{quote(member.name)} is too large: a backup holds at most {most}")


@contextmanager
def _writing(path: str) -> Iterator[None]:
    """Turn what the system refuses while this path is written into an Error."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise Error(f"The backup has {quote(path)} twice, or both as a file and as a folder") from error
    except OSError as error:
        raise StoreError(f"Can't write {quote(path)}: {error.strerror or error}") from error
