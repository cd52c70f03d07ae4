"""`python -m lab.real_node.carry FROM PORT NETWORK TO PORT`: carry connections from this network to another one.

A socket stays in the network in which it was made, whatever its process does: it is bound here, and served from there.
"""

import asyncio
import contextlib
import os
import socket
import sys
from typing import Final

_PART: Final = 1 << 16


async def start(listener: socket.socket, host: str, port: int) -> asyncio.Server:
    """Carry what connects to a socket to an address in this process's own network."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(host, port)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        writer.close()

    return await asyncio.start_server(carry, sock=listener)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(_PART):
            writer.write(part)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


def _change(network: str, listener: socket.socket, *to: str) -> None:
    listener.set_inheritable(True)
    words = ("nsenter", f"--net={network}", "--", sys.executable, "-m", __spec__.name, str(listener.fileno()), *to)
    os.execvp(words[0], words)  # noqa: S606 (no shell is the point)


async def _serve(listener: socket.socket, host: str, port: int) -> None:
    await (await start(listener, host, port)).serve_forever()


if __name__ == "__main__":
    match sys.argv[1:]:
        case _from, _port, _network, _to_host, _to_port:
            _change(_network, socket.create_server((_from, int(_port))), _to_host, _to_port)
        case _listener, _host, _port:
            asyncio.run(_serve(socket.socket(fileno=int(_listener)), _host, int(_port)))
