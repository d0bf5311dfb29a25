# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA, a name server or a web server that means harm to one certificate, as rows of the matrix.

The neighbours of that certificate must have theirs in the very run in which the harm is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.fuzz.web import HEAD, Server
from tests.lab.ca_faults import Effect, Forward, answer, first, rewrite
from tests.lab.ca_messages import Kind, Reply
from tests.lab.dns_faults import Fault
from tests.unit.plugins.module_utils._x509 import der

from .of_ca import strikes
from .of_dns import behind_proxy
from .scene import Scene, Trouble

Begin = Callable[[Scene], AbstractContextManager[None]]

_KEY = ec.generate_private_key(ec.SECP256R1())
_SAN = der.san(der.DNS_NAME)
_OPTIONS = {"http_wait": 0, "allowed_networks": []}


def sparing(begin: Begin, victims: int) -> Begin:
    """The same, and a problem when more sites than these lack a certificate that was due when the run has ended.

    Certificates of one site, with RSA and with ECDSA, go one after the other: what is done to the first is done to both.
    """

    @contextmanager
    def spared(scene: Scene) -> Iterator[None]:
        with begin(scene):
            yield
            missing = {each.name for each in scene.due if not scene.is_obtained(each)}
        if len(missing) > victims:
            scene.problems.append(f"with {victims} victims, {' and '.join(sorted(missing))} did not get theirs")

    return spared


def hostile_ca(name: str, kind: Kind, effect: Effect) -> Trouble:
    """A CA that does this to one certificate, whichever comes first."""
    begin = strikes((kind, effect, first(1)))
    return Trouble(f"hostile CA: {name}", sparing(begin, victims=1), forced=1)


def hostile_web(name: str, content: bytes) -> Trouble:
    """A site beside the others, whose web server answers so and which never gets a certificate."""
    return Trouble(f"hostile web server: {name}", sparing(_beside(content), victims=0))


def _beside(content: bytes) -> Begin:
    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        address, port = scene.lab.spare_address, scene.lab.validation_ports[0]
        site = {"name": "hostile", "domains": ["hostile.fleet.test"], "key_types": ["ecdsa-p256"]}
        entry = {**site, "challenge": "http-01", "challenge_addresses": [address]}
        with Server(address, port, content) as server:
            scene.listed.insert(0, entry)
            scene.options = {**_OPTIONS, "http_port": port}
            yield
            scene.listed.remove(entry)
            scene.options = {}
            scene.injected += server.asked

    return begin


def _moved(reply: Reply) -> Reply:
    return reply.with_header("Location", "http://[") if reply.status == 201 else reply


def _nowhere(authorization: dict[str, Any]) -> dict[str, Any]:
    challenges = [{**each, "url": "http://["} for each in authorization.get("challenges", [])]
    return {**authorization, "challenges": challenges}


def _changed(name: str, change: Callable[[Reply], Reply]) -> Effect:
    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        return change(forward())

    return Effect(name, strike)


def _certificate(pem: bytes) -> Effect:
    return replace(answer(200, {"Content-Type": "application/pem-certificate-chain"}, pem), name="broken certificate")


TROUBLES = (
    hostile_ca("certificate of version 42", "certificate", _certificate(der.certificate(_KEY, _SAN, version=41))),
    hostile_ca(
        "certificate with an invalid point",
        "certificate",
        _certificate(der.certificate(_KEY, _SAN, spki=der.off_the_curve(_KEY))),
    ),
    hostile_ca("certificate with an extension twice", "certificate", _certificate(der.certificate(_KEY, _SAN, _SAN))),
    hostile_ca("order at http://[", "newOrder", _changed("order at no URL", _moved)),
    hostile_ca("challenge at http://[", "authorization", rewrite("challenge at no URL", _nowhere)),
    Trouble(
        "hostile name server: a primary, odd records",
        sparing(behind_proxy("knot", Fault("strange", about="queries")), victims=0),
    ),
    Trouble(
        "hostile name server: a secondary, odd records",
        sparing(behind_proxy("nsd", Fault("strange", about="queries")), victims=0),
    ),
    hostile_web("redirect to http://[", HEAD % (302, 0, b"Location", b"http://[", b"")),
    hostile_web("redirect inside", HEAD % (302, 0, b"Location", b"http://127.0.0.1:PORT/", b"")),
    hostile_web("redirects without an end", HEAD % (302, 0, b"Location", b"?again", b"")),
    hostile_web("no HTTP", b"\x16\x03\x01 secret\r\n" * 100),
)
"""All of them."""
