# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that survives being cut off at any moment."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import StoreError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._core.generations import Generations
from hypothesis import given
from hypothesis import strategies as st

OLD = {"privkey.pem": b"old key", "cert.pem": b"old certificate"}
NEW = {"privkey.pem": b"new key", "cert.pem": b"new certificate"}
OPERATIONS = ("mkdir", "open", "replace", "symlink", "fsync", "unlink", "rmdir")
"""What of the operating system's changes a folder, or makes the change durable."""


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it and goes on."""


class Killer:
    """Ends the process before the operation of this number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        self.dead = False
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if self.left == 0:
                # a process that is dead doesn't clean up either
                self.dead = True
                raise Killed
            self.left -= 1
            return operation(*arguments, **more)

        return call


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


def test_what_was_written_is_read_and_private(files: Files) -> None:
    files.write("a/b/key.pem", b"secret")
    assert files.read("a/b/key.pem") == b"secret"
    assert stat.S_IMODE(os.stat(files.path("a/b/key.pem")).st_mode) == 0o600
    for folder in ("", "a", "a/b"):
        assert stat.S_IMODE(os.stat(files.path(folder)).st_mode) == 0o700


def test_privacy_does_not_depend_on_the_umask(files: Files) -> None:
    before = os.umask(0)
    try:
        files.write("a/key.pem", b"secret")
        files.write_set("b", {"key.pem": b"secret"})
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(files.path(path)).st_mode) for path in ("a", "b", "a/key.pem", "b/key.pem")]
    assert modes == [0o700, 0o700, 0o600, 0o600]


def test_missing_files_folders_and_links_are_no_error(files: Files) -> None:
    files.write("file", b"")
    assert files.read("nothing") is None
    assert files.read("file/below") is None
    assert files.read_json("nothing") is None
    assert files.names("nothing") == []
    assert files.names("file") == []
    assert files.link_target("nothing") is None
    assert not files.remove("nothing")
    files.remove_folder("nothing")
    files.remove_tree("nothing")
    files.sweep("nothing")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_a_broken_record_is_told_with_its_path(files: Files, content: bytes) -> None:
    files.write("state.json", content)
    with pytest.raises(StoreError, match=r"state\.json"):
        files.read_json("state.json")


def test_records_come_back_as_they_were(files: Files) -> None:
    record = {"name": "prüfung", "numbers": [1, None, 2.5], "deep": {"a": True}}
    files.write_json("record.json", record)
    assert files.read_json("record.json") == record


@pytest.mark.parametrize(
    ("sentence", "call"),
    [
        ("write", lambda files: files.write("folder", b"")),
        ("read", lambda files: files.read("folder")),
        ("remove", lambda files: files.remove_folder("folder")),
        ("rename", lambda files: files.rename("nothing", "other")),
        ("make", lambda files: files.make_folder("folder/file/below")),
    ],
)
def test_what_the_system_refuses_is_one_sentence_with_the_path(
    files: Files, sentence: str, call: Callable[[Files], object]
) -> None:
    files.write("folder/file", b"")
    with pytest.raises(StoreError) as refused:
        call(files)
    assert refused.value.message.startswith(f"Can't {sentence} {files.root}")
    assert "\n" not in refused.value.message


def test_a_failed_write_leaves_no_file_of_its_own(files: Files) -> None:
    files.write("folder/file", b"")
    with pytest.raises(StoreError):
        files.write("folder", b"")
    assert os.listdir(files.root) == ["folder"]


def test_sweeping_takes_only_what_was_never_finished(files: Files) -> None:
    files.write("kept", b"")
    files.write(".lock", b"")
    files.write(".new-abc", b"half a key")
    files.sweep("")
    assert sorted(os.listdir(files.root)) == [".lock", "kept"]


def test_removing_a_tree_does_not_follow_links(files: Files, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    files.write("tree/file", b"")
    files.switch_link("tree/link", str(outside))
    files.remove_tree("tree")
    assert (outside / "file").exists()
    assert files.names() == []


def test_a_new_generation_takes_the_place_of_the_old_one(files: Files) -> None:
    generations = Generations(files, "certificates/shop/rsa-2048")
    assert generations.live() is None
    assert generations.read("cert.pem") is None
    assert generations.add(OLD) == 1
    assert generations.add(NEW) == 2
    assert generations.live() == 2
    assert generations.read_set(NEW) == NEW
    assert generations.numbers() == [1, 2]
    assert generations.add(OLD) == 3
    assert generations.numbers() == [2, 3]


def test_a_reader_keeps_to_one_generation_while_another_is_switched_to(files: Files) -> None:
    generations = Generations(files, "shop")
    generations.add(OLD)

    class Slow(Files):
        """A reader that is overtaken between two files."""

        def read(self, relative: str) -> bytes | None:
            content = super().read(relative)
            if generations.live() == 1:
                generations.add(NEW)
            return content

    assert Generations(Slow(files.root), "shop").read_set(OLD) == OLD
    assert generations.live() == 2


def test_an_unfinished_generation_does_not_push_out_the_last_good_one(files: Files) -> None:
    generations = Generations(files, "shop")
    generations.add(OLD)
    files.write("shop/generations/0002/privkey.pem", b"cut off here")
    assert generations.live() == 1
    generations.add(NEW)
    assert [files.read(f"{generations.path_of(number)}/cert.pem") for number in generations.numbers()] == [
        OLD["cert.pem"],
        NEW["cert.pem"],
    ]


def test_a_link_made_by_hand_is_replaced(files: Files) -> None:
    generations = Generations(files, "shop")
    generations.add(OLD)
    files.switch_link("shop/live", "elsewhere")
    assert generations.live() is None
    generations.add(NEW)
    assert generations.read_set(NEW) == NEW


def test_a_hidden_file_in_an_old_generation_does_not_hold_up_the_switch(files: Files) -> None:
    generations = Generations(files, "shop")
    generations.add(OLD)
    files.write("shop/generations/0001/.cert.pem.swp", b"")
    generations.add(NEW)
    generations.add(OLD)
    assert generations.numbers() == [2, 3]


def test_what_is_to_happen_before_the_switch_happens_before_it(files: Files) -> None:
    generations = Generations(files, "shop")
    generations.add(OLD)
    seen: list[tuple[str, int | None]] = []
    generations.add(NEW, before_switch=lambda path: seen.append((path, generations.live())))
    assert seen == [("shop/generations/0002", 1)]


def test_killed_at_any_step_a_whole_generation_is_live(tmp_path: Path) -> None:
    for step in range(200):
        files = Files(str(tmp_path / f"store{step}"))
        generations = Generations(files, "shop")
        for contents in (OLD, OLD):
            generations.add(contents)
        with pytest.MonkeyPatch.context() as monkeypatch:
            killer = Killer(monkeypatch, step)
            with contextlib.suppress(Killed):
                generations.add(NEW)
        assert generations.read_set(OLD) in (OLD, NEW), step
        if not killer.dead:
            break
        # and the next run has no trouble with what was left
        generations.add(NEW)
        assert generations.read_set(NEW) == NEW
        assert not [name for name in os.listdir(files.path("shop")) if name.startswith(".new")]
        assert len(generations.numbers()) == 2
    else:
        raise AssertionError("the step that finishes was never reached")
    assert step > 15


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(0, 12))
def test_killed_at_any_step_a_file_is_the_old_one_or_the_new_one(
    tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes, step: int
) -> None:
    files = Files(str(tmp_path_factory.mktemp("store")))
    files.write("a/file", old)
    with pytest.MonkeyPatch.context() as monkeypatch:
        killer = Killer(monkeypatch, step)
        with contextlib.suppress(Killed):
            files.write("a/file", new)
    assert files.read("a/file") in ((old, new) if killer.dead else (new,))
    assert files.names("a") == ["file"]


def test_what_is_no_link_has_no_target(files: Files) -> None:
    files.write("folder/file", b"")
    assert files.link_target("folder/file") is None
    assert files.link_target("folder") is None
    assert files.link_target("folder/file/below") is None


def test_what_is_set_aside_takes_the_place_of_what_was_set_aside_before(files: Files) -> None:
    assert not files.set_aside("state.json")
    for content in (b"first", b"second"):
        files.write("state.json", content)
        assert files.set_aside("state.json")
    assert files.read("state.json") is None
    assert files.read("state.json.broken") == b"second"
    files.write("state.json.broken.d/file", b"")
    files.rename("state.json.broken", "other")
    files.rename("state.json.broken.d", "state.json.broken")
    files.write("state.json", b"third")
    files.set_aside("state.json")
    assert files.read("state.json.broken") == b"third"


@pytest.mark.parametrize(
    "target", ["../elsewhere/generations/0001", "/generations/0001", "generations/0001/..", "1", ""]
)
def test_a_link_that_leads_elsewhere_leads_to_no_generation(files: Files, target: str) -> None:
    generations = Generations(files, "shop")
    generations.add(OLD)
    os.unlink(files.path("shop/live"))
    os.symlink(target or ".", files.path("shop/live"))
    assert generations.live() is None
    assert generations.read("cert.pem") is None
    generations.switch(1)
    assert generations.read("cert.pem") == OLD["cert.pem"]


def test_a_folder_in_the_place_of_the_link_is_set_aside_by_the_next_switch(files: Files) -> None:
    """As it is after a copy that was made without links."""
    generations = Generations(files, "shop")
    generations.add(OLD)
    os.unlink(files.path("shop/live"))
    files.write("shop/live/cert.pem", OLD["cert.pem"])
    assert generations.live() is None
    assert generations.add(NEW) == 2
    assert generations.read_set(NEW) == NEW
    assert files.read("shop/live.broken/cert.pem") == OLD["cert.pem"]
