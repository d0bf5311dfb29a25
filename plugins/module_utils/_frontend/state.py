# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a frontend into a state: what the module of that name does, from its options to its results."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.clock import Clock, SystemClock
from .._core.errors import Error, InputError
from .._core.files import Files
from .._core.lock import Lock
from .access import check_rights, parse_access
from .command import Try, check_command, parse_command, run_openssl, run_test
from .installed import Change, Frontend, Installed
from .openssl import OpenSsl, Run
from .requests import parse_requests
from .trial import Trial

PENDING = "reload-pending"
"""The file that is there from a switch until the web server is said to have read what is live."""
NAMED = 5


def bring(
    options: Mapping[str, Any],
    check: bool,
    run: Run = run_openssl,
    clock: Clock | None = None,
    run_test: Try = run_test,
) -> dict[str, Any]:
    """Bring the frontend into the wanted ``state``; with ``check`` only say what that takes.

    The options are those of the module certificate_install, the result what it returns.
    """
    if options.get("reload_command") and options["state"] != "loaded":
        raise InputError("reload_command", options["reload_command"], "is for state=loaded alone")
    files = Files(options["path"])
    access = parse_access(options["owner"], options["group"], options["mode"])
    check_rights(access, os.geteuid(), {os.getegid(), *os.getgroups()})
    frontend = Frontend(files, OpenSsl(run), clock or SystemClock(), access)
    bundle = _decode(options["bundle"]) if options["bundle"] else None
    task = _Task(files, frontend, options, parse_command("test_command", options.get("test_command")), run_test)
    if check:
        return task.foresee(bundle)
    with Lock(files):
        return task.carry_out(bundle)


class _Task:
    """What one task does with the frontend's folder."""

    def __init__(
        self, files: Files, frontend: Frontend, options: Mapping[str, Any], test: Sequence[str], run_test: Try
    ) -> None:
        self._files = files
        self._frontend = frontend
        self._options = options
        self._test = test
        self._run_test = run_test
        self._trial = Trial(files)
        self._requests = parse_requests(options.get("requests") or [])

    def foresee(self, bundle: bytes | None) -> dict[str, Any]:
        """What :meth:`carry_out` would return, nothing written; ``installed`` and ``recipient`` as they are now."""
        state = self._options["state"]
        on_trial = self._trial.on_trial()
        recipient = self._frontend.recipient()
        changes = self._plan(bundle)
        changed = bool(on_trial) or (state == "prepared" and recipient is None)
        changed |= state == "loaded" and self._pending()
        changed |= state == "requested" and self._frontend.foresee_requests(self._requests)
        changed |= state == "present" and bool(self._frontend.lacking_access())
        # what is on trial is taken back first, so it is not there
        installed = [each for each in self._frontend.installed() if (each.name, each.key_type) not in on_trial]
        pending = state != "loaded" and (self._pending() or self._notes(changes))
        return self._report(changed, recipient, installed, changes, pending)

    def carry_out(self, bundle: bytes | None) -> dict[str, Any]:
        """Bring the folder into the state, after what a run that was cut off has left untested was taken back."""
        state = self._options["state"]
        self._files.sweep("")
        changed = self._trial.take_back()
        recipient = self._frontend.recipient()
        if state == "prepared":
            changed |= recipient is None
            recipient = self._frontend.prepare()
        changes = self._plan(bundle)
        csrs: list[dict[str, str]] = []
        if state == "absent":
            self._frontend.remove(changes)
        elif state == "loaded":
            changed |= self._files.remove(PENDING)
        elif state == "requested":
            changed |= self._frontend.foresee_requests(self._requests)
            csrs = self._frontend.request(self._requests)
        elif changes:
            self._switch(changes)
            self._frontend.settle(changes)
        if state == "present":
            # one that is replaced has them already
            changed |= bool(self._frontend.lacking_access())
            self._frontend.give_access()
        result = self._report(changed, recipient, self._frontend.installed(), changes, self._pending())
        return {**result, "csrs": csrs} if state == "requested" else result

    def _plan(self, bundle: bytes | None) -> Sequence[Change]:
        if self._options["state"] == "absent":
            return self._frontend.plan_removal(self._options["names"])
        if self._options["state"] == "present" and bundle is not None:
            return self._frontend.plan(bundle, bool(self._options.get("force")))
        return ()

    def _switch(self, changes: Sequence[Change]) -> None:
        check_command("test_command", self._test)
        pending = self._pending()
        if self._notes(changes) and not pending:
            self._files.write(PENDING, b"")
        if not self._test:
            self._frontend.switch(changes)
            return
        try:
            self._try(changes)
        except Error:
            # nothing that was tried is left for the web server to read
            if not pending and not self._trial.on_trial():
                self._files.remove(PENDING)
            raise

    def _try(self, changes: Sequence[Change]) -> None:
        """Switch, test, and switch back when the test fails."""
        self._trial.begin((change.target.name, change.target.key_type) for change in changes)
        try:
            # one more than otherwise, so that there is still one to go back to and the one before that
            self._frontend.switch(changes, keep=3)
        except Error:
            self._trial.take_back()
            raise
        verdict = self._run_test(self._test)
        if verdict.passed:
            self._trial.pass_all()
            return
        self._trial.take_back()
        raise Error(_refusal(changes, self._run_test(self._test).passed), test_output=verdict.output)

    def _report(
        self,
        changed: bool,
        recipient: bytes | None,
        installed: Sequence[Installed],
        changes: Sequence[Change],
        pending: bool,
    ) -> dict[str, Any]:
        return {
            "changed": changed or bool(changes),
            "recipient": recipient.decode("ascii") if recipient else None,
            "installed": [each.as_dict() for each in installed],
            "certificates": [_describe(change) for change in changes],
            "keyless": self._frontend.keyless,
            "reload_pending": pending,
            "diff": {
                "before": _list(change.before for change in changes),
                "after": _list(change.after for change in changes),
            },
        }

    def _notes(self, changes: Sequence[Change]) -> bool:
        return bool(changes) and self._options["state"] == "present" and bool(self._options.get("note_reload"))

    def _pending(self) -> bool:
        return self._files.read(PENDING) is not None


def _refusal(changes: Sequence[Change], passes_without: bool) -> str:
    names = [f"{change.target.name} ({change.target.key_type})" for change in changes[:NAMED]]
    more = f" and {len(changes) - NAMED} more" if len(changes) > NAMED else ""
    sentence = f"The web server's configuration fails its test with the new {', '.join(names)}{more}"
    if passes_without:
        return f"{sentence}; what was live before is live again, with which it passes"
    return f"{sentence}; what was live before is live again, and it fails with that, too"


def _describe(change: Change) -> dict[str, Any]:
    return {
        "name": change.target.name,
        "key_type": change.target.key_type,
        "before": change.before.as_dict() if change.before and change.before.sha256 else None,
        "after": change.after.as_dict() if change.after else None,
    }


def _list(certificates: Any) -> str:
    """A line for each certificate, to be compared."""
    lines = (_line(each) for each in certificates if each is not None)
    return "".join(f"{line}\n" for line in lines)


def _line(found: Installed) -> str:
    if not found.sha256:
        return f"{found.name} ({found.key_type}): damaged"
    return f"{found.name} ({found.key_type}): {' '.join(found.identifiers)}, not after {found.not_after}, sha256 {found.sha256}"


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("bundle", f"{text[:16]}…", "is not what certificate_fetch returns: it is not base64") from None
