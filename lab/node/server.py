"""The kubelet's own API, which the API server calls: logs of containers, commands in them, and ports of pods.

It is on loopback and lets in only who has a certificate of the rehearsal's authority: commands run on this machine.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from lab.node import log, streams
from lab.node.container import Container
from lab.node.kubelet import Kubelet
from lab.node.streams import Forward
from lab.node.websocket import V4, V5, Channels

HOST: Final = "127.0.0.1"
_FOLLOW_EVERY: Final = 0.05

Query = Mapping[str, list[str]]


class PodRequestError(Exception):
    """A request that gets no answer but this one."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """Serves the pods of one node; `forwards` says where ports of pods lead."""

    def __init__(self, kubelet: Kubelet, disk: Path, forwards: tuple[Forward, ...]) -> None:
        """Nothing listens yet."""
        self._kubelet, self._disk, self._forwards = kubelet, disk, forwards

    async def listen(self, port: int, certificate: Path, authority: Path) -> asyncio.Server:
        """Begin to serve. Raises OSError when the port is taken."""
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority))
        trust.verify_mode = ssl.CERT_REQUIRED
        trust.load_cert_chain(certificate)
        return await asyncio.start_server(self._serve, HOST, port, ssl=trust)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await self._answer(reader, writer, head)
            except PodRequestError as refusal:
                _refuse(writer, refusal.status, refusal)
            except ValueError as error:
                _refuse(writer, HTTPStatus.BAD_REQUEST, error)
            await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        request, *lines = head.strip().split("\r\n")
        url = urlsplit(request.split(" ")[1])
        query = parse_qs(url.query)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        match url.path.strip("/").split("/"):
            case ["healthz"]:
                _begin(writer, HTTPStatus.OK, "Content-Length: 2")
                writer.write(b"ok")
            case ["containerLogs", namespace, name, container]:
                await self._logs(writer, namespace, name, container, query)
            case ["exec", namespace, name, container]:
                found = self._running(namespace, name, container)
                if found is None:
                    raise PodRequestError(HTTPStatus.INTERNAL_SERVER_ERROR, f'container not found ("{container}")')
                if "tty" in query:
                    raise PodRequestError(
                        HTTPStatus.BAD_REQUEST, "the rehearsal's node has no terminals: leave out --tty"
                    )
                channels = await Channels.open(reader, writer, headers, (V5, V4))
                await streams.execute(
                    channels, found, query["command"], lambda: self._running(namespace, name, container) is found
                )
            case ["portForward", namespace, name]:
                channels = await Channels.open(reader, writer, headers, (V4,))
                forwards = [one for one in self._forwards if one.of(namespace, name)]
                await streams.forward(channels, forwards, name, int(query["port"][0]))
            case _:
                raise PodRequestError(HTTPStatus.NOT_FOUND, f"the rehearsal's node does not serve {url.path}")

    async def _logs(
        self, writer: asyncio.StreamWriter, namespace: str, name: str, container: str, query: Query
    ) -> None:
        place = log.find(self._disk, namespace, name, container)
        if place is None:
            waiting = f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating'
            raise PodRequestError(HTTPStatus.BAD_REQUEST, waiting)
        wanted = log.Wanted({key: values[0] for key, values in query.items()})
        _begin(writer, HTTPStatus.OK)
        with place.open("rb") as file:
            over = False
            while not over:
                # Before it is read: a container that runs no more has said everything.
                over = "follow" not in query or self._running(namespace, name, container) is None
                writer.write(wanted.of(file.read()))
                await writer.drain()
                await asyncio.sleep(0 if over else _FOLLOW_EVERY)

    def _running(self, namespace: str, name: str, container: str) -> Container | None:
        pod = self._kubelet.find(namespace, name)
        return pod.container(container) if pod else None


def _begin(writer: asyncio.StreamWriter, status: HTTPStatus, *headers: str) -> None:
    """Write an answer's head; without a length, its body ends with the connection."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", "Content-Type: text/plain", "Connection: close", *headers]
    writer.write("\r\n".join([*lines, "", ""]).encode())


def _refuse(writer: asyncio.StreamWriter, status: HTTPStatus, error: Exception) -> None:
    body = str(error).encode()
    _begin(writer, status, f"Content-Length: {len(body)}")
    writer.write(body)
