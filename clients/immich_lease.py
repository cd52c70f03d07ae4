"""A Lease for each Immich: one run of a cluster writes at a time, and what each stack has there is known by its id.

Immich's libraries have no place for an owner annotation, and its server-wide configuration has no version.
"""

from collections.abc import Collection, Mapping
from typing import Any

from clients.kubernetes import ClusterApi
from clients.lease import HeldLease, Lease, LeaseOf, Notes

_DURATION = 90  # seconds; longer than Immich may take for one answer (clients.immich)
_LIBRARIES, _SETTINGS = "libraries", "settings"

Entries = Mapping[str, Any]


def lease_of(namespace: str) -> LeaseOf:
    """Name the Lease of the Immich in a namespace."""
    return LeaseOf(
        name="immich-icloud",
        namespace=namespace,
        annotation="immich-icloud/immich",
        duration=_DURATION,
        doing="changing libraries or settings of the same Immich",
    )


def immich_lease(api: ClusterApi, namespace: str, stack: str, former: Collection[str] = ()) -> Lease:
    """Make the Lease of the Immich in a namespace, as one stack, with other names or without, uses it."""
    return Lease(api, lease_of(namespace), stack, former=former)


def libraries(notes: Notes, stack: str) -> frozenset[str]:
    """Name the libraries that a stack created or adopted, by their ids."""
    return frozenset(notes.get(stack, {}).get(_LIBRARIES, ()))


def note_library(held: HeldLease, stack: str, library_id: str) -> None:
    """Note a library as a stack's, and hold the Lease for its whole duration again."""
    ids = libraries(held.notes(), stack) | {library_id}
    held.note({**held.notes().get(stack, {}), _LIBRARIES: sorted(ids)})


def settings_before(notes: Notes, stack: str) -> Entries:
    """Read what entries of Immich's configuration were before a stack changed them."""
    entries: Entries = notes.get(stack, {}).get(_SETTINGS, {})
    return entries


def note_settings(held: HeldLease, stack: str, before: Entries) -> None:
    """Note what entries were, and hold the Lease for its whole duration again."""
    note = {key: value for key, value in held.notes().get(stack, {}).items() if key != _SETTINGS}
    held.note({**note, _SETTINGS: dict(before)} if before else note)
