"""The few calls to Immich's API that put photos into it, as an administrator's API key may make them."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any, Self, TypeVar

from pydantic import SecretStr

from clients.kubernetes import ClusterApi
from clients.service_connection import connect
from settings.model import Backend
from text.visible import VisibleError

# What the key has to be allowed (source: the API documentation of each route). From 3.2 on the configuration is at
# another route, with permissions of its own.
PERMISSIONS = (
    "library.read", "library.create", "library.update", "library.statistics", "user.read",
    "systemConfig.read", "systemConfig.update",
)  # fmt: skip
PERMISSIONS_SINCE_3_2 = ("adminConfig.read", "adminConfig.update")

_TIMEOUT = 60.0  # seconds: a server that starts a scan may be slow to answer
_IDLE = 2.0  # seconds: Node's servers end a connection that was idle for five

Document = dict[str, Any]
T = TypeVar("T")


class ImmichError(VisibleError):
    """Immich refused or could not be asked. `str()` is one sentence for the user."""


class UnansweredError(ImmichError):
    """Immich gave no answer, or none that tells whether a write was done."""


class RefusedError(ImmichError):
    """The answer is no.

    Attributes:
        status: the HTTP status code.
        words: Immich's own.

    """

    def __init__(self, message: str, status: int, words: str) -> None:
        self.status, self.words = status, words
        super().__init__(message)


@dataclass(frozen=True)
class User:
    """A user of Immich."""

    id: str
    email: str


@dataclass(frozen=True)
class Library:
    """An external library.

    Attributes:
        id: its UUID.
        owner_id: UUID of the user whose photos it holds; it can't change.
        name: not unique.
        import_paths: folders that it imports, as Immich's container sees them.
        exclusion_patterns: globs of files that it passes over.
        refreshed_at: when the last scan was done, in ISO 8601; empty before the first.

    """

    id: str
    owner_id: str
    name: str
    import_paths: tuple[str, ...]
    exclusion_patterns: tuple[str, ...]
    refreshed_at: str


@dataclass(frozen=True)
class Statistics:
    """What a library holds; `usage` is in bytes."""

    photos: int
    videos: int
    usage: int


class ImmichApi:
    """Immich's API, over one connection that is made when it is needed; it ends with the `with` block."""

    def __init__(self, connect: Callable[[], socket.socket], key: SecretStr) -> None:
        """Keep how Immich is reached, and the API key; nothing is asked yet."""
        self._connect, self._key = connect, key
        self._connection: http.client.HTTPConnection | None = None
        self._answered = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def behind(cls, cluster: ClusterApi, backend: Backend, key: SecretStr) -> Self:
        """Reach Immich at its Service, whatever stands between the internet and it."""
        return cls(partial(connect, cluster, backend), key)

    def ping(self) -> None:
        """See that the server answers; it does so whatever the API key.

        Raises:
            ImmichError: when it does not, or with something else than its `pong`.

        """
        self._ask("GET", "/server/ping", _pong)

    @cached_property
    def version(self) -> tuple[int, int, int]:
        """The server's version."""
        return self._ask("GET", "/server/version", _version)

    def has_configuration_file(self) -> bool:
        """Whether Immich takes its server-wide configuration from IMMICH_CONFIG_FILE, so that no API changes it."""
        return self._ask("GET", "/server/features", lambda answer: bool(answer.get("configFile")))

    def lacking(self) -> tuple[str, ...]:
        """List the permissions that the API key lacks (source: immich #21027, which lets each key ask that)."""
        needed = (*PERMISSIONS, *(PERMISSIONS_SINCE_3_2 if self._since_3_2 else ()))
        given = self._ask("GET", "/api-keys/me", lambda answer: set(answer["permissions"]))
        return tuple(one for one in needed if one not in given and "all" not in given)

    def me(self) -> User:
        """Find whose the API key is."""
        return self._ask("GET", "/users/me", _user)

    def users(self) -> list[User]:
        """List all users."""
        return self._ask("GET", "/users", lambda answer: [_user(user) for user in answer])

    def libraries(self) -> list[Library]:
        """List all external libraries, of whatever user."""
        return self._ask("GET", "/libraries", lambda answer: [_library(library) for library in answer])

    def library(self, library_id: str) -> Library:
        """Read one library."""
        return self._ask("GET", f"/libraries/{library_id}", _library)

    def create_library(self, owner: User, name: str) -> Library:
        """Make a library with Immich's defaults. It imports nothing yet: paths are looked at in an update only."""
        return self._ask("POST", "/libraries", _library, {"ownerId": owner.id, "name": name})

    def update_library(self, library: Library) -> Library:
        """Write a library's name, import paths and exclusion patterns.

        Raises:
            RefusedError: with status 400 when Immich can't read one of the import paths.

        """
        stated = {
            "name": library.name,
            "importPaths": [*library.import_paths],
            "exclusionPatterns": [*library.exclusion_patterns],
        }
        return self._ask("PUT", f"/libraries/{library.id}", _library, stated)

    def unseen(self, library: Library) -> dict[str, str]:
        """Ask which of a library's import paths Immich does not see, and why not; nothing is changed.

        Raises:
            RefusedError: with status 403 where the key may not do everything: no single permission is for this
                (source: Immich's library.controller.ts, which names none).

        """
        stated = {"importPaths": [*library.import_paths]}
        return self._ask("POST", f"/libraries/{library.id}/validate", _unseen, stated)

    def scan(self, library_id: str) -> None:
        """Have Immich look through a library's import paths; it does so in the background."""
        self._ask("POST", f"/libraries/{library_id}/scan", lambda _: None, {})

    def statistics(self, library_id: str) -> Statistics:
        """Count what a library holds."""
        return self._ask("GET", f"/libraries/{library_id}/statistics", _statistics)

    def configuration(self) -> Document:
        """Read the server-wide configuration, whole."""
        return self._ask("GET", self._configuration_route, _configuration)

    def replace_configuration(self, document: Document) -> Document:
        """Write the server-wide configuration, whole: there is no way to write a part of it, and no version of it."""
        return self._ask("PUT", self._configuration_route, _configuration, document)

    def close(self) -> None:
        """End the connection; another is made when it is needed."""
        if self._connection:
            with suppress(OSError):
                self._connection.close()
        self._connection = None

    @property
    def _since_3_2(self) -> bool:
        return self.version >= (3, 2, 0)

    @property
    def _configuration_route(self) -> str:
        return "/admin/config" if self._since_3_2 else "/system-config"

    def _ask(self, method: str, path: str, read: Callable[[Any], T], body: object = None) -> T:
        status, content = self._send(method, path, body)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(status, content, path)
        try:
            return read(json.loads(content) if content else None)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UnansweredError(
                f"what answers behind immich.service is not Immich's API: its answer to {path} (HTTP status {status}) "
                "can't be read"
            ) from None

    def _send(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        headers = {"x-api-key": self._key.get_secret_value(), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if time.monotonic() - self._answered > _IDLE:
            self.close()
        connection = self._connection or self._connected()
        try:
            connection.request(method, f"/api{path}", json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnansweredError(
                f"Immich does not answer (asked for {path}): {str(error) or type(error).__name__}"
            ) from None
        self._answered = time.monotonic()
        if response.will_close:
            self.close()
        return response.status, content

    def _connected(self) -> http.client.HTTPConnection:
        self._connection = http.client.HTTPConnection("immich")
        self._connection.sock = self._connect()
        self._connection.sock.settimeout(_TIMEOUT)
        return self._connection


def _user(answer: Document) -> User:
    return User(answer["id"], answer["email"])


def _library(answer: Document) -> Library:
    return Library(
        id=answer["id"],
        owner_id=answer["ownerId"],
        name=answer["name"],
        import_paths=tuple(answer["importPaths"]),
        exclusion_patterns=tuple(answer["exclusionPatterns"]),
        refreshed_at=answer["refreshedAt"] or "",
    )


def _unseen(answer: Document) -> dict[str, str]:
    return {one["importPath"]: one.get("message", "") for one in answer["importPaths"] if not one["isValid"]}


def _pong(answer: Document) -> None:
    if answer["res"] != "pong":
        raise ValueError(answer)


def _version(answer: Document) -> tuple[int, int, int]:
    return answer["major"], answer["minor"], answer["patch"]


def _statistics(answer: Document) -> Statistics:
    return Statistics(answer["photos"], answer["videos"], answer["usage"])


def _configuration(answer: Document) -> Document:
    """See that the entries are there that may become ours."""
    if not {"scan", "watch"} <= answer["library"].keys():
        raise KeyError("library")
    return answer


def _refusal(status: int, content: bytes, path: str) -> ImmichError:
    words = _words(content) or f"{status}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnansweredError(f"Immich has an error of its own (asked for {path}): {words}")
    if status == HTTPStatus.UNAUTHORIZED:
        message = (
            "Immich does not know the API key: it is mistyped or was deleted. Make one in Immich as an administrator "
            "(Account Settings, API Keys), then `pulumi config set --secret immich-icloud:immichApiKey`"
        )
    elif status == HTTPStatus.FORBIDDEN and "permission" in words:
        message = f"the API key of Immich is not enough for {path}: {words}. It needs: {', '.join(PERMISSIONS)}"
        message += f"; from Immich 3.2 on also {', '.join(PERMISSIONS_SINCE_3_2)}"
    elif status == HTTPStatus.FORBIDDEN:
        message = (
            f"the API key of Immich is no administrator's, and only an administrator may use {path}: make one as an "
            "administrator, then `pulumi config set --secret immich-icloud:immichApiKey`"
        )
    else:
        message = f"Immich refuses {path}: {words}"
    return RefusedError(message, status, words)


def _words(content: bytes) -> str:
    """Immich's message: one, or a list of them."""
    try:
        message = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return "; ".join(map(str, message)) if isinstance(message, list) else str(message)
