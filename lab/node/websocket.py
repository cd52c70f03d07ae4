"""The server's side of a WebSocket whose messages begin with the number of their channel, as Kubernetes streams them.

(source: Kubernetes' v4.channel.k8s.io, and v5, which can also close a channel)
aiohttp, which serves the node, has WebSockets; wsproto, without I/O, would leave handshake, frames and pings to write.
"""

import contextlib
from typing import Final

from aiohttp import WSMsgType, web

V4: Final = "v4.channel.k8s.io"
V5: Final = "v5.channel.k8s.io"
CLOSE: Final = 255  # the channel on which v5 says which one is closed


class Channels:
    """An open WebSocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        """`open` makes one."""
        self.socket = socket

    @classmethod
    async def open(cls, request: web.Request, *spoken: str) -> "Channels":
        """Agree to a client's upgrade, in one of the protocols `spoken`; else HTTPBadRequest."""
        socket = web.WebSocketResponse(protocols=spoken, timeout=1.0, compress=False, max_msg_size=0)
        if not socket.can_prepare(request).protocol:
            raise web.HTTPBadRequest(text=f"only WebSockets are served here, in {' or '.join(spoken)}")
        await socket.prepare(request)
        return cls(socket)

    async def receive(self) -> tuple[int, bytes] | None:
        """Return the next message's channel and content; None when the client has gone."""
        async for message in self.socket:
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                return None
            if content := message.data.encode() if message.type is WSMsgType.TEXT else message.data:
                return content[0], content[1:]
        return None

    async def send(self, channel: int, content: bytes) -> None:
        """Send a message; one to a client that has gone is lost."""
        with contextlib.suppress(ConnectionError):
            await self.socket.send_bytes(bytes([channel]) + content)

    async def close(self) -> None:
        """Say that this is all."""
        await self.socket.close()
