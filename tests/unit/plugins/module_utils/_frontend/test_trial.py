# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed stays live only when the web server's test passes with it, also when the task is killed."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import BrokenRecordError, Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import (
    LONGEST_OUTPUT,
    Verdict,
    parse_command,
    run_test,
)
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.state import bring

from tests.unit.plugins.module_utils._core.test_files import Killed, Killer
from tests.unit.plugins.module_utils._x509.throwaway import Issued

from .conftest import Seal, SetClock, live, tree

Bring = Callable[..., dict[str, Any]]
DEFAULTS = {"state": "present", "bundle": None, "names": None, "owner": None, "group": None, "mode": None}
RECORD = "untested.json"
PENDING = "reload-pending"


@dataclass
class WebServer:
    """Its test refuses some certificates, by what is live when it is run."""

    files: Files
    refused: list[Issued] = field(default_factory=list)
    seen: list[dict[str, bytes | None]] = field(default_factory=list)

    def __call__(self, words: Sequence[str]) -> Verdict:
        assert list(words) == ["/bin/sh", "-c", "test the web server"]
        self.seen.append(live(self.files))
        return Verdict(self.seen[-1] not in [each.files for each in self.refused], "[emerg] key values mismatch")


@pytest.fixture
def server(files: Files) -> WebServer:
    return WebServer(files)


@pytest.fixture
def bundle(sealed: Seal) -> Callable[..., str]:
    def call(shop: Issued, *, mail: Issued | None = None) -> str:
        entries = [shop.entry("shop", "ecdsa-p256"), *([mail.entry("mail", "rsa-2048")] if mail else [])]
        return base64.b64encode(sealed(*entries)).decode()

    return call


@pytest.fixture
def call(files: Files, clock: SetClock, server: WebServer) -> Bring:
    """Bring the frontend into a state, on trial."""

    def bring_with(*, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**DEFAULTS, "path": files.root, "test_command": "/bin/sh -c 'test the web server'", **options}
        return bring(given, check=check, clock=clock, run_test=server)

    return bring_with


def test_what_passes_stays_and_is_tested_once(
    *, call: Bring, files: Files, server: WebServer, bundle: Callable[..., str], shop: Issued, newer: Issued
) -> None:
    for round_number, issued in enumerate((shop, newer, shop), start=1):
        assert call(bundle=bundle(issued))["changed"]
        assert server.seen[-1] == live(files) == issued.files
        assert not call(bundle=bundle(issued))["changed"]
        assert len(server.seen) == round_number
    assert files.names("certificates/shop/ecdsa-p256/generations") == ["0002", "0003"]
    assert files.read(RECORD) is None


def test_what_is_refused_leaves_everything_as_it_was(
    *,
    call: Bring,
    files: Files,
    server: WebServer,
    bundle: Callable[..., str],
    shop: Issued,
    newer: Issued,
    mail: Issued,
) -> None:
    for issued in (newer, shop):
        call(bundle=bundle(issued))
    before = tree(files)
    server.refused.append(newer)
    with pytest.raises(Error) as refused:
        call(bundle=bundle(newer, mail=mail), note_reload=True)
    assert refused.value.message == (
        "The web server's configuration fails its test with the new shop (ecdsa-p256), mail (rsa-2048); "
        "what was live before is live again, with which it passes"
    )
    assert refused.value.details == {"test_output": "[emerg] key values mismatch"}
    assert tree(files) == before
    assert files.names("certificates") == ["shop"]
    assert len(call(state="prepared")["installed"]) == 1


def test_a_certificate_that_had_none_before_is_gone_again(
    call: Bring, files: Files, server: WebServer, bundle: Callable[..., str], shop: Issued
) -> None:
    server.refused.append(shop)
    with pytest.raises(Error, match="fails its test"):
        call(bundle=bundle(shop))
    assert files.names("certificates") == []
    server.refused.clear()
    assert call(bundle=bundle(shop))["changed"]
    assert live(files) == shop.files


def test_a_configuration_that_fails_anyway_is_told_as_that(
    files: Files, clock: SetClock, bundle: Callable[..., str], shop: Issued
) -> None:
    options = {**DEFAULTS, "path": files.root, "bundle": bundle(shop), "test_command": ["/bin/false"]}
    with pytest.raises(Error, match="and it fails with that, too"):
        bring(options, check=False, clock=clock)
    assert files.names("certificates") == []


@pytest.mark.parametrize("kind", ["a folder", "a link elsewhere"])
def test_what_was_no_generation_of_ours_is_put_back(
    *, call: Bring, files: Files, server: WebServer, bundle: Callable[..., str], shop: Issued, kind: str
) -> None:
    folder = Path(files.root, "certificates/shop/ecdsa-p256")
    other = folder / "live" if kind == "a folder" else Path(files.root, "elsewhere")
    other.mkdir(parents=True)
    (other / "privkey.pem").write_text("by hand")
    if kind != "a folder":
        folder.mkdir(parents=True)
        (folder / "live").symlink_to(other)
    server.refused.append(shop)
    with pytest.raises(Error, match="fails its test"):
        call(bundle=bundle(shop))
    assert (folder / "live").is_symlink() == (kind != "a folder")
    assert (folder / "live" / "privkey.pem").read_text() == "by hand"


def test_check_mode_tests_nothing(
    call: Bring, files: Files, server: WebServer, bundle: Callable[..., str], shop: Issued
) -> None:
    before = tree(files)
    found = call(bundle=bundle(shop), check=True, note_reload=True, test_command="/not/there/yet")
    assert (found["changed"], found["reload_pending"]) == (True, True)
    assert server.seen == []
    assert tree(files) == before


def test_killed_anywhere_the_next_task_leaves_nothing_untested(
    *,
    tmp_path: Path,
    recipient_files: dict[str, bytes],
    clock: SetClock,
    bundle: Callable[..., str],
    shop: Issued,
    newer: Issued,
    mail: Issued,
) -> None:
    """Whatever is live when a task has ended was live before, or has passed a test."""
    steps = 0
    for step in range(400):
        files = Files(str(tmp_path / f"frontend{step}"))
        for name, content in recipient_files.items():
            files.write(name, content)
        server = WebServer(files)
        options = {**DEFAULTS, "path": files.root, "test_command": "/bin/sh -c 'test the web server'"}
        bring({**options, "bundle": bundle(shop)}, check=False, clock=clock, run_test=server)
        old = tree(files)
        server.seen.clear()
        with pytest.MonkeyPatch.context() as monkeypatch:
            killer = Killer(monkeypatch, step)
            with contextlib.suppress(Killed):
                bring({**options, "bundle": bundle(newer, mail=mail)}, check=False, clock=clock, run_test=server)
        if not killer.dead:
            break
        steps += 1
        tested = newer.files in server.seen
        after = bring({**options, "state": "prepared"}, check=False, clock=clock, run_test=server)
        if live(files) != shop.files:
            assert tested, step
            assert len(after["installed"]) == 2
        elif not tested:
            assert {name: old[name] for name in old if name != ".lock"} == {
                name: content for name, content in tree(files).items() if name != ".lock"
            }, step
        bring({**options, "bundle": bundle(newer, mail=mail)}, check=False, clock=clock, run_test=server)
        assert live(files) == newer.files
        assert len(files.names("certificates/shop/ecdsa-p256/generations")) == 2
        assert files.read(RECORD) is None
    assert 20 < steps < 399


def test_killed_while_switching_back_the_next_task_ends_it(
    *,
    tmp_path: Path,
    recipient_files: dict[str, bytes],
    clock: SetClock,
    bundle: Callable[..., str],
    shop: Issued,
    newer: Issued,
    mail: Issued,
) -> None:
    for step in range(400):
        files = Files(str(tmp_path / f"frontend{step}"))
        for name, content in recipient_files.items():
            files.write(name, content)
        server = WebServer(files)
        options = {**DEFAULTS, "path": files.root, "test_command": "/bin/sh -c 'test the web server'"}
        bring({**options, "bundle": bundle(shop)}, check=False, clock=clock, run_test=server)
        server.refused.append(newer)
        with pytest.MonkeyPatch.context() as monkeypatch:
            killer = Killer(monkeypatch, step)
            with contextlib.suppress(Killed, Error):
                bring({**options, "bundle": bundle(newer, mail=mail)}, check=False, clock=clock, run_test=server)
        bring({**options, "state": "prepared"}, check=False, clock=clock, run_test=server)
        assert live(files) == shop.files
        assert files.names("certificates") == ["shop"]
        assert files.names("certificates/shop/ecdsa-p256/generations") == ["0001"]
        if not killer.dead:
            break
    assert 20 < step < 399


def test_check_mode_after_a_kill_foresees_that_it_is_delivered_again(
    *, call: Bring, files: Files, clock: SetClock, bundle: Callable[..., str], shop: Issued
) -> None:
    def dying(words: Sequence[str]) -> Verdict:
        raise Killed

    options = {**DEFAULTS, "path": files.root, "bundle": bundle(shop), "test_command": "/bin/true"}
    with pytest.raises(Killed):
        bring(options, check=False, clock=clock, run_test=dying)
    foreseen = call(state="prepared", check=True)
    assert (foreseen["changed"], foreseen["installed"]) == (True, [])
    done = call(state="prepared")
    assert (done["changed"], done["installed"]) == (True, [])
    assert not call(state="prepared")["changed"]


def test_a_record_that_is_broken_is_told(call: Bring, files: Files) -> None:
    files.write(RECORD, b'{"before": [{"name": "shop"}]}')
    with pytest.raises(BrokenRecordError, match="does not say which certificates have not been tested"):
        call(state="prepared")


def test_a_record_can_not_climb_out(call: Bring, files: Files) -> None:
    files.write_json(RECORD, {"before": [{"name": "..", "key_type": "x", "link": None, "other": False, "newest": 0}]})
    with pytest.raises(InputError):
        call(state="prepared")


def test_a_reload_is_pending_until_somebody_says_that_it_was_done(
    *, call: Bring, files: Files, server: WebServer, bundle: Callable[..., str], shop: Issued, newer: Issued
) -> None:
    assert not call(bundle=bundle(shop))["reload_pending"]
    assert call(bundle=bundle(newer), note_reload=True)["reload_pending"]
    assert call(state="prepared")["reload_pending"]
    server.refused.append(shop)
    with pytest.raises(Error, match="fails its test"):
        call(bundle=bundle(shop), note_reload=True)
    # what was noted before is noted still
    assert files.read(PENDING) is not None
    for check, changed in ((True, True), (False, True), (True, False), (False, False)):
        done = call(state="loaded", check=check)
        assert (done["changed"], done["reload_pending"]) == (changed, False)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, []),
        ("", []),
        ("nginx -t", ["nginx", "-t"]),
        ("haproxy -c -f '/etc/my haproxy'", ["haproxy", "-c", "-f", "/etc/my haproxy"]),
        ("nginx -t; reboot", ["nginx", "-t;", "reboot"]),
        (["nginx", "-t"], ["nginx", "-t"]),
    ],
)
def test_a_command_is_words(value: object, words: list[str]) -> None:
    assert parse_command("test_command", value) == words


@pytest.mark.parametrize("value", ["nginx '-t", {"nginx": "-t"}, [["nginx"]], True])
def test_what_is_no_command_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^test_command: "):
        parse_command("test_command", value)


def test_a_program_that_is_not_there_is_told_before_anything_is_switched(
    call: Bring, files: Files, bundle: Callable[..., str], shop: Issued
) -> None:
    with pytest.raises(InputError, match="there is no program nothing-of-this-name on this host"):
        call(bundle=bundle(shop), test_command="nothing-of-this-name -t", note_reload=True)
    assert files.names("certificates") == []
    assert files.read(PENDING) is None


def test_output_is_what_the_command_says_at_its_end() -> None:
    said = run_test(["/bin/sh", "-c", "seq 5000; echo out; echo error >&2; exit 3"])
    assert not said.passed
    assert said.output.endswith("out\nerror")
    assert len(said.output) <= LONGEST_OUTPUT
    assert run_test(["/bin/sh", "-c", "echo fine"]) == Verdict(True, "fine")
    assert "PRIVATE" not in run_test(["/bin/echo", "-----BEGIN PRIVATE KEY-----"]).output
    assert not run_test(["/not/there"]).passed


def is_there(group: int) -> bool:
    """Whether the group has a process."""
    try:
        os.killpg(group, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return True


def test_a_test_that_takes_too_long_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    said = run_test(["/bin/sh", "-c", f"echo $$ >{tmp_path}/pid; sleep 60 & wait"], seconds=0.5)
    assert (said.passed, said.output) == (False, "It took longer than 0.5 seconds.")
    group = int((tmp_path / "pid").read_text())
    # the system takes a moment to clear away what has been ended
    until = time.monotonic() + 20
    while is_there(group) and time.monotonic() < until:
        pass
    assert not is_there(group)
