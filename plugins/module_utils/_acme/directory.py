# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CA offers and where (RFC 8555 §7.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from .._core.errors import Error, InputError
from .._core.url import split_url
from .answer import read_object
from .network import Network
from .problem import NetworkError, ProblemError

REQUIRED = ("newNonce", "newAccount", "newOrder")


@dataclass(frozen=True)
class Directory:
    """A CA's directory: ``endpoints`` by their names in the RFC, ``profiles`` with their descriptions."""

    url: str
    endpoints: Mapping[str, str]
    terms_of_service: str | None = None
    website: str | None = None
    caa_identities: tuple[str, ...] = ()
    external_account_required: bool = False
    profiles: Mapping[str, str] = field(default_factory=dict)

    @property
    def renewal_information(self) -> str | None:
        """Where renewal information is (RFC 9773 §4.1), or None when the CA has none."""
        return self.endpoints.get("renewalInfo")

    def endpoint(self, name: str) -> str:
        """The URL of a resource; NetworkError when this CA has none of that name."""
        url = self.endpoints.get(name)
        if url is None:
            raise NetworkError(f"The CA at {self.url} offers no {name}")
        return url


def check_directory_url(url: str, option: str = "directory") -> str:
    """The URL itself; InputError when it can't be a directory's (RFC 8555 §6.1: HTTPS only)."""
    parts = split_url(url)
    if parts is None or parts.scheme.lower() != "https" or not parts.hostname:
        raise InputError(option, url, "is not an https:// URL")
    if parts.username is not None:
        raise Error(f"{option}: the URL must not hold a user name or password", option=option)
    return url


def fetch_directory(network: Network, url: str) -> Directory:
    """Read a directory; Error with one sentence when the URL leads to something else."""
    check_directory_url(url)
    response = _get(network, url)
    try:
        document = read_object(response, "the directory")
    except NetworkError as error:
        raise _not_one(url, "it is no JSON object") from error
    lacking = [name for name in REQUIRED if not _is_https(document.get(name))]
    if lacking:
        raise _not_one(url, f"it has no {', '.join(lacking)}")
    return _read(url, document)


def _get(network: Network, url: str) -> requests.Response:
    try:
        return network.throttle.patiently(lambda: network.get(url, what="to show its directory"))
    except ProblemError as error:
        if error.retry_after is not None or error.problem.status in (429, 503):
            raise
        raise _not_one(url, error.problem.sentence()) from error


def _not_one(url: str, reason: str) -> NetworkError:
    return NetworkError(f"directory: {url} is not the directory of a CA: {reason}", option="directory")


def _read(url: str, document: Mapping[str, Any]) -> Directory:
    meta = document.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    profiles = meta.get("profiles")
    identities = meta.get("caaIdentities")
    return Directory(
        url=url,
        endpoints={name: value for name, value in document.items() if _is_https(value)},
        terms_of_service=_text(meta, "termsOfService"),
        website=_text(meta, "website"),
        caa_identities=tuple(str(each) for each in identities) if isinstance(identities, list) else (),
        external_account_required=meta.get("externalAccountRequired") is True,
        profiles={str(name): str(text) for name, text in profiles.items()} if isinstance(profiles, Mapping) else {},
    )


def _is_https(value: object) -> bool:
    parts = split_url(value) if isinstance(value, str) else None
    return parts is not None and parts.scheme == "https" and bool(parts.hostname)


def _text(meta: Mapping[str, Any], name: str) -> str | None:
    value = meta.get(name)
    return value if isinstance(value, str) and value else None
