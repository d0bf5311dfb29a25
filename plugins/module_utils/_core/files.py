# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that survives being cut off at any moment.

All state of the collection is written through this one small interface, so
that something else than a folder can stand in its place.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from .document import is_text, parse_document
from .errors import BrokenRecordError, StoreError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
UNFINISHED = ".new-"


class Files:
    """A folder (0700) of small private files (0600); paths are relative, with ``/``.

    A file is written beside its place, synchronised to disk and renamed, so a
    reader sees the old content or the new, never half of one.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def path(self, relative: str) -> str:
        """The absolute path of a relative one."""
        return os.path.join(self.root, relative)

    def read(self, relative: str) -> bytes | None:
        """The content, or None when there is no such file."""
        try:
            with open(self.path(relative), "rb") as stream:
                return stream.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused("read", self.path(relative), error) from error

    def has_content(self, relative: str) -> bool:
        """Whether there is such a file, and something in it."""
        try:
            return os.stat(self.path(relative)).st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _refused("read", self.path(relative), error) from error

    def write(self, relative: str, content: bytes, mode: int = FILE_MODE) -> None:
        """Put the content there, whole, and durable when this returns."""
        path = self.path(relative)
        folder = os.path.dirname(path)
        self.make_folder(os.path.dirname(relative))
        try:
            handle, temporary = tempfile.mkstemp(prefix=UNFINISHED, dir=folder)
            try:
                with os.fdopen(handle, "wb") as stream:
                    os.fchmod(handle, mode)
                    stream.write(content)
                    stream.flush()
                    os.fsync(handle)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
            _sync_folder(folder)
        except OSError as error:
            raise _refused("write", path, error) from error

    def write_set(self, relative: str, contents: Mapping[str, bytes]) -> None:
        """Fill a folder that nobody reads yet: all files, then durable, without renaming each."""
        self.make_folder(os.path.dirname(relative))
        path = self.path(relative)
        try:
            # made here, since make_folder would make it durable before there is anything in it
            os.makedirs(path, FOLDER_MODE, exist_ok=True)
            os.chmod(path, FOLDER_MODE)
            for name, content in contents.items():
                handle = os.open(os.path.join(path, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
                with os.fdopen(handle, "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(handle)
            _sync_folder(path)
            _sync_folder(os.path.dirname(path))
        except OSError as error:
            raise _refused("write", path, error) from error

    def make_folder(self, relative: str) -> None:
        """Make the folder and those above it, private to the user."""
        path = self.path(relative) if relative else self.root
        if os.path.isdir(path):
            return
        if relative:
            self.make_folder(os.path.dirname(relative))
        try:
            os.makedirs(path, FOLDER_MODE, exist_ok=True)
            os.chmod(path, FOLDER_MODE)
            # a folder that a power cut takes away takes along what was written into it
            _sync_folder(os.path.dirname(os.path.abspath(path)))
        except OSError as error:
            raise _refused("make", path, error) from error

    def rename(self, relative: str, other: str) -> None:
        """Let a file take the place of another in the same folder, in one step."""
        try:
            os.replace(self.path(relative), self.path(other))
            _sync_folder(os.path.dirname(self.path(other)))
        except OSError as error:
            raise _refused("rename", self.path(relative), error) from error

    def set_aside(self, relative: str) -> bool:
        """Give what is of no use the name ``….broken``, in the place of an earlier one; whether it was there."""
        aside = f"{relative}.broken"
        if not os.path.lexists(self.path(relative)):
            return False
        if os.path.isdir(self.path(aside)) and not os.path.islink(self.path(aside)):
            self.remove_tree(aside)
        self.rename(relative, aside)
        return True

    def remove(self, relative: str) -> bool:
        """Take the file away; whether there was one."""
        try:
            os.unlink(self.path(relative))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _refused("remove", self.path(relative), error) from error
        return True

    def remove_folder(self, relative: str) -> None:
        """Take an empty folder away, if it is there."""
        try:
            os.rmdir(self.path(relative))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _refused("remove", self.path(relative), error) from error

    def remove_tree(self, relative: str) -> None:
        """Take a folder away with all that is in it, if it is there; links in it are not followed."""
        try:
            shutil.rmtree(self.path(relative))
        except FileNotFoundError:
            return
        except OSError as error:
            raise _refused("remove", self.path(relative), error) from error

    def sweep(self, relative: str) -> None:
        """Take away what a process that was killed while it wrote has left in a folder.

        Only for who holds the lock: the file could be the one that another process is writing.
        """
        try:
            leftovers = [name for name in os.listdir(self.path(relative)) if name.startswith(UNFINISHED)]
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _refused("list", self.path(relative), error) from error
        for name in leftovers:
            self.remove(f"{relative}/{name}" if relative else name)

    def names(self, relative: str = "") -> list[str]:
        """What a folder holds, sorted, without files still being written and names that are no text."""
        try:
            found = os.listdir(self.path(relative) if relative else self.root)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _refused("list", self.path(relative), error) from error
        return sorted(name for name in found if not name.startswith(".") and is_text(name))

    def link_target(self, relative: str) -> str | None:
        """Where a symbolic link points, as it is written, or None when there is none."""
        try:
            return os.readlink(self.path(relative))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.EINVAL:  # something else than a link
                return None
            raise _refused("read the link", self.path(relative), error) from error

    def switch_link(self, relative: str, target: str) -> None:
        """Make a symbolic link point elsewhere, in one step."""
        path = self.path(relative)
        temporary = os.path.join(os.path.dirname(path), f"{UNFINISHED}{os.path.basename(path)}-{os.getpid()}")
        try:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            os.symlink(target, temporary)
            os.replace(temporary, path)
            _sync_folder(os.path.dirname(path))
        except OSError as error:
            raise _refused("switch the link", path, error) from error

    def read_json(self, relative: str) -> dict[str, Any] | None:
        """The JSON object in a file, or None when there is no such file; BrokenRecordError when it is none."""
        content = self.read(relative)
        if content is None:
            return None
        try:
            value = parse_document(content)
        except ValueError as error:
            raise BrokenRecordError(f"The file {self.path(relative)} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise BrokenRecordError(f"The file {self.path(relative)} holds no JSON object")
        return value

    def write_json(self, relative: str, value: dict[str, Any]) -> None:
        """Put a JSON object there, readable by people, too."""
        self.write(relative, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def _sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused(doing: str, path: str, error: OSError) -> StoreError:
    return StoreError(f"Can't {doing} {path}: {error.strerror or error}")
