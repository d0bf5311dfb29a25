# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a frontend into a state: what the module of that name does, from its options to its results."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.clock import Clock, SystemClock
from .._core.errors import InputError
from .._core.files import Files
from .._core.lock import Lock
from .access import parse_access
from .command import run_openssl
from .installed import Change, Frontend, Installed
from .openssl import OpenSsl, Run


def bring(
    options: Mapping[str, Any], check: bool, run: Run = run_openssl, clock: Clock | None = None
) -> dict[str, Any]:
    """Bring the frontend into the wanted ``state``; with ``check`` only say what that takes.

    The options are those of the module certificate_install, the result what it returns.
    """
    files = Files(options["path"])
    access = parse_access(options["owner"], options["group"], options["mode"])
    frontend = Frontend(files, OpenSsl(run), clock or SystemClock(), access)
    bundle = _decode(options["bundle"]) if options["bundle"] else None
    if check:
        return _bring(frontend, options, bundle, check)
    with Lock(files):
        return _bring(frontend, options, bundle, check)


def _bring(frontend: Frontend, options: Mapping[str, Any], bundle: bytes | None, check: bool) -> dict[str, Any]:
    changes: Sequence[Change] = ()
    recipient = frontend.recipient()
    changed = False
    if options["state"] == "absent":
        changes = frontend.plan_removal(options["names"])
        if not check:
            frontend.remove(changes)
    elif options["state"] == "prepared":
        changed = recipient is None
        if not check:
            recipient = frontend.prepare()
    elif bundle is not None:
        changes = frontend.plan(bundle)
        if not check:
            frontend.switch(changes)
    if options["state"] == "present":
        # one that is replaced has them already, or will have
        changed = bool(frontend.lacking_access())
        if not check:
            frontend.give_access()
    return {
        "changed": changed or bool(changes),
        "recipient": recipient.decode("ascii") if recipient else None,
        "installed": [each.as_dict() for each in frontend.installed()],
        "certificates": [_describe(change) for change in changes],
        "diff": {
            "before": _list(change.before for change in changes),
            "after": _list(change.after for change in changes),
        },
    }


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
