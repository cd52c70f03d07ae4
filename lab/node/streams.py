"""Commands in containers and ports of pods, on the channels of a WebSocket."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from lab.node.container import Container
from lab.node.websocket import CLOSE, Channels

_STDIN, _STDOUT, _STDERR, _ERROR = range(4)
_PART: Final = 65536
_LOOK_EVERY: Final = 0.1  # seconds


@dataclass(frozen=True)
class Forward:
    """A port of the pods of a namespace whose names begin alike, and the file with the URL of what answers there."""

    namespace: str
    beginning: str
    port: int
    url: Path

    def of(self, namespace: str, pod: str) -> bool:
        """Whether a pod is one of them."""
        return namespace == self.namespace and pod.startswith(self.beginning)


async def execute(channels: Channels, container: Container, command: list[str], alive: Callable[[], bool]) -> None:
    """Run a command in a container to its end: its input ends with its client, all of it with its container."""
    await channels.send(_STDOUT, b"")  # as a kubelet: the connection is there
    pipe = asyncio.subprocess.PIPE
    call = container.call(command)
    try:
        process = await asyncio.create_subprocess_exec(*call.pop("args"), stdin=pipe, stdout=pipe, stderr=pipe, **call)
    except OSError as error:
        await _end(channels, f'failed to exec in container: exec: "{command[0]}": {error.strerror}')
        return
    assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 (all are pipes)
    stdin = process.stdin
    client, lasts = asyncio.create_task(_feed(channels, stdin)), asyncio.create_task(_while(alive))
    client.add_done_callback(lambda _: stdin.close())
    lasts.add_done_callback(lambda ended: None if ended.cancelled() else _kill(process.pid))
    outputs = [
        asyncio.create_task(_copy(reader, channels, channel, container.shown))
        for reader, channel in ((process.stdout, _STDOUT), (process.stderr, _STDERR))
    ]
    # Where one of them ends, there is no more input (source: containerd's exec_io.go, attachOutput).
    await asyncio.wait(outputs, return_when=asyncio.FIRST_COMPLETED)
    stdin.close()
    await asyncio.gather(*outputs)
    code = await process.wait()
    await _end(channels, "" if code == 0 else f"command terminated with exit code {code}", code)
    for one in (client, lasts):
        one.cancel()


async def forward(channels: Channels, forwards: Sequence[Forward], pod: str, port: int) -> None:
    """Carry a connection to a pod's port, until either side closes it."""
    data, error = 0, 1
    for channel in (data, error):
        await channels.send(channel, port.to_bytes(2, "little"))
    try:
        (url,) = [one.url.read_text() for one in forwards if one.port == port]
        place = urlsplit(url.strip())
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
    except (OSError, ValueError):
        refused = f"error forwarding port {port} to pod {pod}, uid : nothing listens there"
        await channels.send(error, refused.encode())
        await channels.close()
        return
    sides = [asyncio.create_task(_copy(reader, channels, data)), asyncio.create_task(_receive(channels, writer))]
    _, others = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    writer.close()
    await channels.close()


async def _feed(channels: Channels, stdin: asyncio.StreamWriter) -> None:
    """Hand a client's input on until the client goes."""
    while message := await channels.receive():
        channel, content = message
        with contextlib.suppress(ConnectionError):  # it has ended, or closed its stdin
            if channel == _STDIN:
                stdin.write(content)
                await stdin.drain()
            elif (channel, content) == (CLOSE, bytes([_STDIN])):
                stdin.close()


async def _while(alive: Callable[[], bool]) -> None:
    while alive():  # noqa: ASYNC110 (what ends it is in another thread)
        await asyncio.sleep(_LOOK_EVERY)


async def _receive(channels: Channels, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while message := await channels.receive():
            writer.write(message[1])
            await writer.drain()


async def _copy(
    reader: asyncio.StreamReader, channels: Channels, channel: int, shown: Callable[[bytes], bytes] = bytes
) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(_PART):
            await channels.send(channel, shown(part))


async def _end(channels: Channels, fault: str, code: int | None = None) -> None:
    """Tell how a command ended, as a Status (source: remotecommand's v4 error channel)."""
    status: dict[str, Any] = {"metadata": {}, "status": "Failure" if fault else "Success"}
    if fault:
        status["message"] = fault
        status["reason"] = "InternalError" if code is None else "NonZeroExitCode"
    if fault and code is not None:
        ended = 128 - code if code < 0 else code
        status["details"] = {"causes": [{"reason": "ExitCode", "message": str(ended)}]}
    await channels.send(_ERROR, json.dumps(status).encode())
    await channels.close()


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
