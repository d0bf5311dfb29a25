# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told what, and when again: only once something has changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .._core.clock import Clock, format_instant
from .._core.errors import Error, StoreError
from .._core.files import Files
from .digest import Digest, compose
from .mail import MailServer, send_mail
from .survey import Survey
from .webhook import Webhook, post

MEMORY = "memory/reports.json"


@dataclass(frozen=True)
class Letter:
    """A message for one recipient; ``key`` is what is remembered, ``label`` how it is told."""

    key: str
    label: str
    digest: Digest
    send: Callable[[], None]


@dataclass
class Posting:
    """What became of the messages: labels of those that were sent, and sentences about those that were not taken."""

    sent: list[str]
    failed: list[str]


def letters(survey: Survey, mail: MailServer | None, webhooks: Sequence[Webhook], clock: Clock) -> Iterator[Letter]:
    """One message for each recipient: an administrator gets what names them, the others get what names nobody.

    The operator's come first, so that the many addresses of a list delay none of them.
    """
    if mail:
        for recipient in dict.fromkeys(mail.recipients):
            yield _letter(survey, mail, recipient, clock)
    for webhook in webhooks:
        yield _posted(survey, webhook)
    if mail:
        admins = {admin for row in survey.rows for admin in row.admins}
        for recipient in sorted(admins.difference(mail.recipients)):
            yield _letter(survey, mail, recipient, clock)


def _letter(survey: Survey, mail: MailServer, recipient: str, clock: Clock) -> Letter:
    rest = recipient in mail.recipients
    rows = (row for row in survey.rows if recipient in row.admins or (rest and not row.admins))
    # who is in charge of one customer's certificates learns nothing about those of others
    part = survey.of(rows, with_notes=rest)
    digest = compose(part)
    return Letter(
        f"mail {recipient}", f"mail to {recipient}", digest, lambda: send_mail(mail, recipient, digest, clock)
    )


def _posted(survey: Survey, webhook: Webhook) -> Letter:
    digest = compose(survey)
    return Letter(webhook.key, f"webhook {webhook.name}", digest, lambda: post(webhook, survey, digest))


class Post:
    """Sends what is news, and remembers it in the store."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        try:
            self._told = files.read_json(MEMORY) or {}
        except StoreError:
            self._told = {}

    def news(self, all_letters: Sequence[Letter]) -> list[Letter]:
        """Those that say something else than their recipient was told last; that all is well only after trouble."""
        return [letter for letter in all_letters if letter.digest.identity != self._last(letter.key)]

    def send(self, news: Sequence[Letter]) -> Posting:
        """Send them; who could not be told is told again by the next report."""
        posting = Posting([], [])
        for letter in news:
            try:
                letter.send()
            except Error as error:
                posting.failed.append(error.message)
                continue
            posting.sent.append(letter.label)
            try:
                self._remember(letter)
            except StoreError as error:
                posting.failed.append(f"{letter.label} was sent, and it will be told again: {error.message}")
        return posting

    def _remember(self, letter: Letter) -> None:
        self._told[letter.key] = {"identity": letter.digest.identity, "at": format_instant(self._clock.now())}
        self._files.write_json(MEMORY, self._told)

    def _last(self, key: str) -> str:
        entry = self._told.get(key)
        identity = entry.get("identity") if isinstance(entry, dict) else None
        return identity if isinstance(identity, str) else ""
