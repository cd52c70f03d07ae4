"""What a person or another program needs to know of the stack. README.md describes each output."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outputs:
    """The stack's outputs, under their names.

    Attributes:
        immich_url: where people reach Immich.
        internal_url: where pods of the cluster reach it.
        namespaces: `immich`, the namespace that was found, and `photo_sync`, ours.
        claim: `<namespace>/<name>` of the claim that photos are written to.
        library_path: the photos' folder as Immich sees it; the import path of an external library.
        mounted_into: Deployment and container that got the mount.

    """

    immich_url: str
    internal_url: str
    namespaces: dict[str, str]
    claim: str
    library_path: str
    mounted_into: str
