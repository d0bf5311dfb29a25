# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as a whole: how it starts and how it ends."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from . import inventory, keeper
from .faults import Faults
from .model import LabError, Options, TsigKey
from .plan import Plan

_LONGEST_SOCKET_FOLDER = 80
"""A socket's path has 107 characters at most."""


class Lab(Faults):
    """Pebble, four authoritative servers, a resolver and web servers, all on one loopback network.

    A context manager: leaving it stops every process and removes the folder (unless `keep`). Should this
    process die, a small keeper process does the same.
    """

    def __init__(self, options: Options | None = None, *, folder: Path | None = None, keep: bool = False) -> None:
        """Plan a lab in a new temporary folder, or in the given folder, which must be empty or missing."""
        self.folder = _new_folder(folder)
        self.keep = keep
        self._keeper: subprocess.Popen[bytes] | None = None
        self._build(Plan.make(options or Options(), _control_folder(self.folder)))
        self._save()

    @classmethod
    def attach(cls, folder: Path) -> Lab:
        """Take over a lab that another process has left running in a folder."""
        lab = cls.__new__(cls)
        lab.folder = folder.resolve()
        lab.keep = False
        lab._keeper = None
        path = lab.folder / "plan.json"
        if not path.exists():
            raise LabError(f"no lab in {folder}")
        lab._build(Plan.load(path))
        for name, keys in json.loads((lab.folder / "keys.json").read_text(encoding="utf-8")).items():
            lab._responder(name).keys = tuple(TsigKey(**key) for key in keys)
        return lab

    def __enter__(self) -> Lab:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, detached: bool = False) -> None:
        """Start everything and wait until it works. A detached lab outlives this process."""
        try:
            if not detached:
                self._start_keeper()
            for server in self._servers:
                server.launch()
            for server in self._servers:
                server.wait_ready()
            self._write_descriptions()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything this lab has started and remove its folder, unless it is to be kept."""
        keeper.stop_all(self.folder / "processes")
        for server in self._servers:
            server.stop()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._plan.control, ignore_errors=True)
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            self._keeper.wait(timeout=30)
            self._keeper = None

    def restart_ca(self, **options: Any) -> None:
        """Start the CA afresh at the same address: no accounts, no orders, new roots.

        Takes any of the options `profiles`, `limits`, `nonce_reject`, `authz_reuse`, `external_accounts`,
        `require_external_account`, `blocked` and `retry_after` to change them.
        """
        servers = dict.fromkeys((self._ca, self._pebble))
        for server in servers:
            server.stop()
        self._plan = self._plan.with_options(**options)
        self._save()
        for server in servers:
            server.plan = self._plan
            server.launch()
        for server in servers:
            server.wait_ready()
        self._write_descriptions()

    def _start_keeper(self) -> None:
        script = str(Path(keeper.__file__))
        remove = [self._plan.control] if self.keep else [self._plan.control, str(self.folder)]
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", script, str(self.folder / "processes"), *remove],
            stdin=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )

    def _write_descriptions(self) -> None:
        self.issuer_bundle.write_text("".join(self.issuer_roots), encoding="ascii")
        for path, text in (
            (self.folder / "lab.json", json.dumps(self.describe(), indent=2) + "\n"),
            (self.inventory, inventory.render(self)),
        ):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")


def _new_folder(folder: Path | None) -> Path:
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="certfleet-lab-"))
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise LabError(f"{folder} is not empty")
    for name in ("logs", "processes"):
        (folder / name).mkdir()
    return folder


def _control_folder(folder: Path) -> Path:
    if len(str(folder)) < _LONGEST_SOCKET_FOLDER:
        control = folder / "control"
        with contextlib.suppress(FileExistsError):
            control.mkdir(mode=0o700)
        return control
    return Path(tempfile.mkdtemp(prefix="certfleet-"))
