# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP forwarder between the secondary and its primary that can be closed.

Run as a program: `gate.py ADDRESS PORT TARGET_ADDRESS TARGET_PORT FLAG`. While the file FLAG exists
nothing goes through, so the secondary answers with what it had. Standard library only.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flag: Path) -> None:
    """Copy one direction of a connection until it ends or the gate closes."""
    with contextlib.suppress(OSError):
        while (chunk := await reader.read(65536)) and not flag.exists():
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def serve(address: str, port: int, target: tuple[str, int], flag: Path) -> None:
    """Accept connections and forward them while the gate is open."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if not flag.exists():
                far_reader, far_writer = await asyncio.open_connection(*target)
                await asyncio.gather(forward(reader, far_writer, flag), forward(far_reader, writer, flag))
        writer.close()

    server = await asyncio.start_server(connect, address, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), (sys.argv[3], int(sys.argv[4])), Path(sys.argv[5])))
