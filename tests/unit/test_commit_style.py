"""The commit-msg hook takes the subjects that CONTRIBUTING asks for, as pre-commit's pygrep reads them."""

import re
from typing import Any

import pytest
import yaml

from lab.engine import SOURCE

HOOKS: list[dict[str, Any]] = yaml.safe_load((SOURCE / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
HOOK = next(one for one in HOOKS if one.get("stages") == ["commit-msg"])


@pytest.mark.parametrize(
    ("message", "fine"),
    [
        ("fix(tunnel): restore an adopted rule\n", True),
        ("feat(sync)!: report results as JSON\n\nScripts parsed text before.\n", True),
        ("docs: say none\n# Please enter the commit message\n", True),
        (f"fix(tunnel): {'x' * 59}\n", True),
        (f"fix(tunnel): {'x' * 60}\n", False),
        ("fix(tunnel): restore an adopted rule.\n", False),
        ("fix(tunnel): wip\n", False),
        ("restore an adopted rule\n", False),
        ("Merge branch 'main'\n", False),
        ("fix(tunnel): restore\nan adopted rule\n", False),
    ],
)
def test_subjects(message: str, *, fine: bool) -> None:
    assert HOOK["args"] == ["--multiline", "--negate"]
    assert bool(re.search(HOOK["entry"], message, re.MULTILINE | re.DOTALL)) is fine
