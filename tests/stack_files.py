"""Stack files, as the tests read them: the way Pulumi's engine hands the `config` of a file to a program.

Measured with engine 3.258.0: plain values arrive as text (a null as the empty text), mappings and lists as compact JSON
with sorted keys; a key without namespace gets the project's own. A secret arrives decrypted, and the key that has one
anywhere in its value is named as secret.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from settings import PROJECT

STACKS = Path(__file__).parent / "stacks"
VALID = sorted((STACKS / "valid").glob("*.yaml"))
INVALID = sorted((STACKS / "invalid").glob("*.yaml"))
OWN = sorted(STACKS.parent.parent.glob("Pulumi.*.yaml"))

_DIFFERS = re.compile(r"^# differs from (.*)$", re.MULTILINE)
BEYOND_SCHEMA = "# beyond the schema"


def document(file: Path) -> Any:
    """The whole file as an editor's schema check sees it.

    One without a `config` states how it differs from a valid one: the one that it names, or else minimal.yaml.
    """
    text = file.read_text()
    found = yaml.load(text, _EngineLoader)  # noqa: S506 (a SafeLoader)
    if "config" in found:
        return found
    named = _DIFFERS.search(text)
    return {"config": document(STACKS / "valid" / (named[1] if named else "minimal.yaml"))["config"] | found}


def configuration(file: Path) -> dict[str, str]:
    """What the program gets: text by `namespace:key`."""
    return {
        key if ":" in key else f"{PROJECT}:{key}": as_text(value) for key, value in document(file)["config"].items()
    }


def secrets(file: Path) -> set[str]:
    """The keys that the file holds encrypted, as the engine names them to the program."""
    return {key for key, value in document(file)["config"].items() if _decrypted(value) != value}


# Cloudflare's tokens have this form; what it decrypts to is nobody's business here.
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


def is_beyond_the_schema(file: Path) -> bool:
    """Whether the file's fault is one that only the program can find, by the file's own word."""
    return BEYOND_SCHEMA in file.read_text().splitlines()


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
