"""Where the photos lie: one union, told apart by `kind`."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from settings.model import (
    AbsolutePath,
    Allowed,
    Capacity,
    Example,
    Label,
    Model,
    NodeName,
    NonEmpty,
    ObjectName,
    Omittable,
    SubPath,
    Text,
    UserId,
    not_allowed,
    refuse,
    together,
)
from settings.resources import Resources

# Trees that a node's operating system, container runtime, etcd and kubelet live in.
_SYSTEM_TREES = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/nix", "/proc", "/root", "/run", "/sbin", "/snap", "/sys"),
    *("/system", "/tmp", "/usr"),
    *("/opt/bin", "/opt/cni", "/opt/containerd"),
    *("/var/cache", "/var/db", "/var/etcd", "/var/log", "/var/run", "/var/snap", "/var/spool", "/var/tmp"),
    *("/var/lib/cni", "/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/etcd"),
    *("/var/lib/k0s", "/var/lib/kubelet", "/var/lib/rancher"),
)
# People's home directories lie in these.
_HOMES = ("/home", "/var/home")
_SHALLOWEST = 2  # components: the Job mounts the parent, which must not be the node's root


def _directory_of_its_own(path: str) -> str:
    """Refuse what the node needs, and what has that beside it: root mounts the parent to make the directory there."""
    parent = path.rpartition("/")[0]
    inside = any(path == tree or path.startswith(f"{tree}/") for tree in _SYSTEM_TREES)
    beside = parent in _HOMES or any(tree.startswith(f"{parent}/") for tree in _SYSTEM_TREES)
    if inside or beside or len(path.split("/")) - 1 < _SHALLOWEST:
        raise not_allowed(
            "a directory of its own, at least two levels deep and outside the node's system directories, "
            'e.g. "/var/mnt/icloud-photos"',
        )
    return path


NodeDirectory = Annotated[
    AbsolutePath,
    AfterValidator(_directory_of_its_own),
    Example("/var/mnt/icloud-photos"),
]
AccessMode = Annotated[
    Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"],
    Allowed("ReadWriteOnce, ReadWriteMany or ReadWriteOncePod (the sync has to write)", "ReadWriteMany"),
]


class Owner(Model):
    """Numeric user and group that own the directory: whoever writes photos runs as them."""

    uid: UserId = 0
    gid: UserId = 0


def _modes_that_go_together(modes: tuple[str, ...]) -> tuple[str, ...]:
    # Field(min_length=1) also counts the items that were refused: two errors for one fault.
    if not modes:
        raise not_allowed('a list of access modes, e.g. ["ReadWriteMany"]')
    if "ReadWriteOncePod" in modes and len(modes) > 1:  # the API server refuses it
        raise not_allowed('ReadWriteOncePod alone, or other modes without it, e.g. ["ReadWriteMany"]')
    return modes


# Immich's own volume and claim are named after it, with `-immich` at its end.
VolumeName = Annotated[
    ObjectName,
    Field(max_length=246),
    Allowed("lower-case letters, digits, '-' and '.', at most 246 characters", "icloud-photos-shared"),
]


OfSmallContainers = Annotated[
    Resources,
    Field(description="Of the small containers that look at the disk: Jobs, and the startup check in Immich's pods."),
]


class _Volume(Model):
    persistent_volume: Annotated[VolumeName, Field(description="Name of the PersistentVolume.")] = (
        "icloud-photos-shared"
    )
    claim: Annotated[VolumeName, Field(description="Name of the PersistentVolumeClaim that the sync writes to.")] = (
        "icloud-photos"
    )
    capacity: Capacity = "500Gi"
    access_modes: Annotated[
        tuple[AccessMode, ...],
        AfterValidator(_modes_that_go_together),
        Field(json_schema_extra={"minItems": 1}),
        Allowed("a list of access modes", ["ReadWriteMany"]),
    ] = ("ReadWriteMany",)
    owner: Annotated[Owner, Field(description="Who owns the directory.")] = Owner()
    resources: OfSmallContainers = Resources()


class _NodeVolume(_Volume):
    node: Annotated[
        NodeName,
        Field(description="The node that has the disk, by its label kubernetes.io/hostname."),
    ]
    path: Annotated[NodeDirectory, Field(description="Directory on that node. Made, with mode 755, if it is missing.")]


class HostPath(_NodeVolume):
    """A directory on the node, which Immich mounts as an inline hostPath. Needs PodSecurity `privileged`."""

    kind: Literal["hostPath"]
    host_path_type: Annotated[
        Literal["", "Directory", "DirectoryOrCreate"],
        Field(description="`hostPath.type` of the PersistentVolume. It can't be changed on one that exists."),
        Allowed("'', Directory or DirectoryOrCreate", "Directory"),
    ] = ""


class Local(_NodeVolume):
    """The same directory as a local volume: Immich mounts a read-only claim, and stays on the node of its files."""

    kind: Literal["local"]


class Nfs(_Volume):
    """An export of an NFS server."""

    kind: Literal["nfs"]
    server: Annotated[
        NonEmpty, Field(pattern=r"^[^/\s]+$", max_length=253), Allowed("the server's host name or address", "nas.lan")
    ]
    path: Annotated[
        AbsolutePath,
        Field(description="The exported directory."),
        Example("/export/photos"),
    ]


class Csi(_Volume):
    """A volume of a CSI driver that several pods can mount at once."""

    kind: Literal["csi"]
    driver: Annotated[
        ObjectName, Field(max_length=63), Allowed("the CSI driver's name, at most 63 characters", "smb.csi.k8s.io")
    ]
    volume_handle: Annotated[
        NonEmpty, Allowed("the driver's handle of the volume, at most 1024 characters", "nas/photos#sync")
    ]
    immich_volume_handle: Annotated[
        NonEmpty,
        Field(description="Handle for Immich's read-only volume; the kubelet tells volumes apart by it."),
        Allowed("a second handle of the same volume, unlike volumeHandle", "nas/photos#immich"),
    ]
    volume_attributes: Annotated[
        dict[Annotated[NonEmpty, Field(max_length=253)], Text],
        together(255),
        Field(description="As the driver documents them."),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _two_handles(self) -> Self:
        if self.volume_handle == self.immich_volume_handle:
            raise refuse(
                "immichVolumeHandle",
                self.immich_volume_handle,
                "a handle unlike volumeHandle: a node mounts a handle once, and Immich would wait forever",
            )
        return self


class ClaimPart(Model):
    """A claim that is there, or a directory in it."""

    name: ObjectName
    sub_path: Annotated[Omittable[SubPath], Field(description="Directory in the volume. Default: all of it.")] = None


class ExistingClaim(ClaimPart):
    """The claim that the sync writes to."""

    namespace: Annotated[Label, Field(description="Its namespace, in which the sync runs, too.")]


class Existing(Model):
    """A claim that is there, of any class. It is never changed or removed, nor is its volume."""

    kind: Literal["existing"]
    claim: ExistingClaim
    immich_claim: Annotated[
        Omittable[ClaimPart],
        Field(description="Immich's claim of the same directory, where `claim` is not in Immich's namespace."),
    ] = None
    owner: Annotated[
        Owner, Field(description="As whom photos are written. Nothing is given to that user: it has to be able to.")
    ] = Owner()
    resources: OfSmallContainers = Resources()

    @property
    def read(self) -> ClaimPart:
        """What Immich reads."""
        return self.immich_claim or self.claim


Storage = Annotated[
    HostPath | Local | Nfs | Csi | Existing,
    Field(discriminator="kind"),
    Allowed(
        "a mapping with kind: hostPath, local, nfs, csi or existing", {"kind": "hostPath", "node": "talos-1ca-62z"}
    ),
]
OnNode = HostPath | Local
# Kinds whose volume and claim this stack creates.
Created = HostPath | Local | Nfs | Csi
