# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving up root for the user that a folder belongs to.

What root wrote into somebody else's folder, that user could no longer change; and a link that the user has put
there would have root write to what it leads to.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import InputError, StoreError

ROOT = 0
_MOST_LINKS = 40


@dataclass(frozen=True)
class Link:
    """A symbolic link on the way to a folder, and the number of the user that has put it there."""

    path: str
    user: int


@dataclass(frozen=True)
class Owner:
    """The user that a folder belongs to, and the group to go on with; ``name`` is None for a user without one."""

    user: int
    group: int
    name: str | None = None
    home: str = "/"

    @property
    def label(self) -> str:
        """The user, for messages."""
        return self.name or f"number {self.user}"

    def become(self) -> None:
        """Be this user from now on, for good; StoreError when the process may not."""
        try:
            if self.name is None:
                os.setgroups([self.group])
            else:
                os.initgroups(self.name, self.group)
            os.setgid(self.group)
            os.setuid(self.user)
        except OSError as error:
            raise StoreError(f"Can't go on as user {self.label}: {error.strerror}") from error
        # what is read from a home, or made in a folder for temporary files, must not be root's
        os.environ.update(HOME=self.home, USER=self.label, LOGNAME=self.label)
        tempfile.tempdir = None


def find_owner(option: str, folder: str) -> Owner | None:
    """Whom a process of root has to become before it works in the folder, or None for a folder of root or of nobody.

    InputError for the option when the way to the folder leads through a link that root must not follow.
    """
    links, found = _follow(folder)
    user = choose_user(option, folder, links, None if found is None else found.st_uid)
    if user is None or found is None:
        return None
    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        return Owner(user, found.st_gid)
    return Owner(user, entry.pw_gid, entry.pw_name, entry.pw_dir)


def choose_user(option: str, folder: str, links: Iterable[Link], user: int | None) -> int | None:
    """The user to become, or None to stay root; ``user`` has the folder, and is None when there is no folder yet.

    A link says where to work, so it is believed only when it is root's, or of the user that has the folder anyway.
    """
    for link in links:
        if link.user not in (ROOT, user):
            whose = f"leads through {link.path}, a link of user {name_of(link.user)}"
            raise InputError(
                option, folder, f"{whose}, which root does not follow into a folder that is somebody else's"
            )
    return None if user in (ROOT, None) else user


def name_of(user: int) -> str:
    """The name of a user, or the number of one without a name."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"number {user}"


def _follow(path: str) -> tuple[list[Link], os.stat_result | None]:
    """The links on the way, and what is at its end, or None when there is nothing or it can't be seen."""
    links: list[Link] = []
    done, todo = "/", os.path.join(os.getcwd(), path).split("/")
    found = None
    while todo and len(links) <= _MOST_LINKS:
        step = os.path.normpath(os.path.join(done, todo.pop(0)))
        try:
            found = os.lstat(step)
            if not stat.S_ISLNK(found.st_mode):
                done = step
                continue
            links.append(Link(step, found.st_uid))
            target = os.readlink(step)
        except OSError:
            # whoever works there says what is wrong
            return links, None
        todo = target.split("/") + todo
        if target.startswith("/"):
            done = "/"
    return links, None if todo else found
