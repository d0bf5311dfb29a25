# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module report does with a survey: messages, page and metrics, from its options to its results."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .._core.clock import Clock
from .._core.errors import Error, InputError
from .._core.files import Files
from .digest import compose
from .mail import parse_mail
from .sending import Letter, Post, Posting, letters
from .survey import Survey
from .webhook import describe_row, parse_webhook

MODE = 0o644

_WRITTEN_AT = re.compile(rb"(?m)^certfleet_report_timestamp_seconds .*$")


def publish(survey: Survey, params: Mapping[str, Any], files: Files, clock: Clock, *, check: bool) -> dict[str, Any]:
    """The result of the module, with ``msg`` when something was not taken; all that can be done is done first."""
    mail = parse_mail(params["mail"]) if params["mail"] else None
    webhooks = [parse_webhook(options, number) for number, options in enumerate(params["webhooks"])]
    if params["metrics"] and not params["metrics"].endswith(".prom"):
        raise InputError("metrics", params["metrics"], "has to end with .prom, or nobody reads it")
    post = Post(files, clock)
    everything = list(letters(survey, mail, webhooks, clock))
    news = everything if params["always"] else post.news(everything)
    written, failed = _write_all(survey, params, check=check)
    posting = _foresee(news) if check else post.send(news)
    digest = compose(survey)
    result: dict[str, Any] = {
        "changed": bool(posting.sent or written),
        "subject": digest.subject,
        "text": digest.text,
        "problems": [describe_row(row, survey) for row in survey.problems],
        "counts": survey.counts,
        "sent": posting.sent,
        "written": written,
    }
    failed += posting.failed
    return {**result, "msg": "; ".join(failed)} if failed else result


def _foresee(news: list[Letter]) -> Posting:
    return Posting([letter.label for letter in news], [])


def _write_all(survey: Survey, params: Mapping[str, Any], *, check: bool) -> tuple[list[str], list[str]]:
    """The files with something new in them, and sentences about those that could not be written."""
    # the page is for everybody, and what is worth knowing about a run is not
    shown = replace(survey, notes=())
    written, failed = [], []
    for option, render, alike in (("page", _page, _same_page), ("metrics", _metrics, _same_metrics)):
        path = params[option]
        if not path:
            continue
        try:
            if _write(path, render(shown), alike, check=check):
                written.append(path)
        except Error as error:
            failed.append(f"{option}: {error.message}")
        except ImportError as error:
            # people are told all the same
            if error.name is None or error.name.startswith("ansible_collections"):
                raise
            failed.append(f"{option}: the Python library {error.name} is not on this host")
    return written, failed


def _write(path: str, content: bytes, alike: Callable[[bytes, bytes], bool], *, check: bool) -> bool:
    """Put it there, and say whether there is something new in it."""
    folder, name = os.path.split(path)
    if not os.path.isdir(folder or "."):
        raise Error(f"there is no folder {folder} for {name}")
    files = Files(folder or ".")
    before = files.read(name)
    if not check:
        files.write(name, content, MODE)
    return before is None or not alike(before, content)


# the libraries of one are not needed for the other, nor for messages


def _page(survey: Survey) -> bytes:
    from .page import render_page

    return render_page(survey)


def _same_page(before: bytes, after: bytes) -> bool:
    from .page import says_the_same

    return says_the_same(before, after)


def _metrics(survey: Survey) -> bytes:
    from .metrics import render_metrics

    return render_metrics(survey)


def _same_metrics(before: bytes, after: bytes) -> bool:
    return _WRITTEN_AT.sub(b"", before) == _WRITTEN_AT.sub(b"", after)
