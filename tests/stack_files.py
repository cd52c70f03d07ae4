"""Stack files, as the tests read them: the way Pulumi's engine hands the `config` of a file to a program.

Measured with engine 3.258.0: plain values arrive as text (a null as the empty text), mappings and lists as compact JSON
with sorted keys; a key without namespace gets the project's own. A secret arrives decrypted, and the key that has one
anywhere in its value is named as secret.
"""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from settings import PROJECT

STACKS = Path(__file__).parent / "stacks"
VALID = sorted((STACKS / "valid").glob("*.yaml"))
OWN = sorted(STACKS.parent.parent.glob("Pulumi.*.yaml"))

_MINIMAL = STACKS / "valid" / "minimal.yaml"
_MISSING = "(missing)"


@dataclass(frozen=True, eq=False)
class Wrong:
    """A wrong stack file: how it differs from a valid one.

    Attributes:
        name: what is wrong.
        base: the valid file.
        changes: values by path, as in `storage.path`, or that it is (missing); one with a colon is a key of `config`.
        beyond_schema: whether only the program finds the fault, and no editor.

    """

    name: str
    base: Path
    changes: Mapping[str, Any]
    beyond_schema: bool

    @cached_property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = document(self.base)["config"]
        for path, value in self.changes.items():
            *above, last = [path] if ":" in path else f"{PROJECT}:{path}".split(".")
            at: Any = config
            for key in above:
                at = at[int(key) if isinstance(at, list) else key]
            at[last] = deepcopy(value)
            if value == _MISSING:
                del at[last]
        return config


def _wrong() -> Iterator[Wrong]:
    for file in (STACKS / "invalid").glob("*.yaml"):
        for group, cases in yaml.load(file.read_text(), _EngineLoader).items():  # noqa: S506 (a SafeLoader)
            for name, changes in cases.items():
                yield Wrong(name, STACKS / "valid" / file.name, changes, group == "beyond the schema")


def whole(file: Path) -> str:
    """Read a stack file whole: what one of `valid` leaves out is as in its minimal.yaml."""
    stated = file.read_text()
    if file.parent != _MINIMAL.parent:
        return stated
    blocks = re.finditer(r"^  ([\w:-]+):.*\n(?:    .*\n)*", _MINIMAL.read_text(), re.MULTILINE)
    return stated + "".join(block[0] for block in blocks if f"\n  {block[1]}:" not in stated)


def document(file: Path | Wrong) -> Any:
    """The whole file as an editor's schema check sees it."""
    return deepcopy(_read(file))


def _read(file: Path | Wrong) -> dict[str, Any]:
    return {"config": file.config} if isinstance(file, Wrong) else _parsed(whole(file))


@cache
def _parsed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, _EngineLoader)  # noqa: S506 (a SafeLoader)
    return found


def configuration(file: Path | Wrong) -> dict[str, str]:
    """What the program gets: text by `namespace:key`."""
    return {key if ":" in key else f"{PROJECT}:{key}": as_text(value) for key, value in _read(file)["config"].items()}


def secrets(file: Path | Wrong) -> set[str]:
    """The keys that the file holds encrypted, as the engine names them to the program."""
    return {key for key, value in _read(file)["config"].items() if _decrypted(value) != value}


# Cloudflare's tokens have this form; what it decrypts to does not matter here.
DECRYPTED = "a-token-that-Cloudflare-never-handed-out"


def _decrypted(value: Any) -> Any:
    """Without a cipher: each ciphertext, at any depth, stands for a good token; other texts for themselves."""
    if isinstance(value, dict) and set(value) == {"secure"}:
        text = str(value["secure"])
        return DECRYPTED if text.startswith("v1:") else text
    if isinstance(value, dict):
        return {key: _decrypted(inner) for key, inner in value.items()}
    return [_decrypted(item) for item in value] if isinstance(value, list) else value


def as_text(value: Any) -> str:
    """One value of `config` as the engine passes it on; a secret decrypted."""
    value = _decrypted(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def places(node: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each of our settings in a file's `config`, and of all that is in it."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if (keys or str(key).startswith(f"{PROJECT}:")) and key != "secure":
            yield (*keys, key)
            yield from places(value, (*keys, key))


class _EngineLoader(yaml.CSafeLoader):
    """PyYAML speaks YAML 1.1 where `yes` is true and `1:30` is 90; for the engine both are texts."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the base class declares it so)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0[0-7]*|[1-9][0-9_]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?[0-9]+\.[0-9]+", list("-+0123456789")),
):
    _EngineLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
_EngineLoader.add_constructor("!repeat", lambda _, node: node.value.split()[0] * int(node.value.split()[1]))

INVALID = sorted(_wrong(), key=lambda wrong: wrong.name)
