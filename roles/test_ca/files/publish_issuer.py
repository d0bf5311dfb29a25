# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until Pebble answers, then put the roots that it issues from into a file.

Pebble makes new roots each time it starts, so its service runs this after each start; until it is done, the service
does not count as started. Standard library only, for the system's own Python.
"""

from __future__ import annotations

import argparse
import os
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0
"""Seconds that Pebble has to answer."""


def main() -> int:
    """Do it, as the arguments say; 1 when Pebble does not answer in time."""
    arguments = parse(sys.argv[1:])
    fetch = fetcher(arguments.trust)
    try:
        wait_for(fetch, arguments.directory)
        wait_for(fetch, f"{arguments.management}/roots/0")
        roots = [fetch(f"{arguments.management}/roots/{number}") for number in range(arguments.roots)]
    except OSError as error:
        print(f"Pebble's roots could not be had: {error}", file=sys.stderr)
        return 1
    replace(arguments.file, b"".join(root.strip() + b"\n" for root in roots))
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Put the roots that Pebble issues from into a file.")
    parser.add_argument("--directory", required=True, help="URL of the directory")
    parser.add_argument("--management", required=True, help="URL of the management interface, without a path")
    parser.add_argument("--trust", required=True, help="file with the root that vouches for both")
    parser.add_argument("--roots", type=int, default=1, help="how many there are")
    parser.add_argument("file", type=Path, help="where they go")
    return parser.parse_args(arguments)


def fetcher(trust: str) -> Callable[[str], bytes]:
    """A function that fetches a URL, through no proxy, from a server that the root in this file vouches for."""
    context = ssl.create_default_context(cafile=trust)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

    def fetch(url: str) -> bytes:
        with opener.open(url, timeout=5) as reply:
            return bytes(reply.read())

    return fetch


def wait_for(
    fetch: Callable[[str], bytes],
    url: str,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch until it succeeds; raises the last OSError when that takes longer than PATIENCE."""
    deadline = clock() + PATIENCE
    while True:
        try:
            fetch(url)
        except OSError:
            if clock() >= deadline:
                raise
            pause(0.1)
        else:
            return


def replace(path: Path, content: bytes) -> None:
    """Write a file that everyone may read, in one step: nobody reads half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


if __name__ == "__main__":
    sys.exit(main())
