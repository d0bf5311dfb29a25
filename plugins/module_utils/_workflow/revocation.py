# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoking certificates of the store, at once or after they were replaced: what the module certificate_revoke does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from .._acme.key import AccountKey
from .._acme.problem import ProblemError
from .._acme.revocation import revoke
from .._acme.session import Session
from .._core.clock import Clock, format_instant
from .._core.errors import Error, InputError
from .._core.files import Files
from .._core.lock import Lock
from .._core.name import check_stored_name, split_name
from .._store.certificates import CertificateStore, StoredCertificate
from .._x509.chain import CertificateFacts, describe, to_der
from .._x509.key import check_key_type, load_key
from .connection import Authority, connect, connect_with_key
from .revoked import REVOCATIONS, Revocation, read_revocations
from .wanted import Target

REFUSED = 403


@dataclass(frozen=True)
class Request:
    """Which certificates are meant (``key_types`` None: all), why, and who signs: the account, or their own keys."""

    name: str
    key_types: tuple[str, ...] | None
    reason: str
    by_certificate: bool = False

    @classmethod
    def read(cls, name: str, key_types: Sequence[str] | None, reason: str, signed_by: str) -> Request:
        """From the options of the module; InputError for a name or key type that can't be."""
        types = None if key_types is None else tuple(check_key_type(each) for each in key_types)
        return cls(check_stored_name(name), types, reason, signed_by == "certificate")


@dataclass(frozen=True)
class Subject:
    """A certificate (PEM), where it came from, and what is known of its revocation."""

    target: Target
    facts: CertificateFacts
    certificate: bytes
    directory: str | None
    revocation: Revocation | None
    live: bool
    key: bytes | None = field(default=None, repr=False)

    @property
    def done(self) -> bool:
        """Whether it was revoked already."""
        return self.revocation is not None and self.revocation.done


@dataclass(frozen=True)
class Finding:
    """What became of one certificate: ``status``, and the error when the CA did not do it."""

    subject: Subject
    status: str
    reason: str
    error: Error | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON-safe form that the module returns."""
        facts, target = self.subject.facts, self.subject.target
        return {
            "name": target.name,
            "key_type": target.key_type,
            "serial": facts.serial,
            "not_after": format_instant(facts.not_after),
            "reason": self.reason,
            "status": self.status,
            **({"failure": self.error.result()} if self.error else {}),
        }


class Revoker:
    """Revokes certificates of one store at one CA; ``lock_wait`` is in seconds. With ``check`` it only says what it would do."""

    def __init__(
        self, files: Files, authority: Authority, clock: Clock, lock_wait: float = 0.0, *, check: bool = False
    ) -> None:
        self._files = files
        self._store = CertificateStore(files)
        self._authority = authority
        self._clock = clock
        self._lock_wait = lock_wait
        self._check = check

    def mark(self, request: Request) -> dict[str, Any]:
        """Have the live certificates replaced by the next run, and remember that they are to be revoked after that."""
        with self._alone():
            return _result([self._mark(subject, _reason_for(subject, request)) for subject in self._live(request)])

    def revoke_live(self, request: Request) -> dict[str, Any]:
        """Revoke the live certificates now."""
        with self._alone():
            return _result(self._revoke(self._live(request), request))

    def revoke_replaced(self, request: Request) -> dict[str, Any]:
        """Revoke those that were marked, if there is another one by now; the others wait."""
        with self._alone():
            marked = [subject for subject in self._marked(request) if not subject.done]
            waiting = [Finding(each, "waiting", _reason_for(each, request)) for each in marked if each.live]
            return _result([*waiting, *self._revoke([each for each in marked if not each.live], request)])

    def _alone(self) -> AbstractContextManager[Any]:
        return ExitStack() if self._check else Lock(self._files, self._lock_wait, self._clock)

    def _entries(self, request: Request) -> list[StoredCertificate]:
        entries = [
            entry
            for entry in self._store.scan([request.name])
            if request.key_types is None or entry.key_type in request.key_types
        ]
        if not entries:
            kinds = f" with a key of type {' or '.join(request.key_types)}" if request.key_types else ""
            raise InputError("name", request.name, f"has no certificate in the store{kinds}")
        return entries

    def _live(self, request: Request) -> list[Subject]:
        subjects = [self._read_live(entry) for entry in self._entries(request)]
        for subject in subjects:
            self._check_origin(subject)
        return subjects

    def _read_live(self, entry: StoredCertificate) -> Subject:
        # a key that is on a frontend is not in the store
        needed = ("cert.pem", "privkey.pem") if split_name(entry.name)[1] is None else ("cert.pem",)
        files = self._store.live_set(entry.name, entry.key_type, needed)
        facts = describe(files["cert.pem"])
        return Subject(
            target=Target(entry.name, entry.key_type),
            facts=facts,
            certificate=files["cert.pem"],
            directory=(entry.issuance or {}).get("directory"),
            revocation=read_revocations(self._store.state(entry.name, entry.key_type)).get(facts.serial),
            live=True,
            key=files.get("privkey.pem"),
        )

    def _marked(self, request: Request) -> list[Subject]:
        """Those that are remembered with their certificates, whether or not these are live still."""
        subjects = []
        for entry in self._entries(request):
            live = self._read_live(entry)
            for serial, revocation in read_revocations(self._store.state(entry.name, entry.key_type)).items():
                if serial == live.facts.serial:
                    subjects.append(live)
                elif revocation.certificate is not None:
                    subjects.append(self._read_marked(live.target, revocation))
        for subject in subjects:
            self._check_origin(subject)
        return subjects

    def _read_marked(self, target: Target, revocation: Revocation) -> Subject:
        certificate = (revocation.certificate or "").encode()
        facts = describe(certificate)
        keys = (
            self._store.generation_file(target.name, target.key_type, number, "privkey.pem")
            for number in self._store.generations(target.name, target.key_type)
            if (self._store.generation_record(target.name, target.key_type, number) or {}).get("serial") == facts.serial
        )
        return Subject(target, facts, certificate, revocation.directory, revocation, live=False, key=next(keys, None))

    def _check_origin(self, subject: Subject) -> None:
        """A CA can't revoke what another one has issued."""
        if subject.directory not in (None, self._authority.directory):
            reason = f"is not where {subject.target} came from, which is {subject.directory}"
            raise InputError("directory", self._authority.directory, reason)

    def _mark(self, subject: Subject, reason: str) -> Finding:
        if subject.done:
            return Finding(subject, "was revoked", reason)
        if subject.revocation and subject.revocation.reason == reason:
            return Finding(subject, "was marked", reason)
        marked = Revocation(
            reason,
            format_instant(self._clock.now()),
            directory=subject.directory or self._authority.directory,
            certificate=subject.certificate.decode("ascii"),
        )
        self._remember(subject, marked)
        return Finding(subject, "marked", reason)

    def _revoke(self, subjects: Sequence[Subject], request: Request) -> list[Finding]:
        """Each of them, one after the other; what the CA refuses for one does not keep it from the others."""
        findings: list[Finding] = []
        with ExitStack() as stack:
            session: Session | None = None
            for subject in subjects:
                reason = _reason_for(subject, request)
                if subject.done:
                    findings.append(Finding(subject, "was revoked", reason))
                elif subject.facts.not_after <= self._clock.now():
                    findings.append(Finding(subject, "expired", reason))
                elif self._check:
                    findings.append(Finding(subject, "revoked", reason))
                elif request.by_certificate:
                    with self._signing_as(subject) as own:
                        findings.append(self._revoke_one(own, subject, reason))
                else:
                    session = session or stack.enter_context(connect(self._authority, self._files, 1, self._clock))
                    findings.append(self._revoke_one(session, subject, reason))
        return findings

    @contextmanager
    def _signing_as(self, subject: Subject) -> Iterator[Session]:
        what = f"The key of {subject.target}"
        if subject.key is None:
            raise Error(
                f"{what} with serial number {subject.facts.serial} is not in the store any more: use signed_by=account"
            )
        with connect_with_key(self._authority, AccountKey(load_key(subject.key, what)), self._clock) as session:
            yield session

    def _revoke_one(self, session: Session, subject: Subject, reason: str) -> Finding:
        try:
            new = revoke(session, to_der(subject.certificate), reason, f"the revocation of {subject.target}")
        except Error as error:
            return Finding(subject, "failed", reason, _with_advice(error, session))
        now = format_instant(self._clock.now())
        before = subject.revocation or Revocation(reason, now)
        self._remember(subject, replace(before, reason=reason, revoked_at=now, directory=None, certificate=None))
        return Finding(subject, "revoked" if new else "was revoked", reason)

    def _remember(self, subject: Subject, revocation: Revocation) -> None:
        """Write it down, and forget what was done about certificates that the store has no more."""
        if self._check:
            return
        name, key_type = subject.target.name, subject.target.key_type
        records = (self._store.generation_record(name, key_type, n) for n in self._store.generations(name, key_type))
        there = {record.get("serial") for record in records if record}
        known = read_revocations(self._store.state(name, key_type))
        kept = {serial: each for serial, each in known.items() if serial in there or not each.done}
        entries = {**kept, subject.facts.serial: revocation}
        self._store.update_state(
            name, key_type, **{REVOCATIONS: {serial: each.as_record() for serial, each in entries.items()}}
        )


def _with_advice(error: Error, session: Session) -> Error:
    """The error; of a CA that takes no signature of a certificate's own key, with what to do instead.

    RFC 8555 §7.6 has CAs take both; serles does not, nor does acme2certifier where accounts are bound.
    """
    by_account = session.account_url is not None
    if by_account or not isinstance(error, ProblemError) or error.problem.status != REFUSED:
        return error
    return Error(f"{error.message}; this CA may want the account's key instead: signed_by=account", **error.details)


def _reason_for(subject: Subject, request: Request) -> str:
    """Why it is revoked: of what is done, or was replaced for that, what was said then."""
    known = subject.revocation if subject.done or not subject.live else None
    return known.reason if known else request.reason


def _result(findings: Sequence[Finding]) -> dict[str, Any]:
    done = [each for each in findings if each.status in ("marked", "revoked")]
    failed = [each for each in findings if each.error]
    lines = [f"{each.subject.target}, serial number {each.subject.facts.serial}" for each in done]
    result: dict[str, Any] = {
        "changed": bool(done),
        "certificates": [each.as_dict() for each in findings],
        "diff": {
            "before": "".join(f"{line}: valid\n" for line in lines),
            "after": "".join(f"{line}: {each.status} ({each.reason})\n" for line, each in zip(lines, done)),
        },
    }
    if failed:
        result["msg"] = "\n".join(each.error.message for each in failed if each.error)
    return result
