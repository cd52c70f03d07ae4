"""The JSON Schema of a stack file, so that editors complete and check it: `python -m settings.schema`."""

import json
from pathlib import Path
from typing import Any

from settings.load import DEFAULT_PROVIDERS, DISABLED, PROJECT
from settings.stack import Settings

FILE = Path(__file__).with_name("stack.schema.json")
_NULL = {"type": "null"}
_ENCRYPTED = {
    "type": "object",
    "description": "Stored encrypted.",
    "additionalProperties": False,
    "required": ["secure"],
    "properties": {"secure": {"type": "string", "description": "The value, encrypted."}},
}


def schema() -> dict[str, Any]:
    """Draft 2020-12 schema of `Pulumi.<stack>.yaml`, generated from the models."""
    ours = Settings.model_json_schema(by_alias=True)
    definitions = {name: _as_written(definition) for name, definition in ours.pop("$defs").items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of immich-icloud",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
            "environment": {},
            "config": {
                "type": "object",
                "additionalProperties": False,
                "required": [DEFAULT_PROVIDERS, *(f"{PROJECT}:{key}" for key in ours["required"])],
                "properties": {
                    DEFAULT_PROVIDERS: {
                        "type": "array",
                        "description": "Without this, a resource could go to whatever cluster kubectl points at.",
                        "allOf": [{"contains": {"const": package}} for package in sorted(DISABLED)],
                    },
                    **{f"{PROJECT}:{key}": _as_written(value) for key, value in ours["properties"].items()},
                },
                "patternProperties": {"^pulumi:": {}},
            },
        },
        "$defs": definitions,
    }


def _as_written(node: Any) -> Any:
    """Pulumi may write numbers and booleans back as text (`pulumi config set`): both forms are right."""
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    if _NULL in node.get("anyOf", []):  # None is a default in the program, and nothing that a file can say
        [given] = [option for option in node["anyOf"] if option != _NULL]
        return _as_written(given | {key: node[key] for key in node if key not in {"anyOf", "default"}})
    written = {key: _as_written(value) for key, value in node.items()}
    if isinstance(node.get("default"), str) and node["default"] and "examples" in node:
        written["examples"] = [node["default"]]  # as in the program's errors
    if node.get("format") == "password":
        return _ENCRYPTED | {"description": f"{node['description']} {_ENCRYPTED['description']}"}
    if "patternProperties" in node:
        return {**written, "additionalProperties": False}
    as_text = {"integer": {"type": "string", "pattern": "^[0-9]+$"}, "boolean": {"enum": ["true", "false"]}}
    kind = node.get("type")
    return {"anyOf": [written, as_text[kind]]} if kind in as_text else written


def text() -> str:
    """Render the committed file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
