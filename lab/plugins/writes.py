"""Creating and updating objects: apply and dry runs, as the real plugin does them with upsert and patch force."""

import copy
import secrets
from typing import Final

from pulumi.runtime.proto import provider_pb2

from lab.plugins.changes import Object
from lab.plugins.cluster import ApiError, Cluster, NoSuchKindError
from lab.plugins.session import Session

_CREATE_RETRIES: Final = 5


def create(session: Session, request: provider_pb2.CreateRequest, obj: Object, manager: str) -> Object:
    """Apply; again for some seconds while the namespace or the CRD is still on its way."""
    cluster = session.reached()
    for attempt in range(_CREATE_RETRIES + 1):
        try:
            return _create_once(cluster, obj, manager, preview=request.preview)
        except (ApiError, NoSuchKindError) as error:
            missing = isinstance(error, NoSuchKindError) or error.code == 404  # noqa: PLR2004
            if request.preview or not missing or attempt == _CREATE_RETRIES:
                raise
            session.report(request.urn, f"Retry #{attempt}; creation failed: {error}")
            if session.cancelled.wait(2.0**attempt / 2):
                raise
    raise AssertionError("the last attempt returns or raises")


def _create_once(cluster: Cluster, obj: Object, manager: str, *, preview: bool) -> Object:
    try:
        return cluster.apply(obj, manager, force=True, dry_run=preview)
    except ApiError as error:
        if preview and error.reason == "Invalid" and "field is immutable" in str(error):
            # The old object is still there while its replacement is previewed: ask about another name.
            other = copy.deepcopy(obj)
            other["metadata"]["name"] += secrets.token_hex(3)
            return cluster.apply(other, manager, force=True, dry_run=True)
        raise


def update(session: Session, obj: Object, old_live: Object, manager: str, *, preview: bool) -> Object:
    """Apply an object that exists.

    Raises:
        ApiError: refused, or gone.
    """
    cluster = session.reached()
    live = cluster.get(old_live)
    if live is None:
        name = old_live["metadata"]["name"]
        raise ApiError(404, "NotFound", f'{cluster.resource_type(old_live).plural} "{name}" not found')
    if not preview:
        cluster.move_to(live, manager)
    return cluster.apply(obj, manager, force=True, dry_run=preview)
