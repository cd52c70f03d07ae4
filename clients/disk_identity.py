"""The photo disk's id: kept in the directory ConfigMap and in its mirror in Immich's namespace, and in the marker file.

An id begins with its number: where a kill has left two of them, the one that was drawn later holds. `marked` says that
the id is on a disk. The mirror outlives the stack, and is written first: Immich, which trashes what it does not find,
must be the first to refuse an earlier disk.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterError, ClusterRefusedError, Manifest, Ref
from text.number import whole

_ATTEMPTS: Final = 5
_OURS: Final = "immich-icloud/"  # annotations that say whose an object is


class ForeignError(ClusterError):
    """A ConfigMap of that name belongs to another stack, or to an unknown owner."""


@dataclass(frozen=True)
class Identity:
    """What a ConfigMap knows of the disk; an empty id is none."""

    id: str = ""
    marked: bool = False

    @property
    def number(self) -> int:
        """How often an id had been drawn when this one was."""
        return whole(self.id.partition("-")[0]) or 0

    def next(self) -> "Identity":
        """Draw another one."""
        return Identity(f"{self.number + 1}-{secrets.token_hex(8)}")


def known(api: ClusterApi, places: Iterable[Manifest], former: Collection[str] = ()) -> Identity:
    """Find the id that holds.

    Args:
        api: the cluster.
        places: the ConfigMaps, without their data.
        former: other names of their stack.

    Raises:
        ClusterError: when the cluster can't be asked, or when a ConfigMap is another stack's.

    """
    return max((_of(_read(api, place, former)) for place in places), key=lambda one: (one.number, one.marked))


def settle(
    api: ClusterApi,
    places: Sequence[Manifest],
    earlier: Sequence[Manifest] = (),
    former: Collection[str] = (),
    *,
    marked: bool,
) -> None:
    """Have every ConfigMap carry the id that holds; where there is none, draw one.

    Args:
        api: the cluster.
        places: the mirror, and then the directory ConfigMap, without their data.
        earlier: where they were before.
        former: other names of their stack.
        marked: whether the id is on a disk by now.

    Raises:
        ClusterError: when the API server refuses or does not answer, or when a ConfigMap is another stack's.

    """
    for attempts_left in reversed(range(_ATTEMPTS)):
        found = known(api, [*places, *earlier], former)
        holds = found if found.id else found.next()
        try:
            write(api, places, Identity(holds.id, marked or holds.marked), former)
        except ClusterRefusedError as refused:  # another `up` was first
            if refused.status != HTTPStatus.CONFLICT or not attempts_left:
                raise
        else:
            return


def write(api: ClusterApi, places: Iterable[Manifest], identity: Identity, former: Collection[str] = ()) -> None:
    """Write an id into the ConfigMaps, in their order, and whose they are into those of a former name.

    Raises:
        ClusterRefusedError: with status 409 when another client wrote meanwhile.
        ClusterError: when the API server does not answer, or when a ConfigMap is another stack's.

    """
    data = {"id": identity.id} | ({"marked": identity.id} if identity.marked else {})
    for place in places:
        live = _read(api, place, former)
        if live is None:
            api.create({**place, "data": data}, OBJECT_MANAGER)
        elif _of(live) != identity or _unlike(live, place):
            changed = {"resourceVersion": live["metadata"]["resourceVersion"], "annotations": _unlike(live, place)}
            api.patch(Ref.of(place), {"metadata": changed, "data": data}, OBJECT_MANAGER)


def is_settled(api: ClusterApi, places: Iterable[Manifest], former: Collection[str] = (), *, marked: bool) -> bool:
    """Whether every ConfigMap carries the stack's name and one id, and says that it is on a disk where it should be."""
    there = [(place, _read(api, place, former)) for place in places]
    found = {_of(live) for _, live in there}
    settled = len(found) == 1 and all(one.id and one.marked >= marked for one in found)
    return settled and not any(_unlike(live, place) for place, live in there if live)


def _of(live: Manifest | None) -> Identity:
    data = (live or {}).get("data") or {}
    id_ = str(data.get("id", ""))
    return Identity(id_, bool(id_) and data.get("marked") == id_)


def _read(api: ClusterApi, place: Manifest, former: Collection[str]) -> Manifest | None:
    live = api.get(Ref.of(place))
    if live is None:
        return None
    found = live["metadata"].get("annotations") or {}
    if found.keys().isdisjoint(_marks(place)) or any(found[key] not in former for key in _unlike(live, place)):
        marks = " ".join(f"{key}={value}" for key, value in _marks(place).items())
        raise ForeignError(
            f"{Ref.of(place)} exists and is not managed by this stack. Remove it, or if it is this stack's: kubectl "
            f"annotate --overwrite configmap {place['metadata']['name']} -n {place['metadata']['namespace']} {marks}"
        )
    return live


def _marks(place: Manifest) -> dict[str, str]:
    return {key: value for key, value in place["metadata"]["annotations"].items() if key.startswith(_OURS)}


def _unlike(live: Manifest, place: Manifest) -> dict[str, str]:
    """Return the marks that are others on a ConfigMap, as they are to be."""
    found = live["metadata"].get("annotations") or {}
    return {key: value for key, value in _marks(place).items() if found.get(key, value) != value}
