"""Following the objects of one kind."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Final

from kubernetes import watch
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

_AGAIN_AFTER: Final = 0.2


def changes(listing: Any, **selectors: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tell of every object that there is and of each change, forever; after a break, of all that is there again.

    A change arrives as `ADDED`, `MODIFIED` or `DELETED`, and the object.
    """
    while True:
        with contextlib.suppress(ApiException, HTTPError):
            for event in watch.Watch().stream(listing, **selectors):
                yield event["type"], event["raw_object"]
        time.sleep(_AGAIN_AFTER)
