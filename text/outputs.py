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


def steps(outputs: Mapping[str, Any]) -> list[str]:
    """List the steps that are left; a state that was damaged may have anything in their place."""
    left = outputs.get("next_steps")
    return [visible(str(step)) for step in left] if isinstance(left, list) else []
