# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frontend lacks of the store's certificates, sealed for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._core.bundle import FILES, KEYLESS
from .._core.clock import Clock, parse_instant
from .._core.domains import parse_domains, refuse_outside
from .._core.errors import Error, InputError
from .._core.files import Files
from .._core.name import split_name, stored_name
from .._store.certificates import ISSUANCE, CertificateStore, StoredCertificate
from .._x509.bundle import Entry, check_entry, pack, seal
from .._x509.key import check_key_type
from .recipients import Listed, choose, read_list
from .revoked import read_revocation
from .wanted import parse_wanted, read_entries


@dataclass(frozen=True)
class Wish:
    """What a frontend gets (``names`` None: all, ``key_types`` None: all) and has: (name, key type) to SHA-256.

    ``frontend`` is what the inventory calls it, for certificates whose keys it has made. ``named`` are
    those that the delivery fails without, ``refused`` the reasons for names that are not for it, ``identifiers``
    what the list has for a name, and ``domains`` those that it may have certificates for (None: any).
    """

    names: tuple[str, ...] | None
    key_types: tuple[str, ...] | None
    frontend: str | None = None
    named: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    identifiers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    domains: tuple[str, ...] | None = None
    installed: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """The certificates that the frontend lacks, those that can't be used, and the names without any to deliver.

    ``left_out`` are name, key type and reason; ``missing`` are reasons by name.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[tuple[str, str, str], ...]
    missing: Mapping[str, str]


def deliver(options: Mapping[str, Any], clock: Clock, check: bool = False) -> dict[str, Any]:
    """What the module certificate_fetch returns for its options; Error when a name that was asked for has no certificate.

    With ``check`` it does without a recipient: a new frontend has none before it is prepared for real.
    """
    recipient = options["recipient"]
    if not recipient and not check:
        raise InputError("recipient", recipient, "is not what certificate_install with state=prepared returns")
    wish = read_wish(options)
    now = clock.now()
    delivery = select(CertificateStore(Files(options["store"])), wish, now)
    lacking = {name: why for name, why in delivery.missing.items() if name in wish.named or name in wish.refused}
    if lacking and not options["ignore_missing"]:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in lacking.items())
        raise Error(f"The store {options['store']} has no certificate to deliver for {reasons}", missing=list(lacking))
    # also when there is nothing to seal, so that a wrong recipient is noticed on the first day
    sealed_for = recipient.encode() if recipient else None
    bundle = seal(sealed_for, pack(delivery.entries, sealed_for, now)) if sealed_for else None
    return {
        "changed": False,
        "certificates": [_describe(entry) for entry in delivery.entries],
        "missing": list(delivery.missing),
        "left_out": [dict(zip(("name", "key_type", "reason"), each)) for each in delivery.left_out],
        **({"bundle": base64.b64encode(bundle).decode("ascii")} if bundle and delivery.entries else {}),
    }


def read_wish(options: Mapping[str, Any]) -> Wish:
    """For whom the list has its certificates, and what the frontend has; InputError for what options can't be."""
    key_types, frontend = options["key_types"], options.get("frontend")
    choice = choose(_read_list(options), options["names"] or (), frontend, options.get("groups") or ())
    return Wish(
        names=choice.names,
        key_types=None if key_types is None else tuple(check_key_type(text) for text in key_types),
        frontend=frontend,
        named=choice.named,
        refused=choice.refused,
        identifiers=choice.identifiers,
        domains=None if options.get("domains") is None else parse_domains(options["domains"], "domains"),
        installed=dict(_read_installed(entry) for entry in options["installed"] or ()),
    )


def _read_list(options: Mapping[str, Any]) -> dict[str, Listed] | None:
    listed, path = options.get("certificates"), options.get("certificates_file")
    if path is not None:
        listed = read_entries(path)
    return None if listed is None else read_list(parse_wanted(listed, strict=False))


def select(store: CertificateStore, wish: Wish, now: datetime) -> Delivery:
    """The certificates to send; one that has expired or was revoked is left out, because it would help nobody."""
    entries: list[Entry] = []
    reasons: dict[str, str] = {**dict.fromkeys(sorted(wish.named), "there is none"), **wish.refused}
    served: set[str] = set()
    left_out: list[tuple[str, str, str]] = []
    for name, found in _wished(store, wish):
        try:
            _check_usable(store, found, now)
            _check_domains(found, wish)
            if wish.installed.get((name, found.key_type)) != (found.issuance or {}).get("sha256"):
                _check_names(found, wish.identifiers.get(name))
                entries.append(_read_entry(store, found, now))
        except Error as error:
            reasons[name] = error.message
            left_out.append((name, found.key_type, error.message))
        else:
            served.add(name)
    missing = {name: reason for name, reason in reasons.items() if name not in served}
    return Delivery(tuple(entries), tuple(left_out), missing)


def _wished(store: CertificateStore, wish: Wish) -> list[tuple[str, StoredCertificate]]:
    """The certificates for a frontend, by the names that they have there; its own come before those of all."""
    found: dict[tuple[str, str], StoredCertificate] = {}
    for each in store.scan(None if wish.names is None else _names_for(wish.names, wish.frontend)):
        name, frontend = split_name(each.name)
        fits = frontend in (None, wish.frontend) and (wish.key_types is None or each.key_type in wish.key_types)
        if fits and (frontend is not None or (name, each.key_type) not in found):
            found[name, each.key_type] = each
    return [(name, each) for (name, _key_type), each in sorted(found.items())]


def _names_for(names: Iterable[str], frontend: str | None) -> list[str]:
    own = [stored_name(name, frontend) for name in names if frontend]
    return [*names, *own]


def _check_usable(store: CertificateStore, found: StoredCertificate, now: datetime) -> None:
    """Error when there is no record that can be read, or the certificate has expired or was revoked."""
    if found.issuance is None:
        raise Error(found.broken or "there is none")
    try:
        not_after = parse_instant(found.issuance["not_after"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Error(f"the record of its {found.key_type} certificate is damaged") from None
    if not_after <= now:
        raise Error(f"its {found.key_type} certificate expired at {found.issuance['not_after']}")
    revocation = read_revocation(store.state(found.name, found.key_type), found.issuance.get("serial"))
    if revocation and revocation.done:
        raise Error(f"its {found.key_type} certificate was {revocation}")


def _check_domains(found: StoredCertificate, wish: Wish) -> None:
    """Error for a certificate with a name that the frontend may not have, whatever the list says of it."""
    if wish.domains is None:
        return
    names = (found.issuance or {}).get("identifiers")
    if not names or not isinstance(names, list):
        raise Error(f"the record of its {found.key_type} certificate is damaged")
    if refusal := refuse_outside(map(str, names), wish.domains, wish.frontend or "the frontend"):
        raise Error(refusal)


def _check_names(found: StoredCertificate, listed: frozenset[str] | None) -> None:
    """Error for a certificate that was ordered for a name which the list has not there: it is somebody else's.

    The store keeps certificates that are not in the list any more, and their names can come again.
    """
    record = found.issuance or {}
    ordered = record.get("ordered") or record.get("identifiers")
    if listed is not None and not (isinstance(ordered, list) and listed.issuperset(map(str, ordered))):
        raise Error(f"its {found.key_type} certificate in the store is for other names than the list has")


def _read_entry(store: CertificateStore, found: StoredCertificate, now: datetime) -> Entry:
    """Record and files of one generation, even when a run switches to a new one meanwhile; Error unless they fit."""
    name, frontend = split_name(found.name)
    files = store.live_set(found.name, found.key_type, (*(FILES if frontend is None else KEYLESS), ISSUANCE))
    try:
        record = json.loads(files.pop(ISSUANCE))
        identifiers = tuple(record["identifiers"])
        entry = Entry(name, found.key_type, identifiers, record["sha256"], record["not_after"], files)
        check_entry(entry, now)
    except (KeyError, TypeError, ValueError):
        raise Error(f"the record of its {found.key_type} certificate is damaged") from None
    return entry


def _read_installed(entry: Any) -> tuple[tuple[str, str], str]:
    try:
        return (str(entry["name"]), str(entry["key_type"])), str(entry["sha256"])
    except (KeyError, TypeError):
        raise InputError("installed", entry, "is not an entry of what certificate_install returns") from None


def _describe(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "key_type": entry.key_type, "sha256": entry.sha256, "not_after": entry.not_after}
