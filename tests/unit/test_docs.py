"""The docs against the code: examples are parts of tested stack files; links, keys and make targets exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.engine import SOURCE
from lab.rehearsal import STACKS
from ops.new import draft
from tests.stack_files import VALID

DOCS = SOURCE / "docs"
PAGES = [*SOURCE.glob("*.md"), *DOCS.glob("*.md")]
EXAMPLES = re.findall(
    r"\(\.\./tests/stacks/valid/([\w-]+\.yaml)\):\n\n```yaml\n(.*?)```", (DOCS / "examples.md").read_text(), re.DOTALL
)


@pytest.mark.parametrize(("name", "shown"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_is_part_of_a_stack_file(name: str, shown: str) -> None:
    (file,) = (one for one in VALID if one.name == name)
    assert f"\n{shown}" in file.read_text()


def test_each_kind_that_the_example_file_lacks_has_one() -> None:
    shown = {kind for _, text in EXAMPLES for kind in re.findall(r"^ +kind: (\w+)$", text, re.MULTILINE)}
    assert shown == {"local", "nfs", "csi", "existing", "gateway"}


def test_the_index_has_every_page() -> None:
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "README.md").read_text())
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md") if page.name != "README.md")


def test_the_help_fits_80_columns() -> None:
    described = dict(re.findall(r"^([a-z-]+):.*## (.*)$", (SOURCE / "Makefile").read_text(), re.MULTILINE))
    assert "up" in described
    assert [name for name, text in described.items() for part in text.split("; ") if len(part) > 60] == []


def test_the_makefile_rehearses_the_stacks_of_the_rehearsal() -> None:
    """The commands that a rehearsal prints name its stack, and have to run there."""
    (rehearsed,) = re.findall(r"^REHEARSED := (.*)$", (SOURCE / "Makefile").read_text(), re.MULTILINE)
    assert set(rehearsed.split()) == set(STACKS)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)", prose)
    broken = []
    for target, anchor in links:
        there = (page.parent / target) if target else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def stated(page: Path) -> Iterator[dict[str, Any]]:
    """The settings in each block of YAML of a page; an origin is one of a tunnel."""
    for block in re.findall(r"^( *)```yaml\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE):
        found = yaml.safe_load(block[1])
        if isinstance(found, dict) and "origin" in found:
            yield {"cloudflare": {"kind": "ownTunnel", **found}}
        elif isinstance(found, dict):
            yield {key.partition(":")[2]: one for key, one in found.items() if key.startswith("immich-icloud:")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_shows_is_accepted(page: Path) -> None:
    problems = [problem for sections in stated(page) for problem in draft.problems(sections)]
    assert [one for one in problems if "is missing" not in one] == []  # a page shows parts of a section


SCHEMA = json.loads((SOURCE / "settings" / "stack.schema.json").read_text())
# Fields of Kubernetes, Cloudflare and the clients that the docs name, and keys that an older version had.
OF_OTHERS = {
    "advancedMounts", "appProtocol", "cluster.local", "fsGroup", "honorLabels", "ignoreDifferences", "managedFields",
    "originRequest", "readTimeout", "ruleNamespaceSelector", "ruleSelector", "runAsGroup", "runAsUser", "sessionEnding",
    "storageClassName", "syncOptions", "tokenFile", "updateStrategy", "wildcardPolicy",
    "cloudflare.ingressController", "dangerouslyDeleteFromIcloud", "deleteAfterDownload", "keepIcloudRecentDays",
}  # fmt: skip


def settings_of(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each key below a node of the schema, with the values that it is confined to; `*` is a free key."""
    node = node | SCHEMA["$defs"].get(node.get("$ref", "").rpartition("/")[2], {})
    if path:
        yield path, [*node.get("enum", []), *([node["const"]] if "const" in node else [])]
    several = [node["additionalProperties"]] if isinstance(node.get("additionalProperties"), dict) else []
    free = [("*", one) for one in [*node.get("patternProperties", {}).values(), *several]]
    for key, value in [*node.get("properties", {}).items(), *free]:
        yield from settings_of(value, f"{path}.{key}".removeprefix(".").removeprefix("immich-icloud:"))
    for one in [*node.get("anyOf", []), *node.get("oneOf", []), *([node["items"]] if "items" in node else [])]:
        yield from settings_of(one, path)


KEYS = dict[str, set[str]]()
for key, allowed in settings_of(SCHEMA["properties"]["config"]):
    KEYS.setdefault(key, set()).update(map(str, allowed))
TOP_LEVEL = {key for key in KEYS if "." not in key}
LAST_PARTS = {key.rpartition(".")[2] for key in KEYS} | {value for values in KEYS.values() for value in values}


def unknown_settings(text: str) -> list[str]:
    """The code spans, and keys with the project's name, that look like a setting and are none."""
    spans = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"immich-icloud:[a-z]\w*(?:\.\w+)*", text)]
    wrong = []
    for span in spans:
        if not (found := re.fullmatch(r"(?:immich-icloud:)?([a-z]\w*(?:(?:\.|\[)[\w*]+\]?)*)(?:: (\w+))?", span)):
            continue
        key, value = re.sub(r"\[\w*\]", "", found[1]), found[2]
        matches = [one for one in KEYS if re.fullmatch(one.replace(".", r"\.").replace("*", r"[^.]+"), key)]
        if key.endswith(".com"):
            right = True
        elif key.partition(".")[0] in TOP_LEVEL and ("." in key or span.startswith("immich-icloud:")):
            right = bool(matches) and (not value or any(value in KEYS[one] or not KEYS[one] for one in matches))
        else:
            right = not re.fullmatch(r"[a-z]+[A-Z]\w*", key) or key in LAST_PARTS
        if not right and key not in OF_OTHERS:
            wrong.append(span)
    return wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`photoSync.accounts[0].album`, `route.gatway`", ["photoSync.accounts[0].album", "route.gatway"]),
        ("`storage.kind: nsf`, `acceptMising`", ["storage.kind: nsf", "acceptMising"]),
        ("set immich-icloud:immich.mount.kinds to chart", ["immich-icloud:immich.mount.kinds"]),
        ("`storage.kind: nfs`, `photoSync.accounts[0].albums`, `icloudCredentials.anna.appleId`, `ownTunnel`", []),
        ("`cluster`, `make up`, `/external/icloud`, `immich.example.com`", []),
    ],
)
def test_a_span_is_recognised_as_a_setting(text: str, wrong: list[str]) -> None:
    assert unknown_settings(text) == wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    assert unknown_settings(page.read_text().partition("## 0.2.0")[0]) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (SOURCE / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ |&& )make (?:-s )?([a-z-]+)", page.read_text()))
    assert named - targets == set()


def sources() -> str:
    """The product's messages as they read, without the ends of literals and lines."""
    packages = ("clients", "components", "observe", "ops", "preflight", "providers", "settings")
    files = [one for name in packages for one in (SOURCE / name).rglob("*") if one.suffix in {".py", ".sh"}]
    joined = (re.sub(r"""["']\s*\n\s*f?["']|\\\n""", "", file.read_text()) for file in files)
    return "\n".join(joined).replace('\\"', '"')


def test_the_messages_that_a_page_explains_exist() -> None:
    text, page = sources(), (DOCS / "photos.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", page.partition("| it says |")[2], re.MULTILINE)
    said = [part.strip(' "') for row in rows for span in re.findall(r"`([^`]+)`", row) for part in span.split("...")]
    assert len(said) > 30
    assert [part for part in said if " " in part and part not in text] == []
