"""A command that a person copies names its stack: Pulumi's CLI would act on the one that is selected."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.immich import ImmichError
from lab.engine import SOURCE
from settings.cluster import Cluster
from settings.load import API_KEY
from text.command import ConfigSet, kubectl_of, with_command

PRODUCT = ("clients", "components", "engine", "observe", "ops", "preflight", "providers", "review", "settings", "text")
PAGES = [SOURCE / "README.md", SOURCE / "Pulumi.yaml", *SOURCE.glob("Pulumi.*.yaml"), *SOURCE.glob("docs/*.md")]
# `stack init NAME` and `login` act on what they name; a sentence may speak of `pulumi up`.
ON_A_STACK = re.compile(
    r"pulumi (config set|config rm|cancel|state \w+|stack (?:export|output|rename|select|import|rm))\b"
)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (ConfigSet("home", API_KEY), "pulumi config set --stack home --secret immich-icloud:immichApiKey"),
        (ConfigSet("home", "p:a.b"), "pulumi config set --stack home --secret --path p:a.b"),
        (ConfigSet("home", "p:urls[0]"), "pulumi config set --stack home --secret --path 'p:urls[0]'"),
        (ConfigSet("home", "p:a.b", "1", secret=False), "pulumi config set --stack home --path p:a.b 1"),
        (ConfigSet("", "p:a"), "pulumi config set --secret p:a"),
    ],
)
def test_a_setting_is_stored_in_its_stack(command: ConfigSet, text: str) -> None:
    assert str(command) == text


def test_an_error_about_a_secret_ends_in_the_command_that_stores_it() -> None:
    assert with_command(ImmichError("the key is missing", secret=API_KEY), "home").endswith(
        "`pulumi config set --stack home --secret immich-icloud:immichApiKey`"
    )
    assert with_command(ImmichError("Immich is busy"), "home") == "Immich is busy"


@pytest.mark.parametrize(
    ("remedy", "is_command"),
    [("kubectl get pvc -n immich", True), ("Remove it: kubectl delete pod x", True), ("Run `kubectl get pods`", True),
     ("make up && kubectl get pods", True), ("It was set with kubectl by hand", False), ("make up", False)],
)  # fmt: skip
def test_commands_of_kubectl_name_the_cluster(remedy: str, *, is_command: bool) -> None:
    cluster = Cluster(kubeconfig="my clusters/config", context="admin@home", identifier="home")
    said = kubectl_of(f"It fails. {remedy}", cluster.kubectl)
    file = Path("my clusters/config").absolute()
    assert [one.partition(": ")[2] for one in said] == [
        f"kubectl --kubeconfig '{file}' --context admin@home"
    ] * is_command


def texts(file: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings; what is filled in is left out."""
    tree = ast.parse(file.read_text())
    docstrings = {one.value for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    inside = {part for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for part in one.values}
    for one in ast.walk(tree):
        if isinstance(one, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in one.values)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and one not in docstrings | inside:
            yield one.value


def nameless(text: str) -> list[str]:
    """The commands in a text that name no stack. `pulumi config set --secret` alone is a way, not a command."""
    said = [
        (found, text[found.end() :].splitlines()[0] if text[found.end() :] else "")
        for found in ON_A_STACK.finditer(text)
    ]
    return [found[0] for found, rest in said if re.match(r" [^`]", rest) and "--stack" not in rest.partition("`")[0]]


@pytest.mark.parametrize("package", PRODUCT)
def test_no_message_prints_a_command_without_its_stack(package: str) -> None:
    found = {
        f"{file.relative_to(SOURCE)}: {command}"
        for file in (SOURCE / package).rglob("*.py")
        for text in texts(file)
        for command in nameless(text)
    }
    assert found - {"text/command.py: pulumi config set"} == set()


def test_no_script_spells_a_command() -> None:
    scripts = sorted((SOURCE / "components").glob("*.sh"))
    lines = [line for one in scripts for line in one.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if re.search("[Rr]un make |`make ", line)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_shows_a_command_without_its_stack(page: Path) -> None:
    assert nameless(page.read_text()) == []
