"""The JSON Schema that editors complete and check stack files with."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from settings import reference, schema
from tests.stack_files import INVALID, OWN, VALID, Wrong, document


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema.schema())
    return Draft202012Validator(schema.schema())


def faults(validator: Draft202012Validator, file: Path | Wrong) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document(file))]


@pytest.mark.parametrize("made", [schema, reference])
def test_what_is_committed_is_current(made: Any) -> None:
    assert made.FILE.read_text() == made.text(), "the settings have changed: run `make schema`"


def test_the_reference_has_each_key_with_a_description() -> None:
    rows = [line.split(" | ") for line in reference.text().splitlines() if line.startswith("| `")]
    told = {row[0].strip("|` ") for row in rows}
    kinds = {"kind"}  # A section's title has it.
    stated = {key for block in schema.schema()["$defs"].values() for key in block["properties"]}
    assert stated - kinds <= told
    assert [row[0] for row in rows if not row[1].strip()] == []


@pytest.mark.parametrize("file", [*VALID, *OWN], ids=lambda file: file.name)
def test_valid(validator: Draft202012Validator, file: Path) -> None:
    assert faults(validator, file) == []


@pytest.mark.parametrize("wrong", INVALID, ids=lambda wrong: wrong.name)
def test_invalid(validator: Draft202012Validator, wrong: Wrong) -> None:
    """Red in the editor too, unless it is reported that its fault is beyond a schema: then that must be so."""
    assert (faults(validator, wrong) == []) is wrong.beyond_schema


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_own_stack_files_name_the_schema(file: Path) -> None:
    first_line = file.read_text().splitlines()[0]

    assert first_line == f"# yaml-language-server: $schema={schema.FILE.relative_to(file.parent)}"


def test_every_setting_is_explained(validator: Draft202012Validator) -> None:
    """An editor's hover text: each key has a description, in place or in the definition that it refers to."""

    def unexplained(node: Any, path: str) -> list[str]:
        if not isinstance(node, dict):
            return []
        found = []
        for key, value in node.get("properties", {}).items():
            options = [value, *value.get("anyOf", [])]
            if not any(o.get("description") or "$ref" in o or "const" in o for o in options):
                found.append(f"{path}.{key}")
        return found

    whole: Any = validator.schema
    definitions = {"config": whole["properties"]["config"], **whole["$defs"]}
    assert [name for at, node in definitions.items() for name in unexplained(node, at)] == []
