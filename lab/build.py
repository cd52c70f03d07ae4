"""Build tools from their pinned Go modules into a cache outside the clone, so that a second clone builds nothing."""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from lab import processes
from lab.errors import LabError
from lab.go import Command, Go, find_go, scratch
from lab.progress import QUIET_SECONDS, BuildProgress
from lab.recipes import ON_DEMAND, RECIPES, Recipe, cache, listed

_GIB = 1024**3


def build(recipes: Sequence[Recipe], console: Console) -> dict[str, Path]:
    """Build some tools and return their programs; one build at a time on this machine.

    What a failed or interrupted build downloaded and compiled is kept until one succeeds. Raises LabError when there is
    too little disk, no Go and no network, or a module is refused.
    """
    programs: dict[str, Path] = {}
    with only_builder(console):
        missing = []
        for recipe in recipes:
            # Another clone may have built it while this one waited.
            if found := recipe.built():
                programs |= found
            else:
                missing.append(recipe)
        if missing:
            _require_disk(missing)
            with _workshop(console) as workshop, BuildProgress(console, missing) as progress:
                go = find_go(workshop, missing, progress)
                # All at once: while one tool compiles, the modules of the next are on their way.
                listings = [go.start("list", recipe, "-deps", *recipe.packages.values()) for recipe in missing]
                for recipe, listing in zip(missing, listings, strict=True):
                    programs |= _build_one(recipe, go, listing, progress)
    return programs


@contextlib.contextmanager
def only_builder(console: Console) -> Iterator[None]:
    """Hold the cache's lock, so that two clones do not build the same; the system frees it if we are killed."""
    place = cache()
    try:
        place.mkdir(parents=True, exist_ok=True)
        handle = (place / "lock").open("w")
    except OSError as error:
        raise LabError(
            f"The cache {place} cannot be written: {error.strerror}. Set XDG_CACHE_HOME to a folder of yours."
        ) from error
    with handle:
        reported = float("-inf")
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - reported >= QUIET_SECONDS:
                    console.print(f"Another clone is building the tools in {place}; waiting for it.", soft_wrap=True)
                    reported = time.monotonic()
                time.sleep(0.5)
        yield


def _building() -> Path:
    return cache() / "building"


def _require_disk(recipes: Sequence[Recipe]) -> None:
    kept = sum(path.lstat().st_size for path in _building().rglob("*")) / _GIB
    needed = max(sum(recipe.gib for recipe in recipes) - kept, 0)
    free = shutil.disk_usage(cache()).free / _GIB
    if free < needed:
        raise LabError(
            f"Building {listed(recipes)} needs {needed:.1f} GiB for a while, and {cache()} has {free:.1f} GiB free. "
            "Free some, or set XDG_CACHE_HOME to a folder on a larger disk."
        )


@contextlib.contextmanager
def _workshop(console: Console) -> Iterator[Path]:
    """The folder to build in, with what an unfinished build left to continue from; no compiler outlives it."""
    place = _building()
    finished = False
    try:
        # A build whose starter was killed goes on compiling: end that first.
        processes.end(place)
        shutil.rmtree(scratch(place), ignore_errors=True)
        scratch(place).mkdir(parents=True)
        yield place
        finished = True
    finally:
        processes.end(place)
        if finished or not (place / "cache").exists():
            shutil.rmtree(place, ignore_errors=True)
        else:
            shutil.rmtree(scratch(place), ignore_errors=True)
            console.print(f"The next build continues from what is compiled in {place}.", soft_wrap=True)


def _build_one(recipe: Recipe, go: Go, listing: Command, progress: BuildProgress) -> dict[str, Path]:
    while listing.running():
        modules = sum(line.startswith("go: downloading") for line in listing.lines())
        progress.show(f"{recipe.name}: downloading modules, {modules} so far")
        time.sleep(0.2)
    if listing.process.returncode:
        raise _refusal(recipe, listing)
    needed = set(_packages(listing)) - _compiled_before(recipe, go)

    product = scratch(go.workshop) / recipe.cached.name
    product.mkdir()
    # Of one package, the result is named by us: "server", as Go would have it, is not "etcd".
    target = product / next(iter(recipe.packages)) if len(recipe.packages) == 1 else product
    build = go.start("build", recipe, "-v", *recipe.build_flags, "-o", f"{target}", *recipe.packages.values())
    while build.running():
        compiled = _packages(build)
        of = max(len(needed), len(compiled), 1)
        linking = compiled[-1:] and compiled[-1] in recipe.packages.values()
        text = "linking" if linking else f"compiled {len(compiled)} of {of} packages"
        progress.show(f"{recipe.name}: {text}", recipe.name, 0.95 if linking else 0.9 * len(compiled) / of)
        time.sleep(0.2)
    if build.process.returncode:
        raise _refusal(recipe, build)
    if recipe.name == "pulumi":
        _write_dynamic_plugin(product)
    with contextlib.suppress(OSError):
        shutil.rmtree(recipe.cached)
    product.rename(recipe.cached)
    progress.show(f"{recipe.name}: done", recipe.name, 1.0)
    return {name: recipe.cached / name for name in recipe.packages}


def _packages(command: Command) -> list[str]:
    """The packages that `go list` found, or that `go build -v` has begun to compile."""
    return [line for line in command.lines() if " " not in line]


def _compiled_before(recipe: Recipe, go: Go) -> set[str]:
    """What another tool's or an unfinished build compiled with the same flags: Go does not compile it again."""
    alike = [one.name for one in (*RECIPES, *ON_DEMAND) if one.optimised == recipe.optimised]
    logs = [log for name in alike for log in go.workshop.glob(f"logs/build-{name}.*log")]
    return {line for log in logs for line in log.read_text(errors="replace").splitlines() if " " not in line}


def _write_dynamic_plugin(folder: Path) -> None:
    """The two lines that the released CLI ships as well: dynamic resources run in the Python that PATH names first."""
    plugin = folder / "pulumi-resource-pulumi-python"
    plugin.write_text('#!/bin/sh\nexec python -u -m pulumi.dynamic "$@"\n')
    plugin.chmod(0o755)


def _refusal(recipe: Recipe, command: Command) -> LabError:
    said = [line for line in command.lines() if " " in line and not line.startswith(("go: downloading", "#"))]
    text = "; ".join(line.strip() for line in said[:3]) or f"go ended with {command.process.returncode}, saying nothing"
    if "no space left on device" in text:
        return LabError(f"{cache()} is full. Free some disk, or set XDG_CACHE_HOME to a folder on a larger one.")
    if any(sign in text for sign in ("dial tcp", "no such host", "i/o timeout", "TLS handshake", "GOPROXY=off")):
        return LabError(
            f"{listed([recipe])} must be built once, and its Go modules cannot be downloaded: {text}. "
            f"Connect this machine and try again, or put {listed([recipe])} on PATH ({_wanted(recipe)})."
        )
    return LabError(f"{listed([recipe])} cannot be built from {recipe.source / 'go.mod'}: {text}")


def _wanted(recipe: Recipe) -> str:
    return ".".join(map(str, recipe.oldest)) + " or newer"
