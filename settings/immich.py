"""The Immich that runs already, and how it sees the photos."""

from typing import Annotated

from pydantic import AfterValidator, Field

from settings.model import AbsolutePath, Label, Model, ObjectName, Port, not_allowed

# Where Immich keeps its own program and uploads (its container image and its documentation): a mount over them hides them.
_IMMICHS_OWN = (
    "/data",
    "/usr/src/app",
    "/usr/src/app/upload",
    "/usr",
    "/usr/src",
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/tmp",
)


def _beside_immichs_own(path: str) -> str:
    if path in _IMMICHS_OWN or path.startswith(("/data/", "/usr/", "/etc/", "/proc/", "/sys/", "/dev/")):
        raise not_allowed("a path that hides nothing of Immich's own (/usr, /data, /etc, ...), e.g. /external/icloud")
    return path


class Service(Model):
    """Immich's Service, as the route's backend."""

    name: Label = "immich-server"
    port: Port = 3001


class Mount(Model):
    """The volume and its mount that we own in Immich's Deployment."""

    path: Annotated[AbsolutePath, AfterValidator(_beside_immichs_own)] = "/external/icloud"
    volume: Label = "icloud-import"
    container: Annotated[Label | None, Field(description="Container that gets the mount. Default: the first one.")] = (
        None
    )


class Immich(Model):
    """Where Immich's server is found; Immich itself is deployed by somebody else."""

    namespace: Label = "immich"
    deployment: ObjectName = "immich-server"
    service: Service = Service()
    mount: Mount = Mount()
