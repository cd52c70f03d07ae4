"""How a value is written for an API server: as JSON that is YAML, too, for an apply is read as YAML."""

import json
import re

# YAML takes a surrogate pair (`\ud83d\udcf7`, as JSON may write an emoji) for two wrong characters, so that all stands
# as it is, but for what a YAML reader takes for a line's end or refuses (source: go-yaml, readerc.go).
_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

# Of an apply. With a parameter, as without one the client encodes the body itself, in a way that YAML does not know.
APPLY = "application/apply-patch+yaml; charset=utf-8"


def encoded(value: object) -> bytes:
    """Encode a value for the body of a request."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNREADABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
