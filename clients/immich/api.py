"""The few calls to Immich's API that put photos into it, as an administrator's API key may make them."""

import http.client
import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from http import HTTPStatus
from typing import Self, TypeVar

from pydantic import SecretStr, TypeAdapter, ValidationError

from clients import retry
from clients.deadline import Socket, within
from clients.immich.answers import (
    ApiKey,
    Assets,
    Configuration,
    Document,
    Features,
    Library,
    MediaTypes,
    Pong,
    Statistics,
    User,
    Validated,
    Version,
)
from clients.immich.errors import PERMISSIONS, PERMISSIONS_SINCE_3_2, UnansweredError, refusal
from clients.kubernetes import ClusterApi
from clients.retry import again, once
from clients.service_connection import connect
from settings.model import Backend
from text.visible import visible_sentence

_TIMEOUT = 60.0  # seconds: a server that starts a scan may be slow to answer
_PAGE = 1000  # assets: the most that one answer has
_PAGES = 10_000  # of one list: more than any library has
_IDLE = 2.0  # seconds: Node's servers end a connection that was idle for five
# Of a length that is none, or that no memory holds.
_NO_LENGTH = (ValueError, OverflowError, MemoryError)


T = TypeVar("T")


class ImmichApi:
    """Immich's API, over one connection that is made when it is needed; it ends with the `with` block."""

    _retry_after = 0.0  # seconds that the last answer asks to wait

    def __init__(self, connect: Callable[[], Socket], key: SecretStr) -> None:
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
        self._read("/server/ping", Pong)

    @cached_property
    def version(self) -> tuple[int, int, int]:
        """The server's version."""
        version = self._read("/server/version", Version)
        return version.major, version.minor, version.patch

    def has_configuration_file(self) -> bool:
        """Whether Immich takes its server-wide configuration from IMMICH_CONFIG_FILE, so that no API changes it."""
        return self._read("/server/features", Features).configFile

    def lacking(self) -> tuple[str, ...]:
        """List the permissions that the API key lacks (source: immich #21027, which lets each key ask that)."""
        needed = (*PERMISSIONS, *(PERMISSIONS_SINCE_3_2 if self._since_3_2 else ()))
        given = self._read("/api-keys/me", ApiKey).permissions
        return tuple(one for one in needed if one not in given and "all" not in given)

    def me(self) -> User:
        """Find whose the API key is."""
        return self._read("/users/me", User)

    def users(self) -> list[User]:
        """List all users."""
        return self._read("/users", list[User])

    def libraries(self) -> list[Library]:
        """List all external libraries, of whatever user."""
        return self._read("/libraries", list[Library])

    def library(self, library_id: str) -> Library:
        """Read one library."""
        return self._read(f"/libraries/{library_id}", Library)

    def create_library(self, owner: User, name: str) -> Library:
        """Make a library with Immich's defaults, of a name that its owner has given to none.

        It imports nothing yet: paths are looked at in an update only.
        """

        def made() -> Library | None:
            named = (one for one in self.libraries() if (one.owner_id, one.name) == (owner.id, name))
            return next(named, None)

        return once(lambda: self._ask("POST", "/libraries", Library, {"ownerId": owner.id, "name": name}), made)

    def update_library(self, library: Library) -> Library:
        """Write a library's name, import paths and exclusion patterns, sent once: they may be outdated.

        Raises:
            ImmichRefusedError: with status 400 when Immich can't read one of the import paths.

        """
        stated = {
            "name": library.name,
            "importPaths": [*library.import_paths],
            "exclusionPatterns": [*library.exclusion_patterns],
        }
        return self._ask("PUT", f"/libraries/{library.id}", Library, stated)

    def change_library(self, library_id: str, change: Callable[[Library], Library]) -> Library:
        """Write a library as `change` has it of what is there; where the answer is lost, of what is there then."""

        def made() -> Library | None:
            live = self.library(library_id)
            return live if change(live) == live else None

        return once(lambda: self.update_library(change(self.library(library_id))), made)

    def unseen(self, library: Library) -> dict[str, str]:
        """Ask which of a library's import paths Immich does not see, and why not; nothing is changed.

        Raises:
            ImmichRefusedError: with status 403 where the key may not do everything: no single permission is for this
                (source: Immich's library.controller.ts, which names none).

        """
        path, stated = f"/libraries/{library.id}/validate", {"importPaths": [*library.import_paths]}
        asked = again(lambda: self._ask("POST", path, Validated, stated)).importPaths
        return {one.importPath: one.message or "" for one in asked if not one.isValid}

    def scan(self, library_id: str) -> None:
        """Have Immich look through a library's import paths; it does so in the background, and twice if told twice."""
        path = f"/libraries/{library_id}/scan"

        def ask() -> None:
            status, _ = self._answer("POST", path, {})
            if status != HTTPStatus.NO_CONTENT:
                raise _not_immich(path, status)

        # A scan that is queued can't be read, and a second one finds what the first did.
        again(ask)

    def statistics(self, library_id: str) -> Statistics:
        """Count what a library holds."""
        return self._read(f"/libraries/{library_id}/statistics", Statistics)

    def media_kinds(self) -> dict[str, str]:
        """Say what Immich imports: `image` or `video`, by a name's ending in small letters."""
        types = self._read("/server/media-types", MediaTypes)
        return dict.fromkeys(types.image, "image") | dict.fromkeys(types.video, "video")

    def paths(self, library_id: str) -> set[str]:
        """List the files that a library of the key's own user has, the trash and parts of live photos included.

        Raises:
            ImmichRefusedError: with status 403 where the key lacks NAMES_PERMISSION.

        """
        found: set[str] = set()
        for page in range(1, _PAGES + 1):
            asked = {"libraryId": library_id, "withDeleted": True, "size": _PAGE, "page": page}
            assets = again(partial(self._ask, "POST", "/search/metadata", Assets, asked)).assets
            before = len(found)
            found.update(one.originalPath for one in assets.items)
            if assets.nextPage is None:
                return found
            if len(found) == before:
                break
        raise UnansweredError(f"Immich's list of the files of library {library_id} has no end")

    def configuration(self) -> Document:
        """Read the server-wide configuration, whole."""
        return self._read(self._configuration_route, Configuration).root

    def replace_configuration(self, document: Document) -> Document:
        """Write the server-wide configuration, whole: there is no way to write a part of it, and no version of it."""
        return self._ask("PUT", self._configuration_route, Configuration, document).root

    def change_configuration(self, change: Callable[[Document], Document]) -> Document:
        """Write the configuration as `change` has it of what is there; where the answer is lost, of what is there then.

        Returns the configuration before that. Nothing is written where it is right.
        """
        before: Document = {}

        def write() -> Document:
            nonlocal before
            before = self.configuration()
            changed = change(before)
            if changed != before:
                self.replace_configuration(changed)
            return before

        def made() -> Document | None:
            live = self.configuration()
            return before if change(live) == live else None

        return once(write, made)

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

    def _read(self, path: str, type_: type[T]) -> T:
        return again(lambda: self._ask("GET", path, type_))

    def _ask(self, method: str, path: str, type_: type[T], body: object = None) -> T:
        status, content = self._answer(method, path, body)
        try:
            return TypeAdapter(type_).validate_json(content, strict=True)
        except ValidationError as error:
            place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
            raise _not_immich(path, status, place) from None

    def _answer(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        status, content = self._send(method, path, body)
        if status >= HTTPStatus.BAD_REQUEST:
            raise refusal(status, content, path, self._retry_after)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise _not_immich(path, status)
        return status, content

    @within(_TIMEOUT)
    def _send(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        headers = {"x-api-key": self._key.get_secret_value(), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if time.monotonic() - self._answered > _IDLE:
            self.close()
        sent = json.dumps(body, allow_nan=False) if body is not None else None
        connection = self._connection or self._connected()
        try:
            connection.request(method, f"/api{path}", sent, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException, *_NO_LENGTH) as error:
            self.close()
            raise UnansweredError(
                f"Immich does not answer (asked for {path}): {visible_sentence(str(error)) or type(error).__name__}"
            ) from None
        self._answered = time.monotonic()
        self._retry_after = retry.retry_after(response.headers)
        if response.will_close:
            self.close()
        return response.status, content

    def _connected(self) -> http.client.HTTPConnection:
        self._connection = http.client.HTTPConnection("immich")
        self._connection.sock = self._connect()
        self._connection.sock.settimeout(_TIMEOUT)
        return self._connection


def _not_immich(path: str, status: int, place: str = "") -> UnansweredError:
    return UnansweredError(
        f"what answers behind immich.service is not Immich's API: its answer to {path} (HTTP status {status}) "
        f"can't be read{f': {place}' if place else ''}"
    )
