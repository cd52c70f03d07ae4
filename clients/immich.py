"""The few calls to Immich's API that put photos into it, as an administrator's API key may make them."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, RootModel, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator

from clients import retry
from clients.kubernetes import ClusterApi
from clients.retry import TransientError, again, once
from clients.service_connection import connect
from settings.model import Backend
from text.visible import VisibleError

# What the key has to be allowed (source: the API documentation of each route). From 3.2 on the configuration is at
# another route, with permissions of its own.
PERMISSIONS = (
    "library.read", "library.create", "library.update", "library.statistics", "user.read",
    "systemConfig.read", "systemConfig.update",
)  # fmt: skip
# With it the files that Immich lacks can be named; without it they are only counted.
NAMES_PERMISSION = "asset.read"
PERMISSIONS_SINCE_3_2 = ("adminConfig.read", "adminConfig.update")

_API_KEY = "immich-icloud:immichApiKey"
_TIMEOUT = 60.0  # seconds: a server that starts a scan may be slow to answer
_PAGE = 1000  # assets: the most that one answer has
_IDLE = 2.0  # seconds: Node's servers end a connection that was idle for five

Document = dict[str, Any]
T = TypeVar("T")


class ImmichError(VisibleError):
    """Immich refused or could not be asked. `str()` is one sentence for the user."""


class UnansweredError(ImmichError, TransientError):
    """Immich gave no answer, or none that tells whether a write was done."""


class ImmichRefusedError(ImmichError):
    """The answer is no.

    Attributes:
        status: the HTTP status code.
        words: Immich's own.

    """

    def __init__(self, message: str, status: int, words: str, secret: str = "") -> None:
        self.status, self.words = status, words
        super().__init__(message, secret=secret)


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
        exclusion_patterns: globs of files that it skips.
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

    _retry_after = 0.0  # seconds that the last answer asks to wait

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
        self._read("/server/ping", _Pong)

    @cached_property
    def version(self) -> tuple[int, int, int]:
        """The server's version."""
        version = self._read("/server/version", _Version)
        return version.major, version.minor, version.patch

    def has_configuration_file(self) -> bool:
        """Whether Immich takes its server-wide configuration from IMMICH_CONFIG_FILE, so that no API changes it."""
        return self._read("/server/features", _Features).configFile

    def lacking(self) -> tuple[str, ...]:
        """List the permissions that the API key lacks (source: immich #21027, which lets each key ask that)."""
        needed = (*PERMISSIONS, *(PERMISSIONS_SINCE_3_2 if self._since_3_2 else ()))
        given = self._read("/api-keys/me", _Key).permissions
        return tuple(one for one in needed if one not in given and "all" not in given)

    def me(self) -> User:
        """Find whose the API key is."""
        return self._read("/users/me", _User).told

    def users(self) -> list[User]:
        """List all users."""
        return [user.told for user in self._read("/users", list[_User])]

    def libraries(self) -> list[Library]:
        """List all external libraries, of whatever user."""
        return [library.told for library in self._read("/libraries", list[_Library])]

    def library(self, library_id: str) -> Library:
        """Read one library."""
        return self._read(f"/libraries/{library_id}", _Library).told

    def create_library(self, owner: User, name: str) -> Library:
        """Make a library with Immich's defaults, of a name that its owner has given to none.

        It imports nothing yet: paths are looked at in an update only.
        """

        def made() -> Library | None:
            named = (one for one in self.libraries() if (one.owner_id, one.name) == (owner.id, name))
            return next(named, None)

        return once(lambda: self._ask("POST", "/libraries", _Library, {"ownerId": owner.id, "name": name}).told, made)

    def update_library(self, library: Library) -> Library:
        """Write a library's name, import paths and exclusion patterns, asked once: they may be of yesterday.

        Raises:
            ImmichRefusedError: with status 400 when Immich can't read one of the import paths.

        """
        stated = {
            "name": library.name,
            "importPaths": [*library.import_paths],
            "exclusionPatterns": [*library.exclusion_patterns],
        }
        return self._ask("PUT", f"/libraries/{library.id}", _Library, stated).told

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
        asked = again(lambda: self._ask("POST", path, _Validated, stated)).importPaths
        return {one.importPath: one.message or "" for one in asked if not one.isValid}

    def scan(self, library_id: str) -> None:
        """Have Immich look through a library's import paths; it does so in the background, and twice if told twice."""
        # A scan that is queued can't be read, and a second one finds what the first did.
        again(lambda: self._answer("POST", f"/libraries/{library_id}/scan", {}))

    def statistics(self, library_id: str) -> Statistics:
        """Count what a library holds."""
        counted = self._read(f"/libraries/{library_id}/statistics", _Statistics)
        return Statistics(counted.photos, counted.videos, counted.usage)

    def media_kinds(self) -> dict[str, str]:
        """Say what Immich imports: `image` or `video`, by a name's ending in small letters."""
        types = self._read("/server/media-types", _MediaTypes)
        return dict.fromkeys(types.image, "image") | dict.fromkeys(types.video, "video")

    def paths(self, library_id: str) -> set[str]:
        """List the files that a library of the key's own user has, the trash and parts of live photos included.

        Raises:
            ImmichRefusedError: with status 403 where the key lacks NAMES_PERMISSION.

        """
        found: set[str] = set()
        page: str | None = "1"
        while page:
            asked = {"libraryId": library_id, "withDeleted": True, "size": _PAGE, "page": int(page)}
            assets = again(partial(self._ask, "POST", "/search/metadata", _Assets, asked)).assets
            found.update(one.originalPath for one in assets.items)
            page = assets.nextPage
        return found

    def configuration(self) -> Document:
        """Read the server-wide configuration, whole."""
        return self._read(self._configuration_route, _Configuration).root

    def replace_configuration(self, document: Document) -> Document:
        """Write the server-wide configuration, whole: there is no way to write a part of it, and no version of it."""
        return self._ask("PUT", self._configuration_route, _Configuration, document).root

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
            raise UnansweredError(
                f"what answers behind immich.service is not Immich's API: its answer to {path} (HTTP status {status}) "
                f"can't be read{f': {place}' if place else ''}"
            ) from None

    def _answer(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        status, content = self._send(method, path, body)
        if status >= HTTPStatus.BAD_REQUEST:
            refusal = _refusal(status, content, path)
            if isinstance(refusal, UnansweredError):
                refusal.retry_after = self._retry_after
            raise refusal
        return status, content

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
        self._retry_after = retry.retry_after(response.headers.get("Retry-After"))
        if response.will_close:
            self.close()
        return response.status, content

    def _connected(self) -> http.client.HTTPConnection:
        self._connection = http.client.HTTPConnection("immich")
        self._connection.sock = self._connect()
        self._connection.sock.settimeout(_TIMEOUT)
        return self._connection


# What is read of Immich's answers; an answer of another shape is none of Immich's.


class _Pong(BaseModel):
    res: Literal["pong"]


class _Version(BaseModel):
    major: int
    minor: int
    patch: int


class _Features(BaseModel):
    configFile: bool = False  # noqa: N815 (Immich's name, as all of these)


class _Key(BaseModel):
    permissions: list[str]


class _User(BaseModel):
    id: str
    email: str

    @property
    def told(self) -> User:
        return User(self.id, self.email)


class _Library(BaseModel):
    id: str
    ownerId: str  # noqa: N815
    name: str
    importPaths: list[str]  # noqa: N815
    exclusionPatterns: list[str]  # noqa: N815
    refreshedAt: str | None  # noqa: N815

    @field_validator("refreshedAt")
    @classmethod
    def _is_a_moment(cls, text: str | None) -> str | None:
        if text and datetime.fromisoformat(text).tzinfo is None:
            raise ValueError("no time zone")
        return text

    @property
    def told(self) -> Library:
        return Library(
            id=self.id,
            owner_id=self.ownerId,
            name=self.name,
            import_paths=tuple(self.importPaths),
            exclusion_patterns=tuple(self.exclusionPatterns),
            refreshed_at=self.refreshedAt or "",
        )


class _ImportPath(BaseModel):
    importPath: str  # noqa: N815
    isValid: bool  # noqa: N815
    message: str | None = None


class _Validated(BaseModel):
    importPaths: list[_ImportPath]  # noqa: N815


class _Statistics(BaseModel):
    photos: int
    videos: int
    usage: int


class _MediaTypes(BaseModel):
    image: list[str]
    video: list[str]


class _Asset(BaseModel):
    originalPath: str  # noqa: N815


class _Page(BaseModel):
    items: list[_Asset]
    nextPage: str | None  # noqa: N815


class _Assets(BaseModel):
    assets: _Page


class _Scan(BaseModel):
    enabled: bool
    cronExpression: str  # noqa: N815


class _Watch(BaseModel):
    enabled: bool


class _LibrarySettings(BaseModel):
    scan: _Scan
    watch: _Watch


class _Settings(BaseModel):
    library: _LibrarySettings


class _Configuration(RootModel[Document]):
    """As it came, for it is written back whole; the entries are there that may become ours."""

    @model_validator(mode="after")
    def _has_a_library(self) -> Self:
        _Settings.model_validate(self.root, strict=True)
        return self


def _refusal(status: int, content: bytes, path: str) -> ImmichError:
    words = _words(content) or f"{status}"
    if retry.is_passing(status):
        return UnansweredError(f"Immich has an error of its own (asked for {path}): {words}")
    if status == HTTPStatus.UNAUTHORIZED:
        message = (
            "Immich does not know the API key: it is mistyped or was deleted. Create one in Immich as an administrator "
            f"(Account Settings, API Keys), and store it as {_API_KEY}"
        )
    elif status == HTTPStatus.FORBIDDEN and "permission" in words:
        message = f"the API key of Immich is not enough for {path}: {words}. It needs: {', '.join(PERMISSIONS)}"
        message += f"; from Immich 3.2 on also {', '.join(PERMISSIONS_SINCE_3_2)}"
    elif status == HTTPStatus.FORBIDDEN:
        message = (
            f"the API key of Immich does not belong to an administrator, and only an administrator may use {path}. "
            f"Create one as an administrator, and store it as {_API_KEY}"
        )
    else:
        message = f"Immich refuses {path}: {words}"
    return ImmichRefusedError(message, status, words, _API_KEY if _API_KEY in message else "")


def _words(content: bytes) -> str:
    """Immich's message: one, or a list of them."""
    try:
        message = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "; ".join(map(str, message)) if isinstance(message, list) else str(message)
