"""A stack's outputs, as a person reads them."""

import sys
from collections.abc import Mapping
from typing import Any

import yaml

from text.visible import visible


def lines(outputs: Mapping[str, Any]) -> list[str]:
    """Write outputs as YAML, indented, without the steps that are left, which are shown apart."""
    shown = {name: value for name, value in outputs.items() if name != "next_steps"}
    text = yaml.safe_dump(shown, allow_unicode=True, sort_keys=False, width=sys.maxsize) if shown else ""
    return [f"  {visible(line)}" for line in text.splitlines()]
