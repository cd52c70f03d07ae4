"""The tools' programs: those already installed, or built once from pinned Go modules."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from lab.build import build
from lab.go import version_of
from lab.recipes import RECIPES, Recipe


@dataclass(frozen=True)
class Tools:
    """Paths of the rehearsal's programs; beside a `pulumi` that was built lies the plugin for dynamic resources."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    kwok: Path
    pulumi: Path


def ensure(console: Console) -> Tools:
    """Find every program of the rehearsal; see `find`."""
    return Tools(**{name.replace("-", "_"): path for name, path in find(RECIPES, console).items()})


def find(recipes: Iterable[Recipe], console: Console) -> dict[str, Path]:
    """Find some tools' programs, building what is neither installed nor cached; minutes the first time, then at once.

    Looks in `KUBEBUILDER_ASSETS`, on PATH and in the cache. Raises LabError, naming the ways out, when something
    has to be built and cannot be: no Go and no network, too little disk, a module that is refused.
    """
    programs: dict[str, Path] = {}
    missing = []
    for recipe in recipes:
        found = _installed(recipe)
        rest = replace(recipe, packages={name: one for name, one in recipe.packages.items() if name not in found})
        built = next((some for one in (rest, recipe) if (some := one.built()) is not None), None)
        programs |= found | (built or {})
        if built is None:
            missing.append(rest)
    if missing:
        programs |= build(missing, console)
    return programs


def _installed(recipe: Recipe) -> dict[str, Path]:
    """Return a tool's programs that are installed and new enough.

    Where some are missing, as `KUBEBUILDER_ASSETS` has of Kubernetes the API server alone, the others are used only in
    the minor version that the missing ones are built in: a controller manager may not be newer than its API server.
    """
    places = os.pathsep.join(filter(None, (os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("PATH", os.defpath))))
    paths = {name: path for name in recipe.packages if (path := shutil.which(name, path=places))}
    versions = {name: version_of(path, *recipe.asks_version) for name, path in paths.items()}
    found = {name for name, version in versions.items() if version >= recipe.oldest and version[0] == recipe.oldest[0]}
    if len(found) < len(recipe.packages):
        found = {name for name in found if versions[name][:2] == recipe.numbers[:2]}
    return {name: Path(paths[name]).absolute() for name in recipe.packages if name in found}
