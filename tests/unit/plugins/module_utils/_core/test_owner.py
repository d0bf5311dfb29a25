# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a process of root becomes before it works in a folder."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.owner import (
    ROOT,
    Link,
    Owner,
    _follow,
    choose_user,
    find_owner,
)

COLLECTIONS = Path(__file__).resolve().parents[5] / ".cache" / "collections"
BOB, EVE = 4011, 4012

GIVE_UP = """
import json, os, sys, tempfile
from ansible_collections.certfleet.acme.plugins.module_utils._core.owner import find_owner
find_owner("store", sys.argv[1]).become()
try:
    os.setuid(0)
except PermissionError:
    again = False
else:
    again = True
print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups(), again, os.environ["HOME"]]))
"""

needs_root = pytest.mark.skipif(os.geteuid() != ROOT, reason="only root can give itself up")


@pytest.mark.parametrize(
    ("links", "user", "chosen"),
    [
        pytest.param([], ROOT, None, id="root's own"),
        pytest.param([], None, None, id="not there yet"),
        pytest.param([], BOB, BOB, id="another user's"),
        pytest.param([Link("/srv/store", ROOT)], BOB, BOB, id="through a link of root's"),
        pytest.param([Link("/srv/store", ROOT)], ROOT, None, id="root's own, through a link of root's"),
        pytest.param([Link("/home/bob/store", BOB), Link("/x", ROOT)], BOB, BOB, id="through a link of the same user"),
    ],
)
def test_the_owner_of_the_folder_is_chosen(links: list[Link], user: int | None, chosen: int | None) -> None:
    assert choose_user("store", "/srv/store", links, user) == chosen


@pytest.mark.parametrize("user", [ROOT, BOB, None])
def test_a_link_of_a_third_user_is_not_followed(user: int | None) -> None:
    links = [Link("/srv", ROOT), Link("/tmp/store", EVE)]
    with pytest.raises(InputError) as refused:
        choose_user("store", "/srv/store", links, user)
    assert refused.value.details["option"] == "store"
    assert "'/srv/store' leads through /tmp/store, a link of user number 4012" in refused.value.message


def test_every_link_on_the_way_is_seen(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "back").symlink_to("../real/inner")
    links, found = _follow(f"{tmp_path}/first//./back/../inner")
    names = ["first", "second", "real/back"]
    assert [link.path for link in links] == [str(tmp_path / name) for name in names]
    assert found is not None
    assert os.path.samestat(found, (tmp_path / "real" / "inner").stat())


def test_a_relative_path_begins_where_the_process_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path)
    _links, found = _follow("store")
    assert found is not None
    assert os.path.samestat(found, (tmp_path / "store").stat())


def test_what_is_not_there_has_no_owner(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    # a link is followed only if it is root's, as these are when root runs the test
    links = ("dangling", "circle") if os.geteuid() == ROOT else ()
    for name in ("new", "new/newer", "file/below", *links):
        assert find_owner("store", str(tmp_path / name)) is None or os.geteuid() != ROOT
        assert _follow(str(tmp_path / name))[1] is None


def test_a_user_goes_on_with_the_groups_that_it_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user, done = pwd.getpwuid(os.getuid()), list[tuple[str, object]]()
    monkeypatch.setattr(os, "initgroups", lambda name, group: done.append(("initgroups", (name, group))))
    monkeypatch.setattr(os, "setgroups", lambda groups: done.append(("setgroups", groups)))
    monkeypatch.setattr(os, "setgid", lambda group: done.append(("setgid", group)))
    monkeypatch.setattr(os, "setuid", lambda number: done.append(("setuid", number)))
    monkeypatch.setattr(os, "environ", {})
    Owner(user.pw_uid, user.pw_gid, user.pw_name, user.pw_dir).become()
    assert done == [("initgroups", (user.pw_name, user.pw_gid)), ("setgid", user.pw_gid), ("setuid", user.pw_uid)]
    done.clear()
    Owner(BOB, EVE).become()
    assert done == [("setgroups", [EVE]), ("setgid", EVE), ("setuid", BOB)]
    assert os.environ == {"HOME": "/", "USER": "number 4011", "LOGNAME": "number 4011"}


@needs_root
@pytest.mark.parametrize("user", ["nobody", None])
def test_root_is_given_up_for_good(tmp_path: Path, user: str | None) -> None:
    owner = pwd.getpwnam(user) if user else None
    number, group = (owner.pw_uid, owner.pw_gid) if owner else (BOB, EVE)
    os.chown(tmp_path, number, EVE)
    command = [sys.executable, "-c", GIVE_UP, str(tmp_path)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    )
    users, groups, others, again, home = json.loads(done.stdout)
    assert (users, groups) == ([number] * 3, [group] * 3)
    assert others == [group]
    assert not again
    assert home == (owner.pw_dir if owner else "/")
