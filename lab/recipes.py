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
from typing import Any

from lab.errors import LabError

SOURCES = Path(__file__).parent / "tools"
_BUILD_FLAGS = ("-trimpath",)
# It compiles a third faster, and most of the programs idle most of the time anyway.
_UNOPTIMISED = "-N -l"
# Packages, as Go's patterns name them: all of them, or Go's own library.
_ALL, _STD = "all", "std"
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
    the program its version. `optimised` are the packages that a program works in often enough to be worth their longer
    compilation. `tags` leave out what the program can do without.
    """

    name: str
    module: str
    packages: Mapping[str, str]
    oldest: tuple[int, ...]
    minutes: float
    gib: float
    asks_version: tuple[str, ...] = ("--version",)
    stamps: tuple[str, ...] = ()
    optimised: str = ""
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
        """What shapes the programs, of all that `go build` is told."""
        major, minor, *_ = self.numbers
        stamps = [f"-X {stamp.format(version=self.version, major=major, minor=minor)}" for stamp in self.stamps]
        tags = (f"-tags={','.join(self.tags)}",) if self.tags else ()
        optimisation = tuple(f"-gcflags={packages}={how}" for packages, how in self._compilation.items())
        return (*_BUILD_FLAGS, *tags, *optimisation, f"-ldflags={' '.join([*_LINK_FLAGS, *stamps])}")

    @property
    def build_flags(self) -> tuple[str, ...]:
        """What `go build` is told. Without debug data, which `-s -w` drops, it is faster."""
        compilation = {_ALL: "", **self._compilation}
        return (*self.flags, *(f"-gcflags={packages}={how} -dwarf=false" for packages, how in compilation.items()))

    @property
    def _compilation(self) -> dict[str, str]:
        """How packages are compiled. Of several that match one, Go heeds the last."""
        if self.optimised == _ALL:
            return {}
        return {_ALL: _UNOPTIMISED, **({self.optimised: ""} if self.optimised else {})}

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


def _commands(name: str, module: str, *programs: str, **more: Any) -> Recipe:
    """Name a tool whose programs, or the one of its own name, are where Go's modules have their commands."""
    return Recipe(name, module, {program: f"{module}/cmd/{program}" for program in programs or (name,)}, **more)


_K8S_VERSION = "k8s.io/component-base/version"
_K8S_STAMPS = (
    f"{_K8S_VERSION}.gitVersion={{version}}",
    f"{_K8S_VERSION}.gitMajor={{major}}",
    f"{_K8S_VERSION}.gitMinor={{minor}}",
)
_ETCD = "go.etcd.io/etcd/server/v3"
# What the rehearsal runs, all of it together.
RECIPES = (
    Recipe("etcd", _ETCD, {"etcd": _ETCD}, oldest=(3, 5), minutes=0.2, gib=0.5, optimised=_STD),
    # One build for all three: they share nearly everything, and must be of one version.
    _commands(
        "kubernetes",
        "k8s.io/kubernetes",
        *("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
        oldest=(1, 33),
        minutes=2,
        gib=2.5,
        # The start of an API server takes 5 s of a processor's time, and 7.5 s unoptimised.
        optimised=_STD,
        stamps=_K8S_STAMPS,
    ),
    _commands("kwok", "sigs.k8s.io/kwok", oldest=(0, 7), minutes=0.7, gib=1),
    _commands(
        "pulumi",
        "github.com/pulumi/pulumi/pkg/v3",
        asks_version=("version",),
        # An engine older than its Python SDK is what Pulumi does not support.
        oldest=tuple(int(part) for part in importlib.metadata.version("pulumi").split(".")[:3]),
        minutes=2,
        gib=3,
        # Each `up` starts it five times: 0.3 s of a processor's time each, and 0.7 s unoptimised.
        optimised=_ALL,
        stamps=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version}",),
    ),
)

# Of the control plane's version, but built apart: only `make test-node` has a use for it.
KUBELET = _commands("kubelet", "k8s.io/kubernetes", oldest=(1, 33), minutes=3, gib=2.5, stamps=_K8S_STAMPS)

# Of iCloud's clients the one that no package index has as a program: built for an account that it fetches for.
RCLONE = Recipe(
    "rclone",
    "github.com/rclone/rclone",
    {"rclone": "immich-icloud.lab/tools/rclone"},
    asks_version=("version",),
    oldest=(1, 76),
    minutes=0.7,
    gib=0.5,
    stamps=("github.com/rclone/rclone/fs.Version={version}",),
)

# Evaluates the alerts: only `make test-alerts` has a use for it. Without the clouds' discovery, which is most of it.
PROMTOOL = _commands(
    "promtool", "github.com/prometheus/prometheus", oldest=(3,), minutes=1.5, gib=2, tags=("remove_all_sd",)
)

# Leads requests to Services, by an Ingress or an HTTPRoute: only `make test-routes` has a use for it.
TRAEFIK = _commands(
    "traefik",
    "github.com/traefik/traefik/v3",
    asks_version=("version",),
    oldest=(3, 6),
    minutes=4.5,
    gib=3,
    stamps=("github.com/traefik/traefik/v3/pkg/version.Version={version}",),
)

_KIND = "sigs.k8s.io/kind"
_ASKED: dict[str, Any] = {"asks_version": ("-version",), "minutes": 0.3, "gib": 0.3}
# What one target needs by itself.
ON_DEMAND = (
    KUBELET,
    PROMTOOL,
    RCLONE,
    TRAEFIK,
    _commands("actionlint", "github.com/rhysd/actionlint", oldest=(1, 7), **_ASKED),
    # Its source names its node image, by digest: go.sum pins that, too.
    Recipe("kind", _KIND, {"kind": _KIND}, asks_version=("version",), oldest=(0, 32), minutes=0.3, gib=0.3),
    # The first number that it says is Go's: any that runs will do.
    _commands("govulncheck", "golang.org/x/vuln", oldest=(1,), **_ASKED),
)


def listed(recipes: Iterable[Recipe]) -> str:
    """The names of all programs of some tools, for a sentence."""
    return ", ".join(name for recipe in recipes for name in recipe.packages)
