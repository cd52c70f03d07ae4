"""What a wait reports: each step once, and any obstacle as soon as it is seen."""

from collections.abc import Callable


class Progress:
    """Reports a sentence that is none of the last two."""

    def __init__(self, report: Callable[[str], object]) -> None:
        self._report = report
        self._last: tuple[str, ...] = ()

    def tell(self, words: str) -> None:
        """Report it, unless it was."""
        if words not in self._last:
            self._report(words)
        self._last = (*self._last[-1:], words)
