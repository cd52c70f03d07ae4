"""The API server as this plugin needs it: any kind, found by discovery, as plain JSON objects."""

import json
import threading
from dataclasses import dataclass
from typing import Any, Final, Self

import urllib3
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from clients import credentials
from lab.plugins.changes import Object
from lab.plugins.configuration import Configuration
from text.encoding import APPLY, encoded

SECONDS_TO_ANSWER: Final = 30
_TAKEN_OVER: Final = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)
"""Prefixes of managers whose fields the real plugin makes its own before an update (source: fixCSAFieldManagers)."""


class ApiError(Exception):
    """The API server's refusal, with its own message."""

    def __init__(self, code: int, reason: str, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        """Kubernetes' word for it, such as AlreadyExists or Conflict."""
        self.kind = kind
        """The resource that it is about, such as `namespaces`."""


class NoSuchKindError(Exception):
    """The API server does not serve this kind, often because its CRD is missing."""


class UnreachableError(Exception):
    """The API server does not answer, or not to these credentials."""


@dataclass(frozen=True)
class ResourceType:
    """Where the API server serves a kind."""

    root: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Return the URL path of an object, or of the collection."""
        scope = f"/namespaces/{namespace or 'default'}" if self.namespaced else ""
        return f"{self.root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class Cluster:
    """One API server, with one set of credentials."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._types: dict[tuple[str, str], ResourceType] = {}
        self._lock = threading.Lock()

    @classmethod
    def connect(cls, configuration: Configuration) -> Self:
        """Make a client and ask the server once.

        Raises:
            UnreachableError: no usable kubeconfig or context, no answer, or credentials refused.
        """
        try:
            cluster = cls(credentials.connect(configuration.kubeconfig.expanduser(), configuration.context or None))
            cluster.request("GET", "/api")
        except (credentials.CredentialsError, RuntimeError, OSError, ApiError) as error:
            raise UnreachableError(str(error)) from error
        return cluster

    def close(self) -> None:
        """Close the client's connections."""
        self._api.close()

    def resource_type(self, obj: Object) -> ResourceType:
        """Find by discovery where an object's kind is served.

        Raises:
            NoSuchKindError: nowhere.
        """
        version, kind = str(obj["apiVersion"]), str(obj["kind"])
        with self._lock:
            known = self._types.get((version, kind))
        if known:
            return known
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            listed = self.request("GET", root).get("resources", [])
        except ApiError as error:
            if error.code != 404:  # noqa: PLR2004
                raise
            listed = []
        for entry in listed:
            if entry["kind"] == kind and "/" not in entry["name"]:
                found = ResourceType(root, entry["name"], entry["namespaced"])
                with self._lock:
                    self._types[version, kind] = found
                return found
        raise NoSuchKindError(f'no matches for kind "{kind}" in version "{version}"')

    def serves(self, obj: Object) -> bool:
        """Say whether the object's kind exists there now."""
        try:
            self.resource_type(obj)
        except NoSuchKindError:
            return False
        return True

    def get(self, obj: Object) -> Object | None:
        """Return the live object of this kind, namespace and name; None if there is none, or no such kind."""
        try:
            return self.request("GET", self._path(obj))
        except NoSuchKindError:
            return None
        except ApiError as error:
            if error.code == 404:  # noqa: PLR2004
                return None
            raise

    def look_at_all(self, api_version: str, kind: str, namespace: str) -> None:
        """List a kind in a namespace, as an informer does before it watches; a kind that is gone is fine."""
        try:
            collection = self.resource_type({"apiVersion": api_version, "kind": kind}).path(namespace)
            self.request("GET", collection, query=[("limit", "1")])
        except NoSuchKindError:
            return
        except ApiError as error:
            if error.code != 404:  # noqa: PLR2004
                raise

    def apply(self, obj: Object, manager: str, *, force: bool, dry_run: bool, subresource: str = "") -> Object:
        """Apply an object server-side, or its `/status`."""
        query = _query(dry_run, fieldManager=manager, force=str(force).lower())
        return self.request("PATCH", self._path(obj) + subresource, encoded(obj), query=query, content=APPLY)

    def create(self, obj: Object, manager: str) -> Object:
        """Create an object."""
        path = self.resource_type(obj).path(obj["metadata"].get("namespace", ""))
        return self.request("POST", path, obj, query=[("fieldManager", manager)])

    def patch(self, obj: Object, patch: Object | list[Object], manager: str, kind: str) -> Object:
        """Patch an object as `kind` has it: merge-patch or json-patch."""
        content = f"application/{kind}+json"
        return self.request("PATCH", self._path(obj), patch, query=[("fieldManager", manager)], content=content)

    def relinquish(self, live: Object, manager: str) -> None:
        """Give up all fields that a manager applied."""
        names = {key: live["metadata"][key] for key in ("name", "namespace") if key in live["metadata"]}
        identity = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": names}
        self.apply(identity, manager, force=False, dry_run=False)

    def move_to(self, live: Object, manager: str) -> None:
        """Move the fields of kubectl and of client-side creates to our manager, so that apply can also drop them."""
        entries = live["metadata"].get("managedFields", [])
        moved = merged_managers(entries, manager)
        if moved == entries:
            return
        version = live["metadata"]["resourceVersion"]
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": moved},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        self.request("PATCH", self._path(live), patch, content="application/json-patch+json")

    def delete(self, obj: Object) -> None:
        """Ask for an object's deletion; one that is gone, or of a kind that is gone, is fine."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
        try:
            self.request("DELETE", self._path(obj), options)
        except NoSuchKindError:
            return
        except ApiError as error:
            if error.code != 404:  # noqa: PLR2004
                raise

    def request(
        self,
        method: str,
        path: str,
        body: Object | list[Object] | bytes | None = None,
        *,
        query: list[tuple[str, str]] | None = None,
        content: str = "application/json",
    ) -> Object:
        """Send one request and return the answer.

        Raises:
            ApiError: the server refused it.
            ConnectionError: the server did not answer.
        """
        try:
            response = self._api.call_api(
                path,
                method,
                query_params=query or [],
                header_params={"Accept": "application/json", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=SECONDS_TO_ANSWER,
            )
        except ApiException as error:
            raise _refusal(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(f"{self._api.configuration.host} does not answer: {error}") from error
        answer: Object = json.loads(response.data)
        return answer

    def _path(self, obj: Object) -> str:
        metadata = obj["metadata"]
        return self.resource_type(obj).path(metadata.get("namespace", ""), metadata["name"])


def merged_managers(entries: list[Object], manager: str) -> list[Object]:
    """Merge the managedFields entries of those that we adopt into our manager's Apply entry; the rest stays."""
    ours: Object | None = next((e for e in entries if e["manager"] == manager and e["operation"] == "Apply"), None)
    others: list[Object] = []
    taken: list[Object] = []
    for entry in entries:
        if entry is ours:
            continue
        matches = any(entry["manager"].startswith(name) and entry["operation"] == op for name, op in _TAKEN_OVER)
        (taken if matches and not entry.get("subresource") else others).append(entry)
    if not taken:
        return entries
    merged = dict(ours or {**taken[0], "manager": manager, "operation": "Apply"})
    for entry in taken:
        merged["fieldsV1"] = _union(merged["fieldsV1"], entry["fieldsV1"])
    return [*others, merged]


def _union(one: Object, other: Object) -> Object:
    return {**one, **{key: _union(one.get(key, {}), fields) for key, fields in other.items()}}


def _query(dry_run: bool, **parameters: str) -> list[tuple[str, str]]:  # noqa: FBT001
    return [*parameters.items(), *([("dryRun", "All")] if dry_run else [])]


def _refusal(error: ApiException) -> ApiError:
    try:
        status: Any = json.loads(error.body)
        details = status.get("details") or {}
        return ApiError(error.status, status.get("reason", ""), status["message"], details.get("kind", ""))
    except (TypeError, ValueError, KeyError, AttributeError):
        return ApiError(error.status or 0, "", str(error.reason))
