"""The API without a socket: the official SDK talks to it in the process of a test."""

import json

import httpx

from lab.cloudflare.answers import Request, TimedOutError
from lab.cloudflare.api import ROOT, Api


class Transport(httpx.BaseTransport):
    """For `cloudflare.Cloudflare(http_client=httpx.Client(transport=Transport(api)))`."""

    def __init__(self, api: Api) -> None:
        """Carry requests to `api`."""
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the API does; a lost answer is httpx.ReadTimeout."""
        content = request.read()
        asked = Request(
            request.method,
            request.url.path.removeprefix(ROOT),
            dict(request.url.params),
            {name.lower(): value for name, value in request.headers.items()},
            json.loads(content) if content else None,
        )
        try:
            given = self._api.handle(asked)
        except TimedOutError:
            raise httpx.ReadTimeout("the answer is lost", request=request) from None
        headers = {"Content-Type": "application/json", **given.headers}
        return httpx.Response(given.status, headers=headers, content=given.content(), request=request)
