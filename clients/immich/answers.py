"""What is read of Immich's answers; an answer of another shape is none of Immich's."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, RootModel, model_validator

Document = dict[str, Any]


def _moment(text: str) -> str:
    if text and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("no time zone")
    return text


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
    owner_id: Annotated[str, Field(validation_alias="ownerId")]
    name: str
    import_paths: Annotated[tuple[str, ...], Field(validation_alias="importPaths")]
    exclusion_patterns: Annotated[tuple[str, ...], Field(validation_alias="exclusionPatterns")]
    refreshed_at: Annotated[
        str,
        Field(validation_alias="refreshedAt"),
        BeforeValidator(lambda value: "" if value is None else value),
        AfterValidator(_moment),
    ]


@dataclass(frozen=True)
class Statistics:
    """What a library holds; `usage` is in bytes."""

    photos: int
    videos: int
    usage: int


class Pong(BaseModel):
    """The answer to a ping."""

    res: Literal["pong"]


class Version(BaseModel):
    """The server's version."""

    major: int
    minor: int
    patch: int


class Features(BaseModel):
    """What the server offers."""

    configFile: bool = False  # noqa: N815 (Immich's name, as all of these)


class ApiKey(BaseModel):
    """The API key that asks."""

    permissions: list[str]


class _ImportPath(BaseModel):
    importPath: str  # noqa: N815
    isValid: bool  # noqa: N815
    message: str | None = None


class Validated(BaseModel):
    """What Immich sees of import paths."""

    importPaths: list[_ImportPath]  # noqa: N815


class MediaTypes(BaseModel):
    """Endings of the files that Immich imports."""

    image: list[str]
    video: list[str]


class _Asset(BaseModel):
    originalPath: str  # noqa: N815


class _Page(BaseModel):
    items: list[_Asset]
    nextPage: Annotated[str, Field(pattern="^[0-9]{1,9}$")] | None  # noqa: N815


class Assets(BaseModel):
    """A page of assets."""

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


class Configuration(RootModel[Document]):
    """As it came, for it is written back whole; the entries are there that may become ours."""

    @model_validator(mode="after")
    def _has_a_library(self) -> Self:
        _Settings.model_validate(self.root, strict=True)
        json.dumps(self.root, allow_nan=False)  # what no JSON can say could not be written back
        return self
