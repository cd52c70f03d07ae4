"""Renovate's configuration: each pattern is held against the lines that it is for."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components import images
from lab.engine import SOURCE
from lab.recipes import ON_DEMAND, RECIPES

CONFIGURATION: dict[str, Any] = json.loads((SOURCE / "renovate.json").read_text())
LOCKS = ("requirements-audit.txt", "requirements-dev.txt", "requirements.txt")
# All that Renovate lets an `uv pip compile` in a lock's header have (source: renovate, manager/pip-compile/common.ts).
OPTIONS = {"--universal", "--generate-hashes", "--constraints", "--group", "--output-file"}


def files(patterns: list[str]) -> set[str]:
    """The files of this project that Renovate's patterns mean."""
    places = (SOURCE, SOURCE / "components", SOURCE / "lab/tools/go", SOURCE / "lab/tools/icloudpd")
    names = [str(path.relative_to(SOURCE)) for place in places for path in place.iterdir()]
    return {name for name in names for pattern in patterns if re.search(pattern.strip("/"), name)}


def rule(groupName: str) -> dict[str, Any]:  # noqa: N803 (Renovate's word)
    (found,) = (one for one in CONFIGURATION["packageRules"] if one.get("groupName") == groupName)
    return dict(found)


def test_every_image_is_found_with_its_tag_and_digest() -> None:
    """The one that has no digest yet, too: there one is added."""
    (manager,) = CONFIGURATION["customManagers"]
    (name,) = files(manager["managerFilePatterns"])
    (pattern,) = manager["matchStrings"]
    expression = re.compile(pattern.replace("(?<", "(?P<"))
    matches = list(expression.finditer((SOURCE / name).read_text()))
    assert [match[0] for match in matches] == [f'"{v}"' for k, v in vars(images).items() if k.isupper()]
    for match in matches:
        digest = f"@{match['currentDigest']}" if match["currentDigest"] else ""
        # What the replacement's template writes, of the old values.
        assert match[0] == f'"{match["depName"]}:{match["currentValue"]}{digest}"'
    assert rule("images")["pinDigests"] is True


def test_every_lock_is_regenerated_as_by_make_lock() -> None:
    """Renovate runs the command of the first lines, and none with an option that it does not know."""
    assert files(CONFIGURATION["pip-compile"]["managerFilePatterns"]) == set(LOCKS)
    told = subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/.ready", "lock"],
        cwd=SOURCE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    made = {line.replace(".venv/bin/uv", "uv").replace(" --quiet", "") for line in told.splitlines()}
    headers = {lock: (SOURCE / lock).read_text().splitlines()[1].removeprefix("#    ") for lock in LOCKS}
    assert made == set(headers.values())
    for lock, command in headers.items():
        options = {word.partition("=")[0]: word.partition("=")[2] for word in command.split() if word.startswith("-")}
        assert options.keys() <= OPTIONS
        assert options["--output-file"] == lock


def test_what_moves_together_is_one_pull_request() -> None:
    assert {"pulumi", "github.com/pulumi/pulumi/**"} == set(rule("pulumi")["matchPackageNames"])
    modules = {recipe.name: recipe.module for recipe in (*RECIPES, *ON_DEMAND)}
    assert modules["pulumi"].startswith("github.com/pulumi/pulumi/")
    kubernetes = rule("kubernetes")
    recipes = [recipe for recipe in (*RECIPES, *ON_DEMAND) if recipe.module == "k8s.io/kubernetes"]
    names = [str((recipe.source / "go.mod").relative_to(SOURCE)) for recipe in recipes]
    assert kubernetes["matchFileNames"] == names
    assert kubernetes["matchPackageNames"] == ["k8s.io/**"]
    (version,) = {recipe.version for recipe in recipes}
    for name in names:
        replaced = re.findall(r"^\s(\S+) => (\S+) v0\.(\S+)$", (SOURCE / name).read_text(), re.MULTILINE)
        assert len(replaced) > 20
        assert all(old == new and new.startswith("k8s.io/") for old, new, _ in replaced)
        assert {f"v1.{number}" for *_, number in replaced} == {version}


@pytest.mark.parametrize("recipe", [*RECIPES, *ON_DEMAND], ids=lambda recipe: recipe.name)
def test_a_tool_s_module_is_its_tool_line_s(recipe: Any) -> None:
    """Of a go.mod Renovate updates the modules that its tools are in, and what a tool of our own requires itself.

    The rest follows by `go mod tidy`.
    """
    text = (Path(recipe.source) / "go.mod").read_text()
    tools = set(re.findall(r"^(?:tool |\t)([^\s(]+)$", text, re.MULTILINE))
    assert tools == set(recipe.packages.values())
    required = re.findall(r"^(?:require|\t)\s*(\S+) v\S+$", text, re.MULTILINE)
    assert all(tool.startswith(recipe.module) for tool in tools) or required == [recipe.module]
    assert "gomodTidy" in CONFIGURATION["postUpdateOptions"]
