"""`python -m lab.real_node [--built|--build]`: fail if a real node cannot run here, and report what is missing.

With --built, its parts must be in the cache, too: building them takes minutes. With --build they are built.
"""

import sys

from rich.console import Console

from lab.errors import LabError
from lab.real_node import parts
from lab.real_node.machine import missing

lacking = missing()
if not lacking and "--built" in sys.argv[1:] and not parts.built():
    lacking = ["the node's programs, which `make test-node` builds once, in about 5 minutes"]
if lacking:
    sys.stderr.write("error: a real node cannot run here. Missing:\n" + "".join(f"  {one}\n" for one in lacking))
    sys.exit(1)
if "--build" in sys.argv[1:]:
    try:
        parts.find(Console(highlight=False, stderr=True))
    except LabError as error:
        sys.exit(f"error: {error}")
