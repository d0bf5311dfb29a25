# SPDX-License-Identifier: GPL-3.0-or-later
"""What one part of a report lacks holds up no other."""

from __future__ import annotations

import builtins
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._report.digest import Digest
from ansible_collections.certfleet.acme.plugins.module_utils._report.publishing import publish
from ansible_collections.certfleet.acme.plugins.module_utils._report.sending import Letter, Post
from ansible_collections.certfleet.acme.plugins.module_utils._report.survey import Row, Survey

SURVEY = Survey(
    datetime(2026, 11, 27, tzinfo=timezone.utc), "acme1", "https://ca.example/", (Row("a", "rsa-2048", ("a.example",)),)
)


def report(folder: Path, **options: Any) -> dict[str, Any]:
    base = {"mail": None, "webhooks": [], "always": False, "page": None, "metrics": None}
    return publish(SURVEY, {**base, **options}, Files(str(folder / "store")), SystemClock(), check=False)


def test_what_can_not_be_remembered_keeps_nobody_from_being_told(tmp_path: Path) -> None:
    sent: list[str] = []
    digest = Digest("subject", "text", "identity")
    letters = [Letter(name, name, digest, partial(sent.append, name)) for name in ("first", "second")]
    (tmp_path / "store").write_text("no folder")
    posting = Post(Files(str(tmp_path / "store")), SystemClock()).send(letters)
    assert posting.sent == sent == ["first", "second"]
    assert len(posting.failed) == 2
    assert all("it will be told again: Can't make " in sentence for sentence in posting.failed)


def test_a_library_that_is_not_there_is_told_and_the_rest_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def lacking(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "prometheus_client":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", lacking)
    monkeypatch.delitem(__import__("sys").modules, f"{publish.__module__.rpartition('.')[0]}.metrics", raising=False)
    page = tmp_path / "page.html"
    result = report(tmp_path, page=str(page), metrics=str(tmp_path / "x.prom"))
    assert result["msg"] == "metrics: the Python library prometheus_client is not on this host"
    assert result["written"] == [str(page)]
    assert page.exists()
