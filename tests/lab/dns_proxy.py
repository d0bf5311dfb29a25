# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy before one name server of the lab, which misbehaves as it is told to while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from .dns_faults import CHANGED, INVENTED, Fault, Over, sign_earlier
from .model import LabError
from .ports import is_free

if TYPE_CHECKING:
    from .lab import Lab

_PATIENCE = 10.0
_FIRST_HOST, _LAST_HOST = 100, 250


class DnsProxy:
    """Listens on addresses of its own, over UDP and TCP, and passes everything on to the server at `target`.

    A context manager. `counts` says how many messages (and connections) each kind of fault has met.
    """

    def __init__(self, target: tuple[str, int], addresses: Sequence[str], port: int) -> None:
        self.addresses = tuple(addresses)
        self.port = port
        self.counts: Counter[str] = Counter()
        self._target = target
        self._faults: tuple[Fault, ...] = ()
        self._left: dict[Fault, int] = {}
        self._failure: BaseException | None = None
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @classmethod
    def before(cls, lab: Lab, name: str, addresses: int = 1) -> DnsProxy:
        """A proxy before a responder of the lab, at so many free addresses and the responder's own port."""
        responder = next(responder for responder in lab.responders if responder.name == name)
        network = lab.spare_address.rpartition(".")[0]
        hosts = (f"{network}.{number}" for number in range(_FIRST_HOST, _LAST_HOST))
        free = [host for host in hosts if is_free(host, responder.port)][:addresses]
        if len(free) < addresses:
            raise LabError(f"no {addresses} free addresses in {network}.0/24")
        return cls((responder.address, responder.port), free, responder.port)

    def stand_in(self, name: str, responders: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The list of responders, as modules take it, with the proxy's addresses for those of one responder."""
        return [
            {**each, "addresses": list(self.addresses), "port": self.port} if each["name"] == name else dict(each)
            for each in responders
        ]

    def inject(self, *faults: Fault) -> None:
        """Misbehave so from now on, and in no other way any more."""
        self._left = {fault: fault.most for fault in faults if fault.most is not None}
        self._faults = faults

    def heal(self) -> None:
        """Pass everything on as it is."""
        self.inject()

    def __enter__(self) -> DnsProxy:
        self._thread.start()
        self._up.wait()
        if self._failure is not None:
            raise LabError(f"the proxy can't listen on {', '.join(self.addresses)}: {self._failure}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    # Inside: all in the thread of the loop

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._up.set()

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        with contextlib.ExitStack() as stack:
            for address in self.addresses:
                stack.callback((await asyncio.start_server(self._connect, address, self.port)).close)
                transport, _protocol = await self._loop.create_datagram_endpoint(
                    partial(_Datagrams, self, address), (address, self.port)
                )
                stack.callback(transport.close)
            self._up.set()
            await self._ended.wait()

    def _meets(self, fault: Fault, wire: bytes, over: Over, address: str) -> bool:
        """Whether a message meets a fault; counted."""
        left = self._left.get(fault, 1)
        if left < 1 or not fault.concerns(wire, over, address):
            return False
        if fault in self._left:
            self._left[fault] = left - 1
        self.counts[fault.kind] += 1
        return True

    async def respond(self, wire: bytes, over: Over, address: str) -> tuple[list[bytes], bool]:
        """What is to be sent for one message, and whether a connection ends with it."""
        faults = [fault for fault in self._faults if fault.kind != "deaf"]
        met = {fault.kind: fault for fault in faults if self._meets(fault, wire, over, address)}
        if "silent" in met:
            return [], False
        answer = next((invent(wire) for kind, invent in INVENTED.items() if kind in met), None)
        if answer is None:
            skewed = met.get("skewed")
            sent = sign_earlier(wire, skewed.key, skewed.seconds) if skewed and skewed.key else wire
            answer = await self._ask(sent, over)
        if answer is None:
            return [], over == "tcp"
        if "slow" in met:
            await asyncio.sleep(met["slow"].seconds)
        answers = next((change(answer) for kind, change in CHANGED.items() if kind in met), [answer])
        return answers, "cut" in met

    async def _ask(self, wire: bytes, over: Over) -> bytes | None:
        """The server's own answer; None when it gives none."""
        try:
            return await asyncio.wait_for(self._ask_udp(wire) if over == "udp" else self._ask_tcp(wire), _PATIENCE)
        except (OSError, EOFError, asyncio.TimeoutError):
            return None

    async def _ask_udp(self, wire: bytes) -> bytes:
        answer: asyncio.Future[bytes] = self._loop.create_future()
        transport, _protocol = await self._loop.create_datagram_endpoint(
            lambda: _Question(answer), remote_addr=self._target
        )
        try:
            transport.sendto(wire)
            return await answer
        finally:
            transport.close()

    async def _ask_tcp(self, wire: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._target)
        try:
            writer.write(_frame(wire))
            return await _read_message(reader)
        finally:
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: each message is answered when its answer is there, in whatever order."""
        address = writer.get_extra_info("sockname")[0]
        tasks: list[asyncio.Task[None]] = []
        deaf = [fault for fault in self._faults if fault.kind == "deaf"]
        if not any(self._meets(fault, b"", "tcp", address) for fault in deaf):
            with contextlib.suppress(OSError, EOFError):
                while True:
                    wire = await _read_message(reader)
                    tasks.append(asyncio.create_task(self._reply(wire, address, writer)))
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()

    async def _reply(self, wire: bytes, address: str, writer: asyncio.StreamWriter) -> None:
        answers, ends = await self.respond(wire, "tcp", address)
        with contextlib.suppress(OSError):
            for answer in answers:
                # a message that is cut announces more than comes
                writer.write(_frame(answer) if not ends else (2 * len(answer)).to_bytes(2, "big") + answer)
            await writer.drain()
        if ends:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """One address of the proxy over UDP."""

    def __init__(self, proxy: DnsProxy, address: str) -> None:
        self._proxy = proxy
        self._address = address
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        task = asyncio.ensure_future(self._reply(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, wire: bytes, peer: tuple[str | Any, int]) -> None:
        answers, _ends = await self._proxy.respond(wire, "udp", self._address)
        if not self._transport.is_closing():
            for answer in answers:
                self._transport.sendto(answer, peer)


class _Question(asyncio.DatagramProtocol):
    """One question to the server over UDP."""

    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


def _frame(wire: bytes) -> bytes:
    return len(wire).to_bytes(2, "big") + wire


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
