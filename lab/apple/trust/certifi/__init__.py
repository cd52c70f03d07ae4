"""What Python's clients trust in a rehearsal: its own Apple, and nothing else.

In place of the package of this name, where PYTHONPATH puts it first. requests reads REQUESTS_CA_BUNDLE only for some of
its calls, and icloudpd's question for phone numbers is none of them.
"""

import os
from pathlib import Path


def where() -> str:
    """Return the file of the authorities."""
    return os.environ["REQUESTS_CA_BUNDLE"]


def contents() -> str:
    """Return that file's text."""
    return Path(where()).read_text(encoding="ascii")
