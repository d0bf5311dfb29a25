# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who on the frontend may read certificates and keys."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from collections.abc import Container
from dataclasses import dataclass

from .._core.errors import InputError, StoreError
from .._core.known import known
from .._core.owner import ROOT, name_of

_OTHERS = 0o007


@dataclass(frozen=True)
class Access:
    """Owner and group (ids, None leaves them as they are) and the mode of files; folders follow from it.

    Whoever may read the files must not be able to change what is in the
    folders: a symbolic link put there would have the next task, which is often
    root's, write to and give away what it leads to. So folders keep their
    owner, and nobody else may write in them.
    """

    user: int | None = None
    group: int | None = None
    mode: int = 0o600

    @property
    def shared(self) -> bool:
        """Whether somebody else than the user that runs the task is to get at the files."""
        return self.user is not None or self.group is not None

    def differs(self, path: str) -> bool:
        """Whether the file or folder is not yet as it should be."""
        found = os.stat(path)
        return (
            stat.S_IMODE(found.st_mode) != self._mode_of(path)
            or self._user_of(path) not in (-1, found.st_uid)
            or self.group not in (None, found.st_gid)
        )

    def apply(self, path: str) -> bool:
        """Make the file or folder as it should be; whether that took a change."""
        try:
            if not self.differs(path):
                return False
            # first the owner: changing it takes bits of the mode away
            os.chown(path, self._user_of(path), -1 if self.group is None else self.group)
            os.chmod(path, self._mode_of(path))
        except OSError as error:
            raise StoreError(f"Can't set owner, group and mode of {path}: {error.strerror}") from error
        return True

    def _mode_of(self, path: str) -> int:
        """The mode for a file, or for a folder with the right to enter for all who may read the files."""
        if not os.path.isdir(path):
            return self.mode
        return 0o700 | (0o050 if self.mode & 0o040 else 0) | (0 if self.user is None else 0o011)

    def _user_of(self, path: str) -> int:
        return -1 if self.user is None or os.path.isdir(path) else self.user


def check_rights(access: Access, user: int, groups: Container[int]) -> None:
    """InputError when a process of this user, with these groups, can't give files this owner or group."""
    if user == ROOT:
        return
    if access.user not in (None, user):
        raise InputError(
            "owner", name_of(known(access.user)), f"can't be given files by user {name_of(user)}: only root can"
        )
    if access.group is not None and access.group not in groups:
        reason = f"is no group of user {name_of(user)}, as whom this runs, and only root can give files to any group"
        raise InputError("group", _group_name(access.group), reason)


def parse_access(owner: str | None, group: str | None, mode: str | None) -> Access:
    """Owner and group by name or number, mode as octal text; InputError names the option."""
    return Access(_find_user(owner), _find_group(group), _parse_mode(mode, group is not None))


def _find_user(name: str | None) -> int | None:
    if name is None or name.isdigit():
        return None if name is None else int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise InputError("owner", name, "is no user of this host") from None


def _find_group(name: str | None) -> int | None:
    if name is None or name.isdigit():
        return None if name is None else int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise InputError("group", name, "is no group of this host") from None


def _group_name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def _parse_mode(text: str | None, for_group: bool) -> int:
    if text is None:
        return 0o640 if for_group else 0o600
    if not re.fullmatch(r"0[0-7]{3}", text):
        # without quotes YAML makes another number of it, which would be taken for a mode
        raise InputError("mode", text, "is no mode of four octal digits in quotes, such as '0640'")
    mode = int(text, 8)
    if mode & _OTHERS:
        raise InputError("mode", text, "would give every user of the host access to private keys")
    if mode & 0o600 != 0o600:
        raise InputError("mode", text, "would keep the owner from reading and replacing the files")
    return mode
