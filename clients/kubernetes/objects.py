"""Objects of Kubernetes, and what names them."""

from dataclasses import dataclass
from typing import Any, Self

Manifest = dict[str, Any]
Manifests = list[Manifest]

# The field manager of the whole objects that this project deploys.
OBJECT_MANAGER = "immich-icloud"


@dataclass(frozen=True)
class Ref:
    """Names one object."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Read the reference out of an object."""
        metadata = manifest["metadata"]
        return cls(manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace"))

    @property
    def path(self) -> str:
        """Path of the object in the API."""
        return f"{self.collection}/{self.name}"

    @property
    def collection(self) -> str:
        """Path of the objects of this kind beside it."""
        # The plural, as apimachinery's meta.UnsafeGuessKindToResource forms it.
        singular = self.kind.lower()
        suffixes = {"s": f"{singular}es", "y": f"{singular[:-1]}ies"}
        # But for Gateway API's "gateways", where that guess is wrong.
        plural = f"{singular}s" if singular.endswith("way") else suffixes.get(singular[-1], f"{singular}s")
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/namespaces/{self.namespace}/{plural}" if self.namespace else f"{root}/{plural}"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Answer:
    """What a write came to: the object as the server has it (or, in a dry run, would have it), and its warnings."""

    object: Manifest
    warnings: tuple[str, ...]
