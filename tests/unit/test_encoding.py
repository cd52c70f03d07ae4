"""What is written for an API server reads as the same value, as JSON and as YAML."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from text.encoding import encoded

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=100), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_any_value_is_read_back(value: Any) -> None:
    assert json.loads(encoded(value)) == yaml.safe_load(encoded(value)) == value


@pytest.mark.parametrize("text", ["фото", "📷 Fotos", "a&b <c>", "日本 e\u0301"])
def test_what_yaml_reads_as_it_is_stands_as_it_is(text: str) -> None:
    assert encoded({"a": text}) == f'{{"a":"{text}"}}'.encode()


@pytest.mark.parametrize("text", ["\x7f", "\x85", "\u2028", "\u2029", "\ufeff", "\ufffe"])
def test_what_yaml_would_not_read_is_escaped(text: str) -> None:
    assert encoded(text) == f'"\\u{ord(text):04x}"'.encode()
