"""The server's side of a WebSocket whose messages begin with the number of their channel, as Kubernetes streams them.

(source: RFC 6455; Kubernetes' v4.channel.k8s.io, and v5, which can also close a channel)
"""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from typing import Final

V4: Final = "v4.channel.k8s.io"
V5: Final = "v5.channel.k8s.io"
CLOSE: Final = 255  # the channel on which v5 says which one is closed

_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BINARY, _CLOSED, _PING, _PONG = 0x2, 0x8, 0x9, 0xA
_FINAL = 0x80
_MASKED = 0x80
_LENGTH_16, _LENGTH_64 = 126, 127


class Channels:
    """An open WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """`open` makes one."""
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(
        cls,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        headers: Mapping[str, str],
        spoken: tuple[str, ...],
    ) -> "Channels":
        """Agree to a client's upgrade, in the first protocol of `spoken` that it knows.

        Raises ValueError when there is none, or when it asks for something else than a WebSocket.
        """
        offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
        chosen = next((name for name in spoken if name in offered), None)
        if headers.get("upgrade", "").lower() != "websocket" or chosen is None:
            raise ValueError(f"only WebSockets are served here, in {' or '.join(spoken)}")
        key = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + _KEY).digest())  # noqa: S324
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + key + b"\r\nSec-WebSocket-Protocol: " + chosen.encode() + b"\r\n\r\n"
        )
        return cls(reader, writer)

    async def receive(self) -> tuple[int, bytes] | None:
        """Return the next message's channel and content; None when the client has gone."""
        message = b""
        try:
            while True:
                kind, final, content = await self._frame()
                if kind == _CLOSED:
                    return None
                if kind == _PING:
                    await self._send(_PONG, content)
                elif kind != _PONG:
                    message += content
                    if final and message:
                        return message[0], message[1:]
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def send(self, channel: int, content: bytes) -> None:
        """Send a message; one to a client that has gone is lost."""
        await self._send(_BINARY, bytes([channel]) + content)

    async def close(self) -> None:
        """Say that this is all."""
        await self._send(_CLOSED, (1000).to_bytes(2, "big"))

    async def _frame(self) -> tuple[int, bool, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second & ~_MASKED
        if length == _LENGTH_16:
            length = int.from_bytes(await self._reader.readexactly(2), "big")
        elif length == _LENGTH_64:
            length = int.from_bytes(await self._reader.readexactly(8), "big")
        mask = await self._reader.readexactly(4) if second & _MASKED else bytes(4)
        content = await self._reader.readexactly(length)
        repeated = (mask * (length // 4 + 1))[:length]
        plain = (int.from_bytes(content, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
        return first & 0x0F, bool(first & _FINAL), plain

    async def _send(self, kind: int, content: bytes) -> None:
        length = len(content)
        if length < _LENGTH_16:
            head = bytes([_FINAL | kind, length])
        elif length < 1 << 16:
            head = bytes([_FINAL | kind, _LENGTH_16]) + length.to_bytes(2, "big")
        else:
            head = bytes([_FINAL | kind, _LENGTH_64]) + length.to_bytes(8, "big")
        try:
            self._writer.write(head + content)
            await self._writer.drain()
        except ConnectionError:
            return
