# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a message by SMTP (RFC 5321, RFC 3207, RFC 4954)."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Any

from .._core.clock import Clock
from .._core.errors import Error, InputError
from .._core.mailbox import check_mailbox
from .._core.number import LONGEST_TIMEOUT, check_number
from .digest import Digest

PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True)
class MailServer:
    """Who takes our mail: ``security`` is ``starttls``, ``tls`` or ``none``."""

    host: str
    port: int
    security: str
    sender: str
    recipients: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    timeout: float = 30.0

    def __str__(self) -> str:
        return f"{self.host}, port {self.port}"


def parse_mail(options: Mapping[str, Any]) -> MailServer:
    """The option ``mail`` of the module; InputError for what can't be used."""
    security = options["security"]
    if options["user"] and not options["password"]:
        raise InputError("mail.user", options["user"], "has no mail.password")
    if options["user"] and security == "none":
        raise InputError("mail.security", security, "would show the password to everybody on the way")
    return MailServer(
        host=options["host"],
        port=int(check_number("mail.port", options["port"] or PORTS[security], 1, 65535)),
        security=security,
        sender=check_mailbox(options["sender"], "mail.sender"),
        recipients=tuple(check_mailbox(each, "mail.to") for each in options["to"]),
        user=options["user"],
        password=options["password"],
        ca_bundle=options["ca_bundle"],
        timeout=check_number("mail.timeout", options["timeout"], 1, LONGEST_TIMEOUT),
    )


def send_mail(server: MailServer, recipient: str, digest: Digest, clock: Clock) -> None:
    """Hand the message over for one recipient; Error, without the password, when it is not taken."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = digest.subject
    message["From"] = server.sender
    message["To"] = recipient
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2])
    # so that nobody's absence is told to us, and no list answers (RFC 3834 §5)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(digest.text)
    try:
        with _connect(server) as connection:
            if server.user and server.password:
                connection.login(server.user, server.password)
            connection.send_message(message, server.sender, [recipient])
    except smtplib.SMTPAuthenticationError as error:
        # what the server says may quote what it was given
        raise Error(f"The mail server {server} refused the login of {server.user} ({error.smtp_code})") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Error(f"The mail server {server} took no mail for {recipient}: {_reason(error)}") from error


def _connect(server: MailServer) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout, context=_context(server))
    connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
    try:
        if server.security == "starttls":
            connection.starttls(context=_context(server))
    except BaseException:
        connection.close()
        raise
    return connection


def _context(server: MailServer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise InputError("mail.ca_bundle", server.ca_bundle, f"can't be used: {error.strerror or error}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, refusal = next(iter(error.recipients.values()))
        return f"{code} {_text(refusal)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(getattr(error, "strerror", None) or error)


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
