# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into an archive of the store, and the little that comes out of a hostile one."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._store import archive
from hypothesis import given
from hypothesis import strategies as st

LIVE = "certificates/shop/ecdsa-p256/live"
GENERATION = "certificates/shop/ecdsa-p256/generations/0001"
NAMES = st.one_of(
    st.sampled_from(
        ["a", "a/b", "/etc/x", "../x", "a/../../x", "a//./b", ".", "", LIVE, f"{LIVE}/x", "\udcff", "x\0y"]
    ),
    st.text(max_size=8),
)
KINDS = (
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.FIFOTYPE,
    b"S",
    b"Z",
)
MEMBERS = st.lists(
    st.tuples(NAMES, st.sampled_from(KINDS), st.sampled_from(["", "/etc", "../..", "generations/0001", "a"])),
    max_size=6,
)


def pack(store: Path) -> tuple[bytes, archive.Contents]:
    stream = io.BytesIO()
    contents = archive.pack(str(store), stream, "store made today")
    return stream.getvalue(), contents


def make(*members: tuple[str, bytes, str], content: bytes = b"content", mode: int = 0o4777) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode, info.uid = kind, link, mode, 0
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def unpack(content: bytes, target: Path) -> archive.Contents:
    target.mkdir(mode=0o700)
    return archive.unpack(io.BytesIO(content), str(target))


def kinds(folder: Path) -> Sequence[tuple[str, int]]:
    """What is in a folder: path, type and mode."""
    return sorted((str(path.relative_to(folder)), path.lstat().st_mode) for path in folder.rglob("*"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a certificate."""
    store = tmp_path / "store"
    (store / GENERATION).mkdir(parents=True, mode=0o755)
    (store / GENERATION / "privkey.pem").write_bytes(b"key")
    (store / LIVE).symlink_to("generations/0001")
    (store / ".lock").touch()
    return store


def test_a_store_comes_back_with_its_links_and_private_modes(store: Path, tmp_path: Path) -> None:
    content, packed = pack(store)
    unpacked = unpack(content, tmp_path / "back")
    assert (packed.files, packed.size, unpacked.files, unpacked.size) == (1, 3, 1, 3)
    assert unpacked.note == "store made today"
    assert (packed.left_out, unpacked.left_out) == ([], [])
    assert (tmp_path / "back" / LIVE / "privkey.pem").read_bytes() == b"key"
    assert os.readlink(tmp_path / "back" / LIVE) == "generations/0001"
    assert {stat.S_IMODE(mode) for path, mode in kinds(tmp_path / "back") if path != LIVE} == {0o700, 0o600}
    assert not (tmp_path / "back" / ".lock").exists()


def test_what_is_no_part_of_a_store_is_left_out_and_told(store: Path) -> None:
    (store / "accounts").mkdir()
    os.mkfifo(store / "accounts" / "pipe")
    (store / "accounts" / "link").symlink_to("/etc/passwd")
    (store / "certificates" / "elsewhere").symlink_to("/srv")
    content, packed = pack(store)
    assert packed.left_out == ["accounts/link", "accounts/pipe", "certificates/elsewhere"]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert not {"accounts/link", "accounts/pipe"} & set(tar.getnames())


def test_modes_owners_and_kinds_of_an_archive_count_for_nothing(tmp_path: Path) -> None:
    members = [("shell", tarfile.REGTYPE, ""), ("null", tarfile.CHRTYPE, ""), ("pipe", tarfile.FIFOTYPE, "")]
    unpacked = unpack(make(*members, ("hard", tarfile.LNKTYPE, "shell")), tmp_path / "back")
    assert kinds(tmp_path / "back") == [("shell", stat.S_IFREG | 0o600)]
    assert unpacked.left_out == ["null", "pipe", "hard"]


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "a/.."])
def test_a_path_out_of_the_store_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(Error, match="leads out of the store"):
        unpack(make((path, tarfile.REGTYPE, "")), tmp_path / "back")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("link", ["/etc", "../../../..", "generations/../../x", "generations"])
def test_a_link_that_is_not_the_stores_is_left_out(tmp_path: Path, link: str) -> None:
    assert unpack(make((LIVE, tarfile.SYMTYPE, link)), tmp_path / "back").left_out == [LIVE]
    assert kinds(tmp_path / "back") == []


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    members = [(f"{GENERATION}/x", tarfile.REGTYPE, ""), (LIVE, tarfile.SYMTYPE, "generations/0001")]
    with pytest.raises(Error, match=r"live' twice, or both as a file and as a folder"):
        unpack(make(*members, (f"{LIVE}/x", tarfile.REGTYPE, "")), tmp_path / "back")


def test_a_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Error, match="'a' twice"):
        unpack(make(("a", tarfile.REGTYPE, ""), ("./a", tarfile.REGTYPE, "")), tmp_path / "back")


def test_what_is_larger_than_a_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_STORE", 10)
    with pytest.raises(Error, match="too large"):
        unpack(make(("a", tarfile.REGTYPE, ""), ("b", tarfile.REGTYPE, "")), tmp_path / "one")
    monkeypatch.setattr(archive, "MOST_MEMBERS", 1)
    with pytest.raises(Error, match="more than 1 files"):
        unpack(make(("a", tarfile.DIRTYPE, ""), ("b", tarfile.DIRTYPE, "")), tmp_path / "two")


@pytest.mark.parametrize("cut", [0, 100, 600, 700])
def test_an_archive_that_was_cut_off_is_refused(store: Path, tmp_path: Path, cut: int) -> None:
    (store / GENERATION / "chain.pem").write_bytes(b"x" * 5000)
    content, _packed = pack(store)
    end = content.index(b"x" * 100)
    with pytest.raises(Error, match="no archive of a store, or it is damaged"):
        unpack(content[: end + cut] if cut else b"no archive" * 200, tmp_path / "back")


@given(MEMBERS, st.binary(max_size=600), st.integers(0, 20))
def test_no_archive_reaches_beyond_its_folder(members: list[tuple[str, bytes, str]], noise: bytes, place: int) -> None:
    try:
        content = make(*members)
    except (ValueError, tarfile.TarError):
        return
    content = content[: place * 100] + noise + content[place * 100 + len(noise) :]
    with tempfile.TemporaryDirectory() as folder:
        with suppress(Error):
            unpack(content, Path(folder) / "back")
        assert os.listdir(folder) == ["back"]
        for path, mode in kinds(Path(folder) / "back"):
            link = stat.S_ISLNK(mode) and path.endswith("/live")
            assert link or mode in {stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700}
