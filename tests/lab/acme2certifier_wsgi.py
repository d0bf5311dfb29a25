# SPDX-License-Identifier: GPL-3.0-or-later
"""acme2certifier as it is, but for the port of the resolver, which its configuration can't say.

Runs in acme2certifier's own virtual environment.
"""

from __future__ import annotations

import os

import dns.resolver

_reset = dns.resolver.Resolver.reset


def _reset_with_port(resolver: dns.resolver.Resolver) -> None:
    _reset(resolver)
    resolver.port = int(os.environ["LAB_RESOLVER_PORT"])


dns.resolver.Resolver.reset = _reset_with_port  # type: ignore[method-assign, assignment]

from acme2certifier.share.acme2certifier_wsgi import application  # type: ignore[import-not-found]  # noqa: E402

__all__ = ["application"]
