"""The kubelet's own API, which the API server calls: logs of containers, commands in them, and ports of pods.

It is on loopback and lets in only who has a certificate of the rehearsal's authority: commands run on this machine.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final

from aiohttp import web

from lab.node import log, streams
from lab.node.container import Container
from lab.node.kubelet import Kubelet
from lab.node.streams import Forward
from lab.node.websocket import V4, V5, Channels

HOST: Final = "127.0.0.1"
_FOLLOW_EVERY: Final = 0.05


class Server:
    """Serves the pods of one node; `forwards` says where ports of pods lead."""

    def __init__(self, kubelet: Kubelet, disk: Path, forwards: tuple[Forward, ...]) -> None:
        """Nothing listens yet."""
        self._kubelet, self._disk, self._forwards = kubelet, disk, forwards

    async def listen(self, port: int, certificate: Path, authority: Path) -> None:
        """Begin to serve. Raises OSError when the port is taken."""
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority))
        trust.verify_mode = ssl.CERT_REQUIRED
        trust.load_cert_chain(certificate)
        served = web.Application()
        served.add_routes([
            web.get("/healthz", _healthz),
            web.get("/containerLogs/{namespace}/{pod}/{container}", self._logs),
            web.get("/exec/{namespace}/{pod}/{container}", self._exec),
            web.get("/portForward/{namespace}/{pod}", self._port_forward),
        ])  # fmt: skip
        runner = web.AppRunner(served, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, port, ssl_context=trust).start()

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        found = self._running(request)
        if found is None:
            raise web.HTTPInternalServerError(text=f'container not found ("{request.match_info["container"]}")')
        if "tty" in request.query:
            raise web.HTTPBadRequest(text="the rehearsal's node has no terminals: leave out --tty")
        channels = await Channels.open(request, V5, V4)
        command = request.query.getall("command")
        await streams.execute(channels, found, command, lambda: self._running(request) is found)
        return channels.socket

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        channels, pod = await Channels.open(request, V4), request.match_info["pod"]
        forwards = [one for one in self._forwards if one.of(request.match_info["namespace"], pod)]
        await streams.forward(channels, forwards, pod, int(request.query["port"]))
        return channels.socket

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        place = log.find(self._disk, *request.match_info.values())
        if place is None:
            _, pod, container = request.match_info.values()
            waiting = f'container "{container}" in pod "{pod}" is waiting to start: ContainerCreating'
            raise web.HTTPBadRequest(text=waiting)
        try:
            wanted = log.Wanted(request.query)
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        with place.open("rb") as file:
            over = False
            while not over:
                # Before it is read: a container that runs no more has said everything.
                over = "follow" not in request.query or self._running(request) is None or request.transport is None
                await answer.write(wanted.of(file.read()))
                await asyncio.sleep(0 if over else _FOLLOW_EVERY)
        return answer

    def _running(self, request: web.Request) -> Container | None:
        pod = self._kubelet.find(request.match_info["namespace"], request.match_info["pod"])
        return pod.container(request.match_info["container"]) if pod else None


async def _healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok")
