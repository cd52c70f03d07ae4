"""No secret is on a command line or in a variable of a pod: whoever may list pods or processes would read it."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from settings import PROJECT, parse
from tests.stack_files import VALID, as_text, document, secrets
from tests.stated import objects

MARK = "hush5hush5-hush5hush5-hush5hush5-hush5hush5"
WITH_SECRETS = [file for file in VALID if secrets(file)]


def marked(value: Any) -> Any:
    """Have a mark in the place of each secret."""
    if isinstance(value, dict) and set(value) == {"secure"}:
        # A URL has to be one.
        return f"{value['secure']}?x={MARK}" if "://" in value["secure"] else MARK
    if isinstance(value, dict):
        return {key: marked(inner) for key, inner in value.items()}
    return [marked(inner) for inner in value] if isinstance(value, list) else value


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for inner in node.values():
            yield from texts(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from texts(inner)
    else:
        yield str(node)


@pytest.mark.parametrize("file", WITH_SECRETS, ids=lambda file: file.stem)
def test_a_secret_is_in_no_object_but_its_secret(file: Path) -> None:
    config = {key if ":" in key else f"{PROJECT}:{key}": value for key, value in document(file)["config"].items()}
    settings = parse({key: as_text(marked(value)) for key, value in config.items()}, secrets(file))
    for manifest in objects(settings):
        if manifest["kind"] != "Secret":
            assert [text for text in texts(manifest) if MARK in text or encoded(MARK) in text] == []


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()[:-3]
