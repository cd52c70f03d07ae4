"""An API without a socket: a client talks to it in the process of a test."""

import json
from typing import Any

import httpx

from lab.stand_in.answers import LostAnswerError, Request
from lab.stand_in.api import Api


class Transport(httpx.BaseTransport):
    """For `httpx.Client(transport=Transport(api))`, and clients that take one."""

    def __init__(self, api: Api[Any, Any]) -> None:
        """Carry requests to `api`."""
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the API does; a lost answer is httpx.ReadTimeout."""
        content = request.read()
        asked = Request(
            request.method,
            request.url.path.removeprefix(self._api.root),
            dict(request.url.params),
            {name.lower(): value for name, value in request.headers.items()},
            json.loads(content) if content else None,
        )
        try:
            given = self._api.handle(asked)
        except LostAnswerError:
            raise httpx.ReadTimeout("the answer is lost", request=request) from None
        headers = {"Content-Type": "application/json", **given.headers}
        return httpx.Response(given.status, headers=headers, content=given.content(), request=request)
