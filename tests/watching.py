"""What looks at something from a thread of its own."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Watcher(ABC):
    """Looks for as long as a `with` block lasts, by `_watch`, which ends once `_over` is set."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @abstractmethod
    def _watch(self) -> None: ...
