"""A number in foreign text. `int` takes the digits of all scripts, and raises where they are more than 4,300."""

import re
from typing import Final

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


def whole(text: str) -> int | None:
    """Read a whole number of at most 18 digits; None for any other text."""
    return int(text) if _WHOLE.fullmatch(text) else None
