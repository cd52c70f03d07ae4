"""The stack's own program, which notes what its parts take."""

import runpy

from bench.clock import part
from lab.engine import SOURCE

with part("the program's imports"):
    import components.cloudflare  # noqa: F401 (what it takes is the point)
    import preflight
    from components.plan import Plan
    from settings import Settings

_check = preflight.check


def _timed(settings: Settings, stack: str) -> Plan:
    with part("preflight: reads, plan and dry runs"):
        return _check(settings, stack)


preflight.check = _timed
try:
    runpy.run_path(str(SOURCE / "__main__.py"), run_name="__main__")
finally:
    preflight.check = _check
