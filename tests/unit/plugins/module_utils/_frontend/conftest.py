# SPDX-License-Identifier: GPL-3.0-or-later
"""A frontend with a recipient key, and certificates for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.command import run_openssl
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Change, Frontend
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl
from ansible_collections.certfleet.acme.plugins.module_utils._x509.bundle import Entry, pack, seal

from tests.unit.plugins.module_utils._x509.throwaway import Authority, Issued, present

Seal = Callable[..., bytes]
FILES = ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"]


class SetClock:
    """A clock that stands at a time."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        raise AssertionError("nothing on a frontend waits")

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing on a frontend waits")


class Recorded:
    """The real command, and what it was called with."""

    def __init__(self) -> None:
        self.arguments: list[list[str]] = []

    def __call__(self, arguments: list[str], stdin: bytes) -> tuple[int, bytes, bytes]:
        self.arguments.append(arguments)
        return run_openssl(arguments, stdin)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority(present())


@pytest.fixture
def clock(authority: Authority) -> SetClock:
    return SetClock(authority.now)


@pytest.fixture
def command() -> Recorded:
    return Recorded()


@pytest.fixture(scope="session")
def recipient_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One recipient for all tests, because its key takes a moment to make."""
    files = Files(str(tmp_path_factory.mktemp("recipient")))
    Frontend(files, OpenSsl(run_openssl), SetClock(present())).prepare()
    return {name: files.read(name) or b"" for name in ("recipient/privkey.pem", "recipient/cert.pem")}


@pytest.fixture
def files(tmp_path: Path, recipient_files: dict[str, bytes]) -> Files:
    files = Files(str(tmp_path / "certfleet"))
    for name, content in recipient_files.items():
        files.write(name, content)
    return files


@pytest.fixture
def frontend(files: Files, command: Recorded, clock: SetClock) -> Frontend:
    return Frontend(files, OpenSsl(command), clock)


@pytest.fixture
def sealed(recipient_files: dict[str, bytes], clock: SetClock) -> Seal:
    """Certificates, sealed for the frontend at this time."""

    def call(*entries: Entry) -> bytes:
        recipient = recipient_files["recipient/cert.pem"]
        return seal(recipient, pack(entries, recipient, clock.now()))

    return call


@pytest.fixture(scope="session")
def shop(authority: Authority) -> Issued:
    return authority.issue("shop.example", "*.shop.example", "192.0.2.1", "2001:db8::1")


@pytest.fixture(scope="session")
def newer(authority: Authority) -> Issued:
    return authority.issue("shop.example", "*.shop.example")


@pytest.fixture(scope="session")
def mail(authority: Authority) -> Issued:
    return authority.issue("mail.example", key_type="rsa-2048")


def install(frontend: Frontend, bundle: bytes) -> list[Change]:
    """What the module does with a bundle."""
    changes = frontend.plan(bundle)
    frontend.switch(changes)
    return changes


def live(files: Files, name: str = "shop", key_type: str = "ecdsa-p256") -> dict[str, bytes | None]:
    return {file: files.read(f"certificates/{name}/{key_type}/live/{file}") for file in FILES}


def tree(files: Files) -> dict[str, bytes | str | None]:
    """Everything in the frontend's folder: contents of files, targets of links."""
    return {
        str(path.relative_to(files.root)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(Path(files.root).rglob("*"))
        if path.is_symlink() or path.is_file()
    }
