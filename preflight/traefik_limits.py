"""How long Traefik reads a request: a minute by default since 2.11.2, and what takes longer is cut. Pure.

It is a setting of its entry points, which no annotation of a route reaches. `make test-routes` shows it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from clients.kubernetes import Manifest

_FIRST: Final = (2, 11, 2)
_TAG: Final = re.compile(r":v?(\d+)\.(\d+)(?:\.(\d+))?")
_STATED: Final = re.compile(r"respondingtimeouts[._]readtimeout", re.IGNORECASE)
# Where its settings may also be, which is not read.
_FILE: Final = re.compile(r"configfile", re.IGNORECASE)
_PLACE: Final = "/etc/traefik"


def limited(pods: Iterable[Manifest], image: str) -> bool:
    """Whether pods that run an image leave the limit at its default, as far as their arguments tell."""
    running = [one for pod in pods for one in pod["spec"].get("containers") or () if re.search(image, _image(one))]
    return bool(running) and all(map(_limits, running))


def _limits(container: Manifest) -> bool:
    tag = _TAG.search(_image(container))
    old = tag is not None and tuple(map(int, tag.groups(default="99"))) < _FIRST
    text = " ".join(_arguments(container))
    mounted = any(str(one.get("mountPath")).startswith(_PLACE) for one in container.get("volumeMounts") or ())
    return not (old or mounted or _STATED.search(text) or _FILE.search(text))


def _arguments(container: Manifest) -> Iterator[str]:
    yield from (*(container.get("command") or ()), *(container.get("args") or ()))
    yield from (str(one.get("name")) for one in container.get("env") or ())


def _image(container: Manifest) -> str:
    return str(container.get("image", ""))
