# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser without a screen: the lab's Chromium, by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import re
import subprocess
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

ROOT = Path(__file__).resolve().parent.parent / ".cache/servers/root"
PATIENCE = 30.0
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--remote-debugging-port=0"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
T = TypeVar("T")


class Page:
    """A page that is open in the browser. ``messages`` are what it has said in the console, ``asked`` what it fetched."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self.messages: list[str] = []
        self.asked: list[str] = []
        self._session: aiohttp.ClientSession
        self._socket: aiohttp.ClientWebSocketResponse[Any]

    def open(self, path: Path, width: int, height: int) -> None:
        """Show a file, in a window of so many CSS pixels; below 600 it is a phone with a touch screen."""
        self._run(self._open(path, width, height))

    def evaluate(self, expression: str) -> Any:
        """What an expression in JavaScript is worth."""
        result = self._run(self._call("Runtime.evaluate", expression=expression, returnByValue=True))
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Write a picture of the whole page (PNG)."""
        data = self._run(self._call("Page.captureScreenshot", captureBeyondViewport=True))["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the conversation."""
        self._run(self._close())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(work, PATIENCE))

    async def _open(self, path: Path, width: int, height: int) -> None:
        if not hasattr(self, "_socket"):
            self._session = aiohttp.ClientSession()
            async with self._session.put(f"{self._url}/json/new?about:blank") as answer:
                target = await answer.json()
            self._socket = await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
            for domain in ("Page", "Runtime", "Log", "Network"):
                await self._call(f"{domain}.enable")
        phone = width < 600
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        await self._call("Page.navigate", url=path.as_uri())
        await self._until("Page.loadEventFired")

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._receive()
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    async def _until(self, event: str) -> None:
        while (await self._receive()).get("method") != event:
            pass

    async def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json()
        params = message.get("params", {})
        if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
            self.messages.append(str(params))
        elif message.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        return message

    async def _close(self) -> None:
        if hasattr(self, "_socket"):
            await self._socket.close()
            await self._session.close()


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser whose files are in a folder, for one page at a time."""
    libraries = [str(path) for path in ROOT.glob("usr/lib/*-linux-gnu*")]
    libraries += [str(path) for path in ROOT.glob("usr/lib/*-linux-gnu/pulseaudio")]
    libraries += [str(path) for path in ROOT.glob("lib/*-linux-gnu*")]
    fonts = folder / "fonts.conf"
    cache = folder / "fonts"
    fonts.write_text(
        f"<fontconfig><dir>{ROOT}/usr/share/fonts</dir><cachedir>{cache}</cachedir></fontconfig>", encoding="ascii"
    )
    program = str(ROOT / "usr/lib/chromium/chromium-headless-shell")
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries), "FONTCONFIG_FILE": str(fonts), "HOME": str(folder)},
    )
    page = None
    try:
        assert process.stderr
        address = next(filter(None, (re.search(r"ws://([\d.:]+)/", line) for line in process.stderr)), None)
        assert address, "the browser did not start"
        page = Page(f"http://{address[1]}")
        yield page
    finally:
        if page:
            with suppress(Exception):
                page.close()
        process.terminate()
        process.communicate(timeout=PATIENCE)
