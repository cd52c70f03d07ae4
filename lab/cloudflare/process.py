"""The API as a process of a rehearsal; its URL is the base URL for the official SDK and for the provider."""

from typing import Final

from lab.stand_in.process import Process

_PROCESS: Final = Process("cloudflare")

start, running, url = _PROCESS.start, _PROCESS.running, _PROCESS.url
