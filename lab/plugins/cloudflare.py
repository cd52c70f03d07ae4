"""A stand-in for the plugin `pulumi-resource-cloudflare` 6.23.1, for the engine to attach to.

It does what the program uses, against an API on loopback and no other: a rehearsal can't reach the real Cloudflare.
What it does not know it refuses by name. The engine attaches with `PULUMI_DEBUG_PROVIDERS=cloudflare:<port>`.

Source of the behaviour: pulumi-terraform-bridge v3, pkg/pf/tfbridge, for what the engine is told, and
terraform-provider-cloudflare v5, internal/provider.go and internal/services, for what Cloudflare is asked.
"""
# The method names are gRPC's.
# ruff: noqa: N802

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from cloudflare import APIConnectionError, APIError, APIStatusError, Cloudflare
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from clients.public_trust import public_trust
from lab.plugins import cloudflare_resources as resources
from lab.plugins.cloudflare_resources import Kind
from lab.plugins.properties import UNKNOWN, Properties, decode, encode, plain
from lab.plugins.service import Context, Plugin, answering, difference, failures

_PREFIX: Final = "cloudflare:config:"
_REFUSED: Final = ("apiKey", "apiUserServiceKey", "email")
_TUNNEL_TOKEN: Final = "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken"  # noqa: S105 (a name)
_NOT_FOUND: Final = 404


class CloudflareApiError(Exception):
    """Cloudflare's refusal, with its own codes and messages; or no answer from it."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Cloudflare's API, with one token."""

    def __init__(self, base_url: str, token: str) -> None:
        # The SDK's retries are those of the real plugin's: two, after 408, 409, 429, 5xx and a broken connection.
        client = httpx.Client(trust_env=False, timeout=60, verify=public_trust())
        self._client = Cloudflare(api_token=token, base_url=base_url, http_client=client)

    def request(self, method: str, path: str, body: Properties | None = None) -> Any:
        """Ask, and return the answer's `result`.

        Raises:
            CloudflareApiError: the API refused, or did not answer.
        """
        content = {} if body is None else {"body": body}
        try:
            response = getattr(self._client, method)(path, cast_to=httpx.Response, **content)
        except APIStatusError as error:
            told = error.body.get("errors") if isinstance(error.body, dict) else None
            answer = f"{error.response.status_code} {error.response.reason_phrase} {json.dumps(told)}"
            raise CloudflareApiError(_failed(error, answer), error.response.status_code) from None
        except APIConnectionError as error:
            raise CloudflareApiError(_failed(error, str(error))) from None
        return response.json()["result"]


def _failed(error: APIError, answer: str) -> str:
    return f'failed to make http request: {error.request.method} "{error.request.url}": {answer}'


@dataclass
class Session:
    """One connection of the engine."""

    api: Api | None = None

    def configured(self) -> Api:
        """Return the API.

        Raises:
            ValueError: the engine has not configured this provider.
        """
        if self.api is None:
            raise ValueError("the lab's Cloudflare stand-in is not configured")
        return self.api


class CloudflarePlugin(Plugin[Session]):
    """The provider's service, against the API."""

    name = "Cloudflare"
    version = "6.23.1"
    faults = (CloudflareApiError, *Plugin.faults)

    def __init__(self) -> None:
        super().__init__(Session)

    # The provider itself.

    @answering
    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:  # noqa: ARG002
        """Refuse provider inputs that mean something that isn't done here."""
        reasons = {
            name: f"the lab's Cloudflare stand-in does not know {name!r}: give an apiToken, or install the real plugin"
            for name in decode(request.news)
            if name in _REFUSED
        }
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures(reasons))

    @answering
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:  # noqa: ARG002
        """Tell what changed, such as a rotated token; nothing of it replaces the provider."""
        olds, news = plain(decode(request.olds)), plain(decode(request.news))
        return difference([name for name in sorted(olds.keys() | news.keys()) if olds.get(name) != news.get(name)])

    @answering
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: Context,
    ) -> provider_pb2.ConfigureResponse:  # fmt: skip
        """Take this connection's address and token, from the provider's inputs or the environment."""
        session = self._configuring(context)
        session.api = Api(_base_url(request.variables), _token(request.variables))
        # As the bridge has it: the engine sends no secrets as such, and marks outputs that were secret as inputs.
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    # Resources.

    @answering
    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:  # noqa: ARG002
        """Refuse what is missing or not known here."""
        kind, inputs = resources.kind_of(request.urn), plain(decode(request.news))
        refused = failures(resources.refusals(kind, inputs))
        return provider_pb2.CheckResponse(inputs=_inputs(kind, inputs), failures=refused)

    @answering
    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:  # noqa: ARG002
        """Compare what Cloudflare had at the last operation with what the inputs mean."""
        kind, state = resources.kind_of(request.urn), plain(decode(request.olds))
        changed = resources.changed(kind, state, resources.wanted(kind, plain(decode(request.news))))
        return difference(changed, [name for name in changed if name in kind.replacing])

    @answering
    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:
        """Create the resource; what is part of another one is overwritten."""
        kind, inputs = resources.kind_of(request.urn), plain(decode(request.properties))
        goal = resources.wanted(kind, inputs)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_outputs(kind, resources.previewed(kind, goal, {}), UNKNOWN))
        method, path = "put" if kind.part_of else "post", resources.location(kind, goal, "")
        answer = self._session(context).configured().request(method, path, resources.body(kind, goal, {}))
        identity = goal.get(kind.part_of) or answer["id"]
        return provider_pb2.CreateResponse(
            id=identity, properties=_outputs(kind, resources.after_write(kind, answer, goal, {}), identity)
        )

    @answering
    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        """Read for a refresh, where there is a state, or else for an import; what is gone has no id."""
        kind, state, identity = resources.kind_of(request.urn), plain(decode(request.properties)), request.id
        inputs = plain(decode(request.inputs)) if state else None
        if not state:
            identity, state = resources.imported(kind, request.id)
        try:
            answer = self._session(context).configured().request("get", resources.location(kind, state, identity))
        except CloudflareApiError as error:
            if error.status != _NOT_FOUND:
                raise
            return provider_pb2.ReadResponse()
        found = resources.after_read(kind, answer, state)
        return provider_pb2.ReadResponse(
            id=identity,
            properties=_outputs(kind, found, identity),
            inputs=_inputs(kind, resources.inputs_of(kind, found, inputs)),
        )

    @answering
    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:
        """Write what is wanted."""
        kind, state = resources.kind_of(request.urn), plain(decode(request.olds))
        goal = resources.wanted(kind, plain(decode(request.news)))
        if request.preview:
            previewed = resources.previewed(kind, goal, state)
            return provider_pb2.UpdateResponse(properties=_outputs(kind, previewed, request.id))
        method, path = "patch" if kind.patched else "put", resources.location(kind, goal, request.id)
        answer = self._session(context).configured().request(method, path, resources.body(kind, goal, state))
        written = resources.after_write(kind, answer, goal, state)
        return provider_pb2.UpdateResponse(properties=_outputs(kind, written, request.id))

    @answering
    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:
        """Delete the resource, but not what is part of another one; one that is gone already is an error, as there."""
        kind, state = resources.kind_of(request.urn), plain(decode(request.properties))
        if kind.part_of:
            return Empty()
        self._session(context).configured().request("delete", resources.location(kind, state, request.id))
        return Empty()

    @answering
    def Invoke(self, request: provider_pb2.InvokeRequest, context: Context) -> provider_pb2.InvokeResponse:
        """Look up a tunnel's token. It is no secret in the answer: the bridge takes such marks off."""
        if request.tok != _TUNNEL_TOKEN:
            raise ValueError(
                f"the lab's Cloudflare stand-in does not know {request.tok}: install the real plugin for it"
            )
        asked = plain(decode(request.args))
        path = f"/accounts/{asked['accountId']}/cfd_tunnel/{asked['tunnelId']}/token"
        token = self._session(context).configured().request("get", path)
        return provider_pb2.InvokeResponse(**{"return": encode({**asked, "token": token})})


def _base_url(variables: Mapping[str, str]) -> str:
    base_url = variables.get(_PREFIX + "baseUrl") or os.environ.get("CLOUDFLARE_BASE_URL", "")
    if urlsplit(base_url).hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError(
            f"the lab's Cloudflare stand-in talks to an API on loopback only, not to {base_url or 'Cloudflare'!r}: "
            "set CLOUDFLARE_BASE_URL to the rehearsal's API, or install the real plugin"
        )
    return base_url


def _token(variables: Mapping[str, str]) -> str:
    token = variables.get(_PREFIX + "apiToken") or os.environ.get("CLOUDFLARE_API_TOKEN", "")
    if not token:
        raise ValueError("Cloudflare needs an API token: give the provider an apiToken, or set CLOUDFLARE_API_TOKEN")
    return token


def _inputs(kind: Kind, properties: Properties) -> Any:
    return encode(resources.sealed(kind, properties))


def _outputs(kind: Kind, properties: Properties, identity: Any) -> Any:
    """As the bridge does, with the id among them (source: pulumi-terraform-bridge, pkg/pf/tests/provider_*_test.go)."""
    return _inputs(kind, {**properties, "id": identity})
