"""Whole stack files with anything anywhere: one clear refusal, or objects that an API server can read; never a crash.

500 of each here, 10,000 in `make soak`.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import Settings, SettingsError, parse, yaml_text
from settings.stack_file import plain_leaves
from settings.yaml_text import YamlError
from tests.stack_files import VALID, as_text, document, places, secrets
from tests.stated import objects
from text.encoding import encoded
from text.visible import visible_lines

# Of the profile where it is `soak`.
COUNT = max(500, hypothesis.settings().max_examples)
many = hypothesis.settings(max_examples=COUNT)
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")

HOSTILE_TEXTS = (
    "", " ", "\t", "\n", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ud83d", "фото", "📷",
    "K", "$(reboot)", "`reboot`", "; reboot", "' || reboot #", '"; reboot; "', "$HOME", "{{.}}", "%s%n", "../..",
    "/", "//", ".", "-", "--delete", "-rf", "a" * 64, "a" * 254, "a." * 200, "*", "* * * * *", "60 24 31 2 7",
    "@reboot", "1e9", "-0", "1Ei", "9" * 30, "0x10", "0o7", "1_000", "NaN", ".inf", "null", "true", "yes", "~",
    "1:30", "2026-11-27", "!!python/object:os", "http://[::1", "http://a@b:99999/x", "xn--", "xn--a",
    "a_b.example.com", "https://", "::1", "1.1.1.1/33", "a@b@c", "kubernetes.io/x", "immich-icloud/stack",
    "[" * 300, '{"a": 1}', "[1]", "<script>", "&amp;", "|\n x", "a: b", "# x",
)  # fmt: skip
HOSTILE = st.sampled_from(HOSTILE_TEXTS)
SCALARS = HOSTILE | st.text(max_size=20) | st.integers() | st.floats() | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE | st.text(max_size=5), inner, max_size=3),
)


@st.composite
def stack_files(draw: st.DrawFn) -> tuple[dict[str, Any], set[str]]:
    """A right file in which one to four places have another value, another key beside them, or nothing."""
    file = draw(st.sampled_from(VALID))
    config = deepcopy(document(file)["config"])
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(list(places(config)) or [("immich-icloud:host",)]))
        *above, last = path
        at: Any = config
        for step in above:
            at = at[step]
        match draw(st.sampled_from(["other", "other", "text", "missing", "beside"])):
            case "other":
                at[last] = draw(VALUES)
            case "text" if isinstance(at.get(last) if isinstance(at, dict) else at[last], str):
                at[last] = draw(st.sampled_from(["{}{}", "{1}{0}"])).format(at[last], draw(HOSTILE))
            case "missing":
                del at[last]
            case _ if isinstance(at, dict):
                at[str(draw(HOSTILE)) if above else f"immich-icloud:{draw(HOSTILE)}"] = draw(VALUES)
    return config, secrets(file)


def settled(config: dict[str, Any], secret: set[str]) -> Settings | None:
    """The settings of a file; None where it is refused, in a text that commands no terminal."""
    try:
        return parse({str(key): as_text(value) for key, value in config.items()}, secret)
    except SettingsError as error:
        refusal = str(error)
    assert refusal.strip()
    assert refusal == visible_lines(refusal)
    return None


@many
@given(stack_files())
def test_any_stack_file_is_refused_or_becomes_objects(made: tuple[dict[str, Any], set[str]]) -> None:
    settings = settled(*made)
    if settings is None:
        return
    for manifest in objects(settings):
        assert json.loads(encoded(manifest)) == manifest
        for name in names(manifest):
            assert NAME.fullmatch(name), manifest
            assert len(name) <= 253
        for value in labels(manifest):
            assert len(value) <= 63


def names(manifest: dict[str, Any]) -> Iterator[str]:
    metadata = manifest["metadata"]
    yield from (metadata[key] for key in ("name", "namespace") if key in metadata)


def labels(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"labels", "matchLabels", "nodeSelector"} and isinstance(inner, dict):
                yield from inner.values()
            yield from labels(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from labels(inner)


@many
@given(
    st.dictionaries(
        st.sampled_from([f"immich-icloud:{key}" for key in ("host", "cluster", "storage", "route", "x")]), HOSTILE
    )
)
def test_any_text_in_place_of_a_value_is_refused(config: dict[str, str]) -> None:
    assert settled(config, set()) is None


YAML_PARTS = (
    "config:\n", "  a: ", "  a: 1\n  a: 2\n", "- ", "&x ", "*x", "<<: *x\n",
    "!!python/object/apply:os.system [x]\n", "!!binary x\n", "!!set {a}\n", "!!timestamp 2026-99-99\n",
    "!foo bar\n", "? [a]\n: b\n", "? {a: b}\n: c\n", "{", "}", "[", "]", "'", '"', "|\n", ">\n",
    "%YAML 9.9\n---\n", "---\n", "...\n", "\t", "\x00", "\ufeff", "\x85", "secure: v1:x\n", "0x\n", "1_\n",
    "1:99\n", ".inf\n", "9" * 5000, "{a: " * 50, "- " * 200,
)  # fmt: skip
YAML = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(YAML_PARTS),
        max_size=12,
    ).map("".join),
).map(lambda text: text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


@many
@given(YAML)
def test_any_file_is_yaml_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any-stack.yaml"
    file.write_bytes(content)
    refusal = ""
    try:
        yaml_text.read_yaml(file)
    except YamlError as error:
        refusal = str(error)
    assert refusal == visible_lines(refusal)
    with suppress(SettingsError):
        assert all(isinstance(leaf, str) for leaf in plain_leaves(file))
