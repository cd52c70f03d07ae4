"""`python -m lab.real_node [--built]`: report what this machine lacks for a real node; fail if it lacks anything.

With --built, its parts must be in the cache, too: building them takes minutes.
"""

import sys

from lab.real_node import parts
from lab.real_node.machine import missing

lacking = missing()
if not lacking and "--built" in sys.argv[1:] and not parts.built():
    lacking = ["the node's programs, which `make test-node` builds once, in about 5 minutes"]
if lacking:
    sys.stderr.write("error: a real node cannot run here. Missing:\n" + "".join(f"  {one}\n" for one in lacking))
    sys.exit(1)
