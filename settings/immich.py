"""The Immich that runs already, and how it sees the photos."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from settings.external_library import Library
from settings.model import (
    AbsolutePath,
    Allowed,
    Backend,
    Example,
    Label,
    Model,
    ObjectName,
    Omittable,
    Port,
    ServiceName,
    not_allowed,
)

# Where Immich's image keeps its system, program and uploads: a mount over them hides them.
_IMMICHS_TREES = ("/bin", "/boot", "/data", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr")
_IMMICHS_OWN = (*_IMMICHS_TREES, "/home", "/opt", "/root", "/tmp", "/var", "/var/run")


def _beside_immichs_own(path: str) -> str:
    if path in _IMMICHS_OWN or path.startswith(tuple(f"{tree}/" for tree in _IMMICHS_TREES)):
        raise not_allowed(
            'a path that hides nothing of Immich\'s own (/usr, /data, /etc, ...), e.g. "/external/icloud"'
        )
    return path


class Service(Model):
    """Immich's Service, as the route's backend."""

    name: Annotated[
        Omittable[ServiceName],
        Field(description="Default: the Service that selects the pods of Immich's server."),
    ] = None
    port: Annotated[
        Omittable[Port],
        Field(description="Default: the port that leads to Immich: 2283, 3001, or the one named http."),
    ] = None


_CHART = Backend("immich", "immich-server", 3001)

Kind = Literal["entries", "chart", "admission"]


class Mount(Model):
    """The volume and its mount in Immich's Deployment, and who states them there."""

    kind: Annotated[
        Kind,
        Allowed(
            "entries (this stack states them), chart (Immich's Helm chart does, and they are checked) or admission "
            "(the API server adds them to each pod; Kubernetes 1.36)",
            "admission",
        ),
    ] = "entries"
    path: Annotated[AbsolutePath, AfterValidator(_beside_immichs_own)] = "/external/icloud"
    volume: Label = "icloud-import"
    container: Annotated[
        Omittable[Label],
        Example("immich-server"),
        Field(description="Container that gets the mount. Default: each that runs the image immich-server."),
    ] = None


def _spelt_out(mount: object) -> object:
    return {"kind": mount} if mount in get_args(Kind) else mount


class Immich(Model):
    """Where Immich's server is found. Immich itself is not deployed by this stack."""

    namespace: Label = "immich"
    deployment: Annotated[
        Omittable[ObjectName],
        Example("immich-server"),
        Field(
            description="Name of the Deployment, StatefulSet or DaemonSet that runs Immich's server. Default: each "
            "that runs the image immich-server."
        ),
    ] = None
    service: Service = Service()
    mount: Annotated[
        Mount,
        BeforeValidator(_spelt_out, json_schema_input_type=Mount | Kind),
        Allowed("entries, chart, admission, or a mapping with the keys kind, path, volume, container", "chart"),
    ] = Mount()
    library: Library = Library()

    @property
    def backend(self) -> Backend:
        """Its Service; where neither the settings nor the cluster name one, that of Immich's chart."""
        return Backend(self.namespace, self.service.name or _CHART.service, self.service.port or _CHART.port)
