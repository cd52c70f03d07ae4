"""`python -m bench.parts FILE`: preview the rehearsal of the current directory; to FILE, what each part takes."""

import json
import resource
import sys
import time
from pathlib import Path

from bench import clock, preview


def main() -> None:
    """Preview it, in this process and the engine's."""
    begun = time.process_time()
    preview.unchanged(Path(__file__).with_name("timed.py"))
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    parts = {
        "this rehearsal's and Pulumi's imports": begun,
        **clock.TAKEN,
        "registrations and stand-ins for plugins": time.process_time() - begun - sum(clock.TAKEN.values()),
        "engine and dynamic provider, in processes of their own": others.ru_utime + others.ru_stime,
    }
    Path(sys.argv[1]).write_text(json.dumps(parts))


if __name__ == "__main__":
    main()
