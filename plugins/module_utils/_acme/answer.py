# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came back for a request, or why nothing did."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import requests
from requests import exceptions
from requests.utils import parse_header_links
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from .._core.number import LARGEST
from .._core.plain import cut, quote
from .._core.polling import parse_retry_after, read_date
from .._core.url import join_url, split_url
from .problem import PREFIX, LostConnectionError, NetworkError, Problem, ProblemError, UnusableAnswerError

TAG = re.compile(r"<[^>]*>")


def check(response: requests.Response, what: str, now: datetime) -> requests.Response:
    """The response when it is a success (2xx), else ProblemError, or NetworkError for a redirect.

    An answer that is no problem document (a web page of an overloaded proxy)
    becomes one of type ``about:blank``, so that status and Retry-After are
    found in the same place (RFC 7807 §4.2).
    """
    status = response.status_code
    if 200 <= status < 300:
        return response
    host = host_of(response.url or "")
    if status < 400:
        target = response.headers.get("Location", "nowhere")
        raise NetworkError(
            f"{host} answered {what} with a redirect to {cut(target)}, which a CA doesn't do", status=status
        )
    problem = _read_problem(response)
    raise ProblemError(what, host, problem, retry_after(response, now) or _told_pause(problem, response, now))


def _told_pause(problem: Problem, response: requests.Response, now: datetime) -> float | None:
    """The seconds until the date in the text of a limit, where no header says how long to wait."""
    until = problem.retry_at if problem.type == f"{PREFIX}rateLimited" else None
    sent = read_date(response.headers.get("Date")) or now
    return min(max(0.0, (until - sent).total_seconds()), LARGEST) or None if until else None


def retry_after(response: requests.Response, now: datetime) -> float | None:
    """The seconds that a response asks to wait, or None (RFC 9110 §10.2.3).

    A date counts from the response's own ``Date`` where it has one: the CA's clock may be wrong, or ours.
    """
    sent = read_date(response.headers.get("Date"))
    return parse_retry_after(response.headers.get("Retry-After"), sent or now)


def read_object(response: requests.Response, what: str) -> dict[str, Any]:
    """The JSON object in a response; UnusableAnswerError when there is none."""
    value = _parse(response.content)
    if not isinstance(value, dict):
        host = host_of(response.url or "")
        excerpt = _excerpt(response)
        raise UnusableAnswerError(f"{host} answered {what} with something that is no JSON object: {excerpt!r}")
    return value


def read_location(response: requests.Response) -> str | None:
    """Where the object is that a CA has made (the header Location), absolute, or None for what is no https:// URL."""
    url = join_url(response.url or "", response.headers.get("Location", ""))
    parts = split_url(url) if url and response.headers.get("Location") else None
    return url if parts and parts.scheme == "https" and parts.hostname else None


def read_links(response: requests.Response, relation: str) -> list[str]:
    """The URLs of this relation in the Link headers (RFC 8288), absolute, in their order; NetworkError for no URL."""
    links = parse_header_links(response.headers.get("Link", ""))
    found = [link["url"] for link in links if link.get("url") and relation in link.get("rel", "").split()]
    joined = [join_url(response.url or "", url) for url in found]
    if None in joined:
        url = found[joined.index(None)]
        host = host_of(response.url or "")
        raise NetworkError(f"{host} answered with a link of the relation {relation} that is no URL: {quote(url)}")
    return [url for url in joined if url]


def lost_connection(
    error: requests.RequestException, host: str, ca_bundle: str | None, timeouts: tuple[float, float]
) -> NetworkError:
    """What to tell the user about a request that got no answer, and whether it may have arrived.

    ``timeouts`` are those for a connection and for the whole, in seconds.
    """
    connect_timeout, timeout = timeouts
    causes = list(_causes(error))
    untrusted = [cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)]
    if untrusted:
        return _not_trusted(untrusted[0], host, ca_bundle)
    if isinstance(error, exceptions.ConnectTimeout):
        return NetworkError(f"{host} can't be reached: no connection within {connect_timeout:g} s")
    if isinstance(error, exceptions.Timeout) or _was_late(causes):
        return NetworkError(f"{host} gave no answer within {timeout:g} s", uncertain=True)
    reason = _reason(causes)
    if isinstance(error, exceptions.SSLError):
        return NetworkError(f"No TLS connection to {host}: {reason}", uncertain=True)
    if _was_open(error, causes):
        return LostConnectionError(f"{host} closed the connection before it had answered ({reason})")
    through = "the proxy on the way there fails: " if isinstance(error, exceptions.ProxyError) else ""
    return NetworkError(f"{host} can't be reached: {through}{reason}")


def _not_trusted(error: ssl.SSLCertVerificationError, host: str, ca_bundle: str | None) -> NetworkError:
    reason = error.verify_message or error.reason or "certificate verify failed"
    if ca_bundle:
        hint = f"ca_bundle ({ca_bundle}) has no root that its certificate leads to"
    else:
        hint = "if the CA's root isn't a public one, give its file as ca_bundle"
    return NetworkError(f"The server certificate of {host} is not trusted: {reason}; {hint}", option="ca_bundle")


def _was_open(error: requests.RequestException, causes: list[BaseException]) -> bool:
    """Whether there had been a connection: only then can the request have arrived."""
    if isinstance(error, exceptions.ChunkedEncodingError):
        return True
    never_open = any(isinstance(cause, (NewConnectionError, exceptions.ProxyError)) for cause in causes)
    return isinstance(error, exceptions.ConnectionError) and not never_open


def _was_late(causes: list[BaseException]) -> bool:
    """Whether the answer had begun, but did not come to its end in time."""
    return any(isinstance(cause, ReadTimeoutError) for cause in causes)


def _reason(causes: list[BaseException]) -> str:
    """The text of the operating system's error at the bottom, without the objects wrapped around it."""
    for cause in reversed(causes):
        if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", None):
            return cause.reason.replace("_", " ").lower()
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return str(causes[-1])


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it: requests and urllib3 wrap in arguments and in ``reason``, too."""
    todo: list[Any] = [error]
    seen: set[int] = set()
    while todo:
        each = todo.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        todo += [getattr(each, "reason", None), each.__cause__, each.__context__, *each.args]


def host_of(url: str) -> str:
    """Host and port for sentences, without a user name or password that the URL may hold."""
    parts = split_url(url)
    return parts.netloc.rpartition("@")[2] if parts else cut(url)


def _read_problem(response: requests.Response) -> Problem:
    document = _parse(response.content)
    if isinstance(document, dict) and ("type" in document or "detail" in document):
        document.setdefault("status", response.status_code)
        return Problem.from_json(document)
    detail = " ".join(part for part in (response.reason, _excerpt(response)) if part)
    return Problem("about:blank", detail, response.status_code)


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _excerpt(response: requests.Response) -> str:
    """The beginning of a text meant for people, without its markup."""
    text = " ".join(TAG.sub(" ", response.content[:4096].decode(errors="replace")).split())
    return cut(text)
