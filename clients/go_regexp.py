"""Whether Go takes a regular expression, as far as that can be known without Go. Pure."""

import math
import re
import warnings

# What Go's RE2 and Python read alike; all else differs in what few use (source: Go's regexp/syntax).
_ALIKE = re.compile(
    r"""(
      [^\\\[\](){}*+?|]            # a character, an anchor, the dot
    | \\([dDsSwWbBtnrfv]|[^\w\s])  # a class, or a character that is escaped
    | \[\^?\]?(\\[dDsSwWtnrfv]|\\[^\w\s]|[^\\\[\]&~|])*\]
    | \((\?:|\?P<[A-Za-z_]\w*>|(?!\?))
    | \)
    | \|
    | ([*+?]|\{\d{1,3}(,\d{0,3})?\})\??
    )*""",
    re.VERBOSE | re.ASCII,
)
_NOTHING_REPEATED = re.compile(r"(?:^|(?<!\\)[(|])[*+]|^\?")
# What both refuse, as Python reports it.
_WRONG = (
    "multiple repeat", "missing )", "unbalanced parenthesis", "unterminated character set",
    "bad escape (end of pattern)",
)  # fmt: skip
_MOST = 1000  # repetitions, of nested ones all together


def is_valid(expression: str) -> bool | None:
    """Tell whether Go compiles an expression; None where that is unknown."""
    if _NOTHING_REPEATED.search(expression):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(expression)
    except re.error as error:
        return False if str(error).startswith(_WRONG) else None
    except (RecursionError, OverflowError):
        return None
    # A repetition of a repetition is Python's own (`a++`), and refused by Go.
    doubled = re.search(r"(?<!\\)[*+?}][+*]", expression)
    repeated = math.prod(max(map(int, re.findall(r"\d+", one))) for one in re.findall(r"\{[\d,]+\}", expression))
    return True if _ALIKE.fullmatch(expression) and not doubled and repeated <= _MOST else None
