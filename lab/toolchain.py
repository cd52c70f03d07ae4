"""The tools' programs: those already installed, or built once from pinned Go modules."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lab.build import build
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
        if found := _installed(recipe) or recipe.built():
            programs |= found
        else:
            missing.append(recipe)
    if missing:
        programs |= build(missing, console)
    return programs


def _installed(recipe: Recipe) -> dict[str, Path] | None:
    """All programs of a tool, when each is installed and new enough."""
    places = os.pathsep.join(filter(None, (os.environ.get("KUBEBUILDER_ASSETS"), os.environ.get("PATH", os.defpath))))
    found = {name: shutil.which(name, path=places) for name in recipe.packages}
    if not all(path and _new_enough(path, recipe) for path in found.values()):
        return None
    return {name: Path(path).absolute() for name, path in found.items() if path}


def _new_enough(program: str, recipe: Recipe) -> bool:
    try:
        answer = subprocess.run(
            [program, *recipe.asks_version],
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    number = re.search(r"\d+(?:\.\d+)+", answer)
    if not number:
        return False
    version = tuple(int(part) for part in number[0].split("."))
    return version >= recipe.oldest and version[0] == recipe.oldest[0]
