"""The stack's own program, which notes what its parts take."""

import runpy
from typing import Any

from bench.clock import part
from lab.engine import SOURCE

with part("the program's imports"):
    import components.cloudflare  # noqa: F401 (what it takes is the point)
    import preflight

_check = preflight.check


def _timed(settings: Any, stack: str) -> Any:
    with part("preflight: reads, plan and dry runs"):
        return _check(settings, stack)


preflight.check = _timed
try:
    runpy.run_path(str(SOURCE / "__main__.py"), run_name="__main__")
finally:
    preflight.check = _check
