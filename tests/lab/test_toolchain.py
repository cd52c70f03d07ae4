# ruff: noqa: SLF001 - what is inside is tested where the whole takes minutes
"""Which programs are used, and what is reported when one cannot be built."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from lab import build, go, recipes, toolchain
from lab.errors import LabError
from lab.recipes import ON_DEMAND, RECIPES, Recipe

BY_NAME = {recipe.name: recipe for recipe in RECIPES}
PINNED = {"etcd": "etcd Version: 3.6.5", "kubernetes": "Kubernetes v1.36.0", "kwok": "kwok version v0.7.0 go1.26.8"}


@pytest.fixture
def console() -> Console:
    return Console(width=200, force_terminal=False)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing installed and an empty cache; returns the only folder on its PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return path


def program(folder: Path, name: str, answer: str, *, code: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    (folder / name).chmod(0o755)


def answers() -> dict[str, str]:
    pulumi = "v" + ".".join(map(str, BY_NAME["pulumi"].oldest))
    return {name: {**PINNED, "pulumi": pulumi}[recipe.name] for recipe in RECIPES for name in recipe.packages}


def test_installed_programs_are_used(machine: Path, console: Console) -> None:
    for name, answer in answers().items():
        program(machine, name, answer)
    tools = toolchain.ensure(console)
    assert tools.etcd == machine / "etcd"
    assert tools.kube_controller_manager == machine / "kube-controller-manager"
    assert tools.pulumi == machine / "pulumi"


def test_kubebuilder_assets_come_before_path(
    machine: Path, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    for name, answer in answers().items():
        program(machine, name, answer)
        program(tmp_path / "assets", name, answer)
    assert toolchain.ensure(console).kube_apiserver == tmp_path / "assets" / "kube-apiserver"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("etcd", "etcd Version: 3.4.23"),
        ("kube-scheduler", "Kubernetes v1.32.9"),
        ("kwok", "kwok version v0.6.1 go1.23.4"),
        ("pulumi", "v3.257.0"),
        ("pulumi", "v4.0.0"),
        ("pulumi", "something else"),
    ],
)
def test_one_that_is_too_old_or_strange_is_built(machine: Path, name: str, answer: str) -> None:
    for other, good in answers().items():
        program(machine, other, good)
    program(machine, name, answer)
    assert {one for tool in RECIPES for one in tool.packages if one not in toolchain._installed(tool)} == {name}


def test_one_that_cannot_run_is_built(machine: Path) -> None:
    program(machine, "etcd", "etcd Version: 3.6.5", code=1)
    assert not toolchain._installed(BY_NAME["etcd"])


@pytest.mark.parametrize(
    ("version", "built"),
    [
        ("1.36.4", {"kube-controller-manager", "kube-scheduler"}),
        # The pinned controller manager would be newer than that API server, or two versions older.
        ("1.35.2", {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}),
        ("1.38.0", {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}),
    ],
)
def test_of_kubernetes_only_what_the_assets_lack_is_built(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, built: set[str]
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    asked: list[str] = []

    def build(missing: Sequence[Recipe], _: Console) -> dict[str, Path]:
        asked.extend(name for recipe in missing for name in recipe.packages)
        return {name: machine / name for name in asked}

    monkeypatch.setattr(toolchain, "build", build)
    program(tmp_path / "assets", "kube-apiserver", f"Kubernetes v{version}")
    found = toolchain.find([BY_NAME["kubernetes"]], Console())
    assert set(asked) == built
    assert found == {
        name: (machine if name in built else tmp_path / "assets") / name for name in BY_NAME["kubernetes"].packages
    }


def test_what_is_cached_is_used_without_go(console: Console) -> None:
    for recipe in RECIPES:
        for name in recipe.packages:
            program(recipe.cached, name, "")
    assert toolchain.ensure(console).kwok == BY_NAME["kwok"].cached / "kwok"


def test_one_tool_is_run_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an empty cache, without Go and network, any other would fail to build."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    recipe = next(recipe for recipe in ON_DEMAND if recipe.name == "actionlint")
    recipe.cached.mkdir(parents=True)
    (recipe.cached / "actionlint").write_text('#!/bin/sh\necho "$@"\nexit 3\n')
    (recipe.cached / "actionlint").chmod(0o755)
    ran = subprocess.run(
        [sys.executable, "-m", "lab.tool", "actionlint", "-color", "a file"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("-color a file\n", "", 3)


def test_a_tool_that_is_none_is_named_with_those_that_are() -> None:
    ran = subprocess.run([sys.executable, "-m", "lab.tool", "nosuch"], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: nosuch is no tool of this project. Allowed: etcd, ")


def test_too_little_disk_is_reported_before_anything_starts(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.build.shutil.disk_usage", lambda _: type("Usage", (), {"free": 2 * 1024**3}))
    with pytest.raises(LabError, match=r"needs 7\.0 GiB .* has 2\.0 GiB free.* XDG_CACHE_HOME"):
        toolchain.ensure(console)


# Compiles what its cache lacks and notes it. The file `fails` or `hangs` stops it at the second package.
_STAND_IN_GO = """#!/bin/sh
case $1 in
env) echo go1.99.0 ;;
list) printf 'one\\ntwo\\n' ;;
build)
    for package in one two; do
        [ ! -f "$GOCACHE/$package" ] || continue
        echo $package | /usr/bin/tee -a "$XDG_CACHE_HOME/compiled"
        if [ $package = two ]; then
            [ ! -f "$XDG_CACHE_HOME/fails" ] || exit 1
            [ ! -f "$XDG_CACHE_HOME/hangs" ] || exec /bin/sleep 600
        fi
        /bin/mkdir -p "$GOCACHE"
        : >"$GOCACHE/$package"
    done
    while [ "$1" != -o ]; do shift; done
    : >"$2"
    ;;
esac
"""


@pytest.mark.parametrize("fault", ["fails", "hangs"])
def test_an_unfinished_build_is_continued(
    machine: Path, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def interrupt(_: object, text: str, *_of: object) -> None:
        at_last = text in {"etcd: compiled 2 of 2 packages", "etcd: compiled 1 of 1 packages"}
        if fault == "hangs" and at_last and obstacle.exists():
            raise KeyboardInterrupt(text)

    obstacle = tmp_path / "cache" / fault
    monkeypatch.setattr("lab.progress.BuildProgress.show", interrupt)
    (machine / "go").write_text(_STAND_IN_GO)
    (machine / "go").chmod(0o755)
    obstacle.parent.mkdir()
    obstacle.touch()
    reasons = []
    for _ in range(2):
        with pytest.raises((LabError, KeyboardInterrupt)) as unfinished:
            build.build([BY_NAME["etcd"]], console)
        reasons.append(str(unfinished.value))
    obstacle.unlink()
    assert build.build([BY_NAME["etcd"]], console)["etcd"].is_file()
    assert (tmp_path / "cache" / "compiled").read_text().split() == ["one", "two", "two", "two"]
    assert not (recipes.cache() / "building").exists()
    if fault == "hangs":
        assert reasons == ["etcd: compiled 2 of 2 packages", "etcd: compiled 1 of 1 packages"]


def test_kept_files_count_towards_the_disk_that_a_build_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.build.shutil.disk_usage", lambda _: type("Usage", (), {"free": 0.2 * 1024**3}))
    kept = recipes.cache() / "building" / "cache" / "object"
    kept.parent.mkdir(parents=True)
    with kept.open("wb") as sparse:
        sparse.truncate(int(0.2 * 1024**3))
    with pytest.raises(LabError, match=r"needs 0\.3 GiB"):
        build._require_disk([BY_NAME["etcd"]])


def test_without_go_and_network_both_ways_out_are_named(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(LabError, match=r"takes Go 1\.26.*none is installed.*Install Go, or connect"):
        toolchain.ensure(console)
    assert not (recipes.cache() / "building").exists()


def test_an_old_go_is_not_used(machine: Path) -> None:
    program(machine, "go", "go1.22.3")
    assert go.version_of(str(machine / "go"), "env", "GOVERSION") < (1, 26)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("go: example.org/a@v1.0.0: verifying module: checksum mismatch", "example.org/a@v1.0.0: verifying module"),
        ("go: example.org/a@v1.0.0: Get x: dial tcp: connection refused", "Connect this machine"),
        ("write /x: no space left on device", "Free some disk"),
    ],
)
def test_a_refusal_says_why(tmp_path: Path, said: str, told: str) -> None:
    log = tmp_path / "log"
    log.write_text(f"go: downloading example.org/b v1.0.0\nexample.org/b/package\n{said}\n")
    assert told in str(build._refusal(BY_NAME["etcd"], go.Command(process=None, log=log)))  # type: ignore[arg-type]


@pytest.mark.parametrize("recipe", [*RECIPES, *ON_DEMAND], ids=lambda recipe: recipe.name)
def test_the_version_comes_from_the_pins(recipe: Recipe) -> None:
    version = recipe.version
    assert re.fullmatch(r"v\d+\.\d+\.\d+", version)
    assert all(version in flag for flag in recipe.flags if "Version=" in flag)


def test_debug_data_is_left_out_of_each_build_and_shapes_no_program() -> None:
    """Of several -gcflags that match a package, Go heeds the last."""
    unoptimised = "-gcflags=all=-N -l -dwarf=false"
    for name, told in (
        ("etcd", [unoptimised, "-gcflags=std= -dwarf=false"]),
        ("kwok", [unoptimised]),
        ("pulumi", ["-gcflags=all= -dwarf=false"]),
    ):
        assert BY_NAME[name].build_flags == (*BY_NAME[name].flags, *told)


def test_the_engine_that_is_built_is_the_sdk_s_own() -> None:
    assert BY_NAME["pulumi"].version == "v" + ".".join(map(str, BY_NAME["pulumi"].oldest))


def test_what_is_built_depends_on_the_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = BY_NAME["etcd"]
    before = recipe.cached
    source = tmp_path / "tools" / "etcd"
    source.mkdir(parents=True)
    for name in ("go.mod", "go.sum"):
        (source / name).write_bytes((recipe.source / name).read_bytes())
    monkeypatch.setattr(recipes, "SOURCES", tmp_path / "tools")
    assert recipe.cached == before
    with (source / "go.sum").open("a") as sums:
        sums.write("one more\n")
    assert recipe.cached != before


def test_the_plugin_for_dynamic_resources_is_executable(tmp_path: Path) -> None:
    build._write_dynamic_plugin(tmp_path)
    plugin = tmp_path / "pulumi-resource-pulumi-python"
    assert os.access(plugin, os.X_OK)
    assert plugin.read_text().endswith('exec python -u -m pulumi.dynamic "$@"\n')
