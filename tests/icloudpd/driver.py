"""Runs under icloudpd's own interpreter: reads command lines, says what icloudpd makes of them, and downloads nothing.

One JSON list a line in, one JSON object a line out: `code`, and what would be run.
"""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from icloudpd import cli
from icloudpd.config import GlobalConfig, UserConfig

meant: dict[str, Any] = {}


def run_with_configs(whole: GlobalConfig, users: Sequence[UserConfig]) -> int:
    """Stand in for the run itself."""
    (user,) = users
    meant.update(dataclasses.asdict(whole) | dataclasses.asdict(user))
    return 0


cli.run_with_configs = run_with_configs
for line in sys.stdin:
    meant.clear()
    sys.argv = ["icloudpd", *json.loads(line)]
    with contextlib.redirect_stdout(sys.stderr):
        try:
            code = cli.cli()
        except SystemExit as end:
            code = int(end.code or 0)
    sys.stdout.write(json.dumps({"code": code, **meant}, default=lambda enum: enum.value) + "\n")
    sys.stdout.flush()
