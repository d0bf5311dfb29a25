# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where an error of the engine becomes the failure of a task."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._core.errors import Error, UnexpectedError
from .._core.owner import ROOT, Owner, find_owner
from .payload import leave_payload


class AskedToEnd(SystemExit):
    """SIGTERM, with which systemd and others ask a process to end."""


@contextmanager
def ending_well() -> Iterator[None]:
    """Have SIGTERM raise AskedToEnd in here, so that what was published is withdrawn before the process ends.

    Only the first one counts: another must not break off what puts things in order.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one gets signals
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise AskedToEnd(1)


@contextmanager
def reporting(module: AnsibleModule, folder_option: str | None = None) -> Iterator[None]:
    """Run the engine (and import it: only validation hosts have its libraries) inside this.

    A process of root first becomes the user that the folder in ``folder_option`` belongs to. What nobody expected is
    told in one sentence, since a traceback may show what was to stay a secret.
    """
    owner: Owner | None = None
    try:
        if folder_option and module.params[folder_option] and os.geteuid() == ROOT:
            owner = find_owner(folder_option, module.params[folder_option])
            if owner:
                leave_payload()
                owner.become()
        yield
    except ImportError as error:
        # what the engine's own files lack is a defect, a library is something to install
        if error.name is None or error.name.startswith("ansible_collections"):
            module.fail_json(**UnexpectedError(error).result())
            return
        module.fail_json(msg=missing_required_lib(error.name.partition(".")[0]))
    except AskedToEnd:
        module.fail_json(msg="The task was asked to end (SIGTERM), and the next one goes on with what it has begun")
    except Error as error:
        module.fail_json(**_explain(error, owner))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # that nobody knows which is the point
        module.fail_json(**UnexpectedError(error).result())


def _explain(error: Error, owner: Owner | None) -> dict[str, Any]:
    """The result for this error, which says as whom a process that root began was refused something."""
    result = error.result()
    if owner and os.strerror(errno.EACCES) in error.message:
        result["msg"] = f"{error.message} (as user {owner.label}, whom the store or path belongs to)"
    return result
