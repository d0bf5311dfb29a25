# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that writes down all it gets of every event, as a job manager or a reporting tool might."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible.playbook.base import Base
from ansible.plugins.callback import CallbackBase

try:
    from ansible.executor.task_result import CallbackTaskResult
except ImportError:  # before 2.19
    from ansible.executor.task_result import TaskResult as CallbackTaskResult

DOCUMENTATION = """
name: everything
type: notification
short_description: Write down everything
version_added: historical
description: Each event with the arguments, fields and results of its task, in the file that CERTFLEET_RECORD names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """Writes down every event."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "everything"

    def record(self, event: str, *arguments: Any, **named: Any) -> None:
        """One line of JSON, and the same as Python shows it."""
        shown = {"event": event, "arguments": _show([*arguments, *named.values()])}
        with open(os.environ["CERTFLEET_RECORD"], "a", encoding="utf-8") as stream:
            stream.write(f"{json.dumps(shown, default=repr)}\n{arguments!r} {named!r}\n")


def _show(value: Any) -> Any:
    """All that a callback can reach of a value, as plain values."""
    if isinstance(value, CallbackTaskResult):
        host, result, fields, task = (_member(value, name) for name in ("host", "result", "task_fields", "task"))
        return _show({"host": host.name, "result": result, "fields": fields, "task": task})
    if isinstance(value, Base):
        return _show({"attributes": value.dump_attrs(), "attempted": getattr(value, "args", None)})
    if isinstance(value, Mapping):
        return {str(key): _show(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_show(inner) for inner in value]
    return value


def _member(result: Any, name: str) -> Any:
    """A member of a task's result, which has a private name before 2.19."""
    return getattr(result, name if hasattr(result, name) else f"_{name}")


def _recording(event: str) -> Callable[..., None]:
    def method(self: CallbackModule, *arguments: Any, **named: Any) -> None:
        self.record(event, *arguments, **named)

    return method


for _event in [name for name in dir(CallbackBase) if name.startswith("v2_") and name != "v2_on_any"]:
    setattr(CallbackModule, _event, _recording(_event))
