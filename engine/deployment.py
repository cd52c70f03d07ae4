"""What Pulumi keeps of a stack, as far as this project reads it; the engine reads no other shape either."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(strict=True)


class Resource(_Model):
    """One resource (source: pulumi's sdk/go/common/apitype/core.go, ResourceV3)."""

    type: str
    urn: str
    id: str | None = None
    parent: str | None = None
    provider: str | None = None
    custom: bool | None = None
    delete: bool | None = None
    protect: bool | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    dependencies: list[str] | None = None


class Operation(_Model):
    """An operation that was begun, such as `creating`."""

    type: str
    resource: Resource


class Deployment(_Model):
    """All resources, and what was begun and not ended."""

    manifest: dict[str, Any] | None = None
    resources: list[Resource] | None = None
    pending_operations: list[Operation] | None = None

    @property
    def unended(self) -> list[Operation]:
        """What was begun and whose end is unknown.

        The engine keeps a creation that it did not see end, forever (source: pulumi's pkg/backend/snapshot.go): it has
        ended once the resource is there.
        """
        there = {one.urn for one in self.resources or ()}
        pending = self.pending_operations or []
        return [one for one in pending if one.type != "creating" or one.resource.urn not in there]


class Exported(_Model):
    """What `pulumi stack export` prints."""

    deployment: Deployment | None = None


class _Checkpoint(_Model):
    latest: Deployment | None = None


class Stored(_Model):
    """The file with a stack's resources."""

    version: int
    checkpoint: _Checkpoint
