"""Which signals a process handles itself."""

import re
import signal
from pathlib import Path


def handled(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal; where that is unknown (macOS), it counts as having one."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is None or bool(int(caught[1], 16) >> (number - 1) & 1)
