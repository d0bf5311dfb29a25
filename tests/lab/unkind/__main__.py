# SPDX-License-Identifier: GPL-3.0-or-later
"""The process between clients and Pebble that makes it behave like Let's Encrypt; see letsencrypt.py in tests/lab.

Its only argument is a file (JSON) with everything it has to know: ``listen`` and ``upstream`` (address and port),
``root`` of the upstream, ``certificate`` and ``key`` of the listener, ``limits`` and ``nonce_reject``.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from pathlib import Path
from typing import Any

from ..authority import Listener
from ..ca_front import Front, Upstream
from ..ca_messages import Reply, Request
from . import stacked
from .letsencrypt import Limits, letsencrypt


def serve(settings: dict[str, Any]) -> None:
    """Answer until the process is ended."""
    root = Path(settings["root"])
    listener = Listener(Path(settings["certificate"]), Path(settings["key"]), root)
    upstream = Upstream(tuple(settings["upstream"]), root)
    ask = stacked(letsencrypt(Limits.of(settings["limits"]), settings["nonce_reject"]), upstream)

    def answer(request: Request) -> Reply | None:
        try:
            return ask(request)
        except (OSError, http.client.HTTPException) as error:
            print(f"{request.method} {request.path}: {error!r}", file=sys.stderr, flush=True)
            return None

    def wait(seconds: float) -> bool:
        time.sleep(seconds)
        return True

    Front(tuple(settings["listen"]), listener, answer, wait).serve_forever()


if __name__ == "__main__":
    serve(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
