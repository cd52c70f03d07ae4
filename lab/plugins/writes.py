"""Creating and updating objects: apply, upsert, dry runs and conflicts, as the real plugin does them."""

import copy
import secrets
from typing import Final

from pulumi.runtime.proto import provider_pb2

from lab.plugins.awaits import annotation
from lab.plugins.changes import Object
from lab.plugins.cluster import ApiError, Cluster, NoSuchKindError
from lab.plugins.session import Session

_CREATE_RETRIES: Final = 5


def create(session: Session, request: provider_pb2.CreateRequest, obj: Object, manager: str) -> Object:
    """Create or, with upsert, apply; again for some seconds while the namespace or the CRD is still on its way."""
    cluster = session.reached()
    for attempt in range(_CREATE_RETRIES + 1):
        try:
            return _create_once(session, cluster, obj, manager, preview=request.preview)
        except (ApiError, NoSuchKindError) as error:
            missing = isinstance(error, NoSuchKindError) or error.code == 404  # noqa: PLR2004
            if request.preview or not missing or attempt == _CREATE_RETRIES:
                raise
            session.report(request.urn, f"Retry #{attempt}; creation failed: {error}")
            if session.cancelled.wait(2.0**attempt / 2):
                raise
    raise AssertionError("the last attempt returns or raises")


def _create_once(session: Session, cluster: Cluster, obj: Object, manager: str, *, preview: bool) -> Object:
    settings = session.configuration
    if settings is None or not settings.upsert:
        return cluster.create(obj, dry_run=preview)
    force = preview or settings.patch_force or annotation(obj, "patchForce") == "true"
    try:
        return cluster.apply(obj, manager, force=force, dry_run=preview)
    except ApiError as error:
        if preview and error.reason == "Invalid" and "field is immutable" in str(error):
            # The old object is still there while its replacement is previewed: ask about another name.
            other = copy.deepcopy(obj)
            other["metadata"]["name"] += secrets.token_hex(3)
            return cluster.apply(other, manager, force=force, dry_run=True)
        raise _with_conflict(error, manager) from error


def update(session: Session, obj: Object, old_live: Object, manager: str, *, preview: bool) -> Object:
    """Apply an object that exists.

    Raises:
        ApiError: refused, in conflict with another field manager, or gone.
    """
    cluster = session.reached()
    live = cluster.get(old_live)
    if live is None:
        name = old_live["metadata"]["name"]
        raise ApiError(404, "NotFound", f'{cluster.resource_type(old_live).plural} "{name}" not found')
    entries = live["metadata"].get("managedFields", [])
    ours = any(e["manager"].startswith("pulumi-") and e["operation"] == "Update" for e in entries)
    force = annotation(obj, "patchForce") == "true" or not entries or (preview and ours)
    if session.configuration and session.configuration.patch_force:
        force = True
    if not preview:
        cluster.take_over(live, manager)
    try:
        return cluster.apply(obj, manager, force=force, dry_run=preview)
    except ApiError as error:
        raise _with_conflict(error, manager) from error


def _with_conflict(error: ApiError, manager: str) -> ApiError:
    if error.reason != "Conflict":
        return error
    message = (
        "server-side apply field conflict detected\n"
        f'The resource managed by field manager "{manager}" had an apply conflict: {error}'
    )
    return ApiError(error.code, error.reason, message, error.kind)
