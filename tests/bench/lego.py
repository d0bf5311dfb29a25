# SPDX-License-Identifier: GPL-3.0-or-later
"""lego from Debian as the yardstick: one process for each certificate, 16 of them at a time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab import Lab

from .issuance import ZONE
from .process import BenchError, run

AT_A_TIME = 16


@dataclass(frozen=True)
class Yardstick:
    """How long lego took for `count` certificates."""

    count: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Certificates per second."""
        return self.count / self.seconds


def issue_with_lego(lab: Lab, place: Path, count: int) -> Yardstick:
    """Issue so many certificates with lego from a CA that has just been started.

    The account is registered before, with a certificate that does not count.
    """
    lab.restart_ca()
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        _issue(lab, folder, "first")
        names = [f"lego{number}" for number in range(count)]
        started = time.monotonic()
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(lambda name: _issue(lab, folder, name), names))
        seconds = time.monotonic() - started
        issued = [path for path in folder.glob("lego/certificates/lego*.crt") if ".issuer." not in path.name]
    if len(issued) != count:
        raise BenchError(f"of {count} certificates lego issued {len(issued)}")
    return Yardstick(count, seconds)


def _issue(lab: Lab, folder: Path, name: str) -> None:
    own = folder / name
    own.mkdir()
    resolver = ":".join(map(str, lab.resolver))
    # its own look at the name servers is left out, since it could do that on port 53 only
    command = [
        *("lego", "--server", lab.directory, "--email", "bench@fleet.test", "--accept-tos", "--key-type", "ec256"),
        *("--dns", "rfc2136", "--dns.resolvers", resolver, "--dns.disable-cp", "--path", str(folder / "lego")),
        *("--domains", f"{name}.{ZONE}", "run"),
    ]
    run(command, _environment(lab, folder), own)


def _environment(lab: Lab, folder: Path) -> Mapping[str, str]:
    """Where to send updates; the pauses are those that lego has by itself."""
    responder = next(one for one in lab.primaries if one.name in lab.options.asked)
    key = lab.tsig_keys[responder.tsig_key or ""]
    return lab.environment | {
        "HOME": str(folder),
        "RFC2136_NAMESERVER": f"{responder.address}:{responder.port}",
        "RFC2136_TSIG_KEY": key.name,
        "RFC2136_TSIG_ALGORITHM": f"{key.algorithm}.",
        "RFC2136_TSIG_SECRET": key.secret,
    }
