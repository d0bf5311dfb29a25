# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs beside Pebble that validate with the lab's name servers; each is started by the test that wants it."""

from __future__ import annotations

import json
import ssl
import urllib.request
from abc import abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any

from .authority import Listener, make_listener
from .lab import Lab
from .ports import choose_ports
from .process import Server

ADDRESS = "127.0.0.1"


class AnotherCa(Server):
    """A CA of another make; a context manager, whose files lie in the lab's folder."""

    def __init__(self, name: str, lab: Lab) -> None:
        super().__init__(name, lab.folder)
        self.lab = lab
        self.port, self.admin_port = choose_ports([ADDRESS], 2)
        self.folder.mkdir(exist_ok=True)

    def __enter__(self) -> AnotherCa:
        self.launch()
        self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    @abstractmethod
    def directory(self) -> str:
        """The URL of the directory (RFC 8555 §7.1.1)."""

    @property
    def listener(self) -> Listener:
        """The certificate of its own listener, made at first use."""
        return make_listener(self.folder, ADDRESS)

    @property
    def ca_bundle(self) -> Path:
        """The root that its listener is trusted by."""
        return self.listener.root

    @property
    def resolver(self) -> str:
        """Address and port of the lab's resolver."""
        address, port = self.lab.resolver
        return f"{address}:{port}"

    def is_ready(self) -> bool:
        """Whether the directory answers."""
        return "newOrder" in self.get_directory()

    def get_directory(self) -> dict[str, Any]:
        """The directory, never through a proxy."""
        context = ssl.create_default_context(cafile=str(self.ca_bundle))
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        with urllib.request.build_opener(*handlers).open(self.directory, timeout=5) as reply:
            directory: dict[str, Any] = json.load(reply)
        return directory
