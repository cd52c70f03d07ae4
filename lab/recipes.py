"""The tools: how to recognise and how to build each one; `lab/tools/<tool>/go.mod` and `go.sum` pin it."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

SOURCES = Path(__file__).parent / "tools"
_BUILD_FLAGS = ("-trimpath",)
# It compiles a fifth faster, and most of the programs idle most of the time anyway.
_UNOPTIMISED = "-gcflags=all=-N -l"
_LINK_FLAGS = ("-s", "-w")


def cache() -> Path:
    """The folder for what was built, shared by all clones of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "immich-icloud" / "tools"


@dataclass(frozen=True)
class Recipe:
    """How to recognise and to build one tool.

    `packages` maps each program to its Go package; `module` is the one whose version they have. An installed program
    is used from version `oldest` on, within that major version; `asks_version` makes it say its own. `minutes` were
    measured on two idle cores, `gib` is the disk its build needs at its peak. `stamps` are linker variables that tell
    the program its version. `optimised` is a program that starts often enough to be worth its longer compilation.
    `tags` leave out what the program can do without.
    """

    name: str
    module: str
    packages: Mapping[str, str]
    asks_version: tuple[str, ...]
    oldest: tuple[int, ...]
    minutes: float
    gib: float
    stamps: tuple[str, ...] = ()
    optimised: bool = False
    tags: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        """The folder with the pins."""
        return SOURCES / self.name

    @property
    def version(self) -> str:
        """The version that go.mod pins, as "v1.2.3"."""
        found = re.search(
            rf"^(?:require)?\s*{re.escape(self.module)} (v\S+)", (self.source / "go.mod").read_text(), re.MULTILINE
        )
        if not found:
            raise LabError(f"{self.source / 'go.mod'} does not require {self.module}: restore it from git.")
        return found[1]

    @property
    def numbers(self) -> tuple[int, ...]:
        """That version, to compare."""
        return tuple(int(part) for part in self.version.removeprefix("v").split("."))

    @property
    def flags(self) -> tuple[str, ...]:
        """What `go build` is told."""
        major, minor, *_ = self.numbers
        stamps = [f"-X {stamp.format(version=self.version, major=major, minor=minor)}" for stamp in self.stamps]
        optimisation = () if self.optimised else (_UNOPTIMISED,)
        tags = (f"-tags={','.join(self.tags)}",) if self.tags else ()
        return (*_BUILD_FLAGS, *tags, *optimisation, f"-ldflags={' '.join([*_LINK_FLAGS, *stamps])}")

    @property
    def cached(self) -> Path:
        """The folder with what this recipe builds; it exists only when it is complete."""
        key = hashlib.sha256()
        for part in (
            *(path.read_bytes() for path in sorted(self.source.glob("go.*"))),
            *(path.read_bytes() for path in sorted(self.source.glob("*.go"))),
            json.dumps([self.flags, dict(self.packages), platform.system(), platform.machine()]).encode(),
        ):
            key.update(hashlib.sha256(part).digest())
        return cache() / f"{self.name}-{key.hexdigest()[:16]}"

    def built(self) -> dict[str, Path] | None:
        """The programs, when they are in the cache."""
        found = {name: self.cached / name for name in self.packages}
        return found if all(path.is_file() for path in found.values()) else None


_K8S_VERSION = "k8s.io/component-base/version"
_K8S_STAMPS = (
    f"{_K8S_VERSION}.gitVersion={{version}}",
    f"{_K8S_VERSION}.gitMajor={{major}}",
    f"{_K8S_VERSION}.gitMinor={{minor}}",
)
# What the rehearsal runs, all of it together.
RECIPES = (
    Recipe(
        name="etcd",
        module="go.etcd.io/etcd/server/v3",
        packages={"etcd": "go.etcd.io/etcd/server/v3"},
        asks_version=("--version",),
        oldest=(3, 5),
        minutes=0.4,
        gib=0.5,
    ),
    Recipe(
        # One build for all three: they share nearly everything, and must be of one version.
        name="kubernetes",
        module="k8s.io/kubernetes",
        packages={
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
        },
        asks_version=("--version",),
        oldest=(1, 33),
        minutes=4,
        gib=2.5,
        stamps=_K8S_STAMPS,
    ),
    Recipe(
        name="kwok",
        module="sigs.k8s.io/kwok",
        packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
        asks_version=("--version",),
        oldest=(0, 7),
        minutes=1.3,
        gib=1,
    ),
    Recipe(
        name="pulumi",
        module="github.com/pulumi/pulumi/pkg/v3",
        packages={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
        asks_version=("version",),
        # An engine older than its Python SDK is what Pulumi does not support.
        oldest=tuple(int(part) for part in importlib.metadata.version("pulumi").split(".")[:3]),
        minutes=4,
        gib=3,
        # Each `up` starts it five times: 0.3 s of a processor's time each, and 0.7 s unoptimised.
        optimised=True,
        stamps=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version}",),
    ),
)

# Of the control plane's version, but built apart: only `make test-node` has a use for it.
KUBELET = Recipe(
    name="kubelet",
    module="k8s.io/kubernetes",
    packages={"kubelet": "k8s.io/kubernetes/cmd/kubelet"},
    asks_version=("--version",),
    oldest=(1, 33),
    minutes=3,
    gib=2.5,
    stamps=_K8S_STAMPS,
)

# Of iCloud's clients the one that no package index has as a program: built for an account that it fetches for.
RCLONE = Recipe(
    name="rclone",
    module="github.com/rclone/rclone",
    packages={"rclone": "immich-icloud.lab/tools/rclone"},
    asks_version=("version",),
    oldest=(1, 76),
    minutes=0.7,
    gib=0.5,
    stamps=("github.com/rclone/rclone/fs.Version={version}",),
)

# Evaluates the alerts: only `make test-alerts` has a use for it.
PROMTOOL = Recipe(
    name="promtool",
    module="github.com/prometheus/prometheus",
    packages={"promtool": "github.com/prometheus/prometheus/cmd/promtool"},
    asks_version=("--version",),
    oldest=(3,),
    minutes=1.5,
    gib=2,
    tags=("remove_all_sd",),  # the clouds' discovery, which is most of it
)

# Leads requests to Services, by an Ingress or an HTTPRoute: only `make test-routes` has a use for it.
TRAEFIK = Recipe(
    name="traefik",
    module="github.com/traefik/traefik/v3",
    packages={"traefik": "github.com/traefik/traefik/v3/cmd/traefik"},
    asks_version=("version",),
    oldest=(3, 6),
    minutes=4.5,
    gib=3,
    stamps=("github.com/traefik/traefik/v3/pkg/version.Version={version}",),
)

# What one target needs by itself.
ON_DEMAND = (
    KUBELET,
    PROMTOOL,
    RCLONE,
    TRAEFIK,
    Recipe(
        name="actionlint",
        module="github.com/rhysd/actionlint",
        packages={"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"},
        asks_version=("-version",),
        oldest=(1, 7),
        minutes=0.3,
        gib=0.3,
    ),
    Recipe(
        # Its source names its node image, by digest: go.sum pins that, too.
        name="kind",
        module="sigs.k8s.io/kind",
        packages={"kind": "sigs.k8s.io/kind"},
        asks_version=("version",),
        oldest=(0, 32),
        minutes=0.3,
        gib=0.3,
    ),
    Recipe(
        name="govulncheck",
        module="golang.org/x/vuln",
        packages={"govulncheck": "golang.org/x/vuln/cmd/govulncheck"},
        # The first number that it says is Go's: any that runs will do.
        asks_version=("-version",),
        oldest=(1,),
        minutes=0.3,
        gib=0.3,
    ),
)


def listed(recipes: Iterable[Recipe]) -> str:
    """The names of all programs of some tools, for a sentence."""
    return ", ".join(name for recipe in recipes for name in recipe.packages)
