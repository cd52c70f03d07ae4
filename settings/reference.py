"""docs/settings.md, made of the stack file's schema, so that they can't differ: `python -m settings.reference`."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from settings.load import PROJECT, TOKEN
from settings.schema import schema
from text.command import ConfigSet

FILE: Final = Path(__file__).parent.parent / "docs" / "settings.md"

_HEAD: Final = f"""\
# Settings

Every key of a stack file, `Pulumi.<stack>.yaml`. Top-level keys carry the project's name, as in `{PROJECT}:host`; the
keys below them are nested. A key that is not listed here is refused. Editors complete and check stack files by the same
schema, `settings/stack.schema.json`. This page is generated from it (`make schema`).

Store a secret encrypted, with `--path` where its key is nested:
`{ConfigSet("<stack>", TOKEN)}`.

## Changing a setting later

`make preview` shows what a change does, and fails where it would lose photos, a session at Apple, or the route to
Immich (`ARGS=--allow-data-loss` allows it). In particular:

- `cluster.identifier`: another one is another cluster, on which every object is created again.
- `storage`: the kind, node, path, server and names of a volume that exists are fixed. Another disk is another
  `storage.persistentVolume` and `storage.claim`; the files of the old one stay where they are.
- `immich.namespace`, `photoSync.namespace`: the objects move. A namespace of this stack is deleted with all that is in
  it, the sessions at Apple included.
- `immich.mount.path`: Immich sees its photos at another path, and imports them again from there.
- `photoSync.accounts`: folder, `client`, `folderStructure`, `timeZone` and `immichUser` are fixed after the first
  import. Before another account becomes the first one, state each one's `folder`. `albums`, `library`, `sizes` and
  `recent` decide only what is fetched from now on.
- `host`, `route`, `cloudflare`: the old route and DNS record are removed, adopted ones restored or retained.
"""

_Node = dict[str, Any]


def text() -> str:
    """Render the committed file."""
    whole = schema()
    prefix = f"{PROJECT}:"
    config = whole["properties"]["config"]
    keys = {key.removeprefix(prefix): node for key, node in config["properties"].items() if key.startswith(prefix)}
    required = [key.removeprefix(prefix) for key in config["required"]]
    page = _Page(whole["$defs"])
    return "\n".join([_HEAD, *page.section("Top-level keys", "", {"properties": keys, "required": required})])


class _Page:
    """A section for each block of keys, once, where several kinds share it."""

    def __init__(self, definitions: dict[str, _Node]) -> None:
        self._definitions = definitions
        self._told: set[str] = set()

    def section(self, title: str, path: str, node: _Node) -> Iterator[str]:
        """Return a block's table, then the blocks that it names."""
        if title in self._told:
            return
        self._told.add(title)
        yield f"## {title}\n"
        if about := node.get("description"):
            yield f"{about}\n"
        # A kind is in the section's title.
        keys = {key: value for key, value in node["properties"].items() if "const" not in value}
        required = node.get("required", [])
        if keys:
            yield "| key | value | default | example |\n| --- | --- | --- | --- |"
            yield from (self._row(_within(path, key), key, value, required) for key, value in keys.items())
            yield ""
        for key, value in keys.items():
            yield from self._blocks(_within(path, key), value)

    def _row(self, path: str, key: str, node: _Node, required: Collection[str]) -> str:
        default, example = _stated(node, "default"), next(iter(_stated(node, "examples") or ()), None)
        if blocks := list(_references(node)):
            # Its own section states them key by key.
            default, example = default if isinstance(default, dict) and [*default] == ["kind"] else None, None
        told = "required" if key in required else _code(default) if default not in (None, "", [], {}) else ""
        sentences = [_stated(node, "description") or ""]
        if len(blocks) == 1:
            sentences.append(f"See [{path}](#{path.lower().replace('.', '')})")
        elif (choice := _stated(node, "enum")) and any(str(one) not in sentences[0] for one in choice):
            sentences.append(f"One of {', '.join(f'`{json.dumps(one)}`' for one in choice)}")
        about = " ".join(f"{one.rstrip('.')}." for one in sentences if one)
        return f"| `{key}` | {_cell(about)} | {told} | {'' if example is None else _code(example)} |"

    def _blocks(self, path: str, node: _Node) -> Iterator[str]:
        for kind, name in _references(node):
            yield from self.section(f"{path}, kind: {kind}" if kind else path, path, self._definitions[name])


def _references(node: _Node) -> Iterator[tuple[str, str]]:
    """Return the definitions that a value is made of, each with its kind, if it has one."""
    for kind, reference in node.get("discriminator", {}).get("mapping", {}).items():
        yield kind, reference.rpartition("/")[2]
    free = node.get("additionalProperties")
    for one in (node, *node.get("anyOf", ()), node.get("items", {}), *node.get("patternProperties", {}).values(), free):
        if isinstance(one, dict) and "$ref" in one:
            yield "", one["$ref"].rpartition("/")[2]


def _stated(node: _Node, word: str) -> Any:
    """Return what the schema says of a value, where numbers may be written as text, too."""
    return next((one[word] for one in (node, *node.get("anyOf", ())) if word in one), None)


def _within(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _code(value: Any) -> str:
    return f"`{_cell(json.dumps(value, ensure_ascii=False))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    FILE.write_text(text())
