"""Cloudflare Access: applications, reusable policies, service tokens."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from lab.cloudflare.answers import Answer, Json, RefusedError, Request, filtered, unsupported
from lab.cloudflare.routes import Ids, Route
from lab.cloudflare.world import World, new_id, new_uuid, now

_DECISIONS = {"allow", "deny", "non_identity", "bypass"}
_UNITS = {"h": "hours", "m": "minutes", "s": "seconds"}


def _missing() -> RefusedError:
    return RefusedError(404, 12135, "access.api.error.not_found")


def _invalid(why: str) -> RefusedError:
    return RefusedError(400, 12130, f"access.api.error.invalid_request: {why}")


def _one(things: dict[str, Json], ids: Ids) -> Json:
    if ids["id"] not in things:
        raise _missing()
    return things[ids["id"]]


# Applications.


def _apps(world: World, request: Request, _: Ids) -> Answer:
    every = [_shown_app(world, app) for app in world.apps.values()]
    return filtered(every, request.query, {"name": "name", "domain": "domain", "aud": "aud"})


def _app(world: World, _: Request, ids: Ids) -> Json:
    return _shown_app(world, _one(world.apps, ids))


def _create_app(world: World, request: Request, _: Ids) -> Answer:
    app = _store_app(world, {"id": new_uuid(), "aud": secrets.token_hex(32)}, request.body)
    return Answer(app, HTTPStatus.CREATED)


def _replace_app(world: World, request: Request, ids: Ids) -> Json:
    old = _one(world.apps, ids)
    return _store_app(world, {"id": old["id"], "aud": old["aud"]}, request.body)


def _store_app(world: World, own: Json, given: Json) -> Json:
    if given.get("type") != "self_hosted":
        raise unsupported(f"Access applications of type {given.get('type')!r}")
    domain = given.get("domain") or ""
    if not any(domain == zone["name"] or domain.endswith(f".{zone['name']}") for zone in world.zones.values()):
        raise _invalid(f"domain {domain!r} does not belong to a zone of the account")
    if any(app["domain"] == domain and app["id"] != own["id"] for app in world.apps.values()):
        raise RefusedError(409, 11010, "access.api.error.application_already_exists")
    app = {
        # What an application has that was asked for nothing (as reported, of one made in the dashboard).
        "name": domain,
        "self_hosted_domains": [domain],
        "destinations": [{"type": "public", "uri": domain}],
        "app_launcher_visible": True,
        "allowed_idps": [],
        "tags": [],
        "auto_redirect_to_identity": False,
        "session_duration": "24h",
        "enable_binding_cookie": False,
        "http_only_cookie_attribute": False,
        "options_preflight_bypass": False,
        **given,
        **own,
        "policies": _references(world, given.get("policies") or []),
    }
    world.apps[app["id"]] = app
    return _shown_app(world, app)


def _references(world: World, given: list[Any]) -> list[Json]:
    links = []
    for place, link in enumerate(given, start=1):
        reference = {"id": link} if isinstance(link, str) else link
        if "decision" in reference:
            raise unsupported("policies that belong to one application: make a reusable one and name its id")
        if reference.get("id") not in world.policies:
            raise _invalid(f"policy {reference.get('id')!r} does not exist")
        links.append({"id": reference["id"], "precedence": reference.get("precedence", place)})
    return sorted(links, key=lambda one: int(one["precedence"]))


def _shown_app(world: World, app: Json) -> Json:
    # Where it is shown in an application, a policy tells its place instead of how often it is used.
    kept = [
        {key: value for key, value in world.policies[link["id"]].items() if key != "reusable"}
        | {"precedence": link["precedence"]}
        for link in app["policies"]
        if link["id"] in world.policies
    ]
    return {**app, "policies": kept}


def _delete_app(world: World, _: Request, ids: Ids) -> Answer:
    return _gone(world.apps, ids)


def _gone(things: dict[str, Json], ids: Ids) -> Answer:
    del things[_one(things, ids)["id"]]
    return Answer({"id": ids["id"]}, HTTPStatus.ACCEPTED)


# Reusable policies.


def _policies(world: World, request: Request, _: Ids) -> Answer:
    return filtered([_shown_policy(world, policy) for policy in world.policies.values()], request.query, {})


def _policy(world: World, _: Request, ids: Ids) -> Json:
    return _shown_policy(world, _one(world.policies, ids))


def _create_policy(world: World, request: Request, _: Ids) -> Answer:
    return Answer(_store_policy(world, {"id": new_uuid(), "created_at": now()}, request.body), HTTPStatus.CREATED)


def _replace_policy(world: World, request: Request, ids: Ids) -> Json:
    old = _one(world.policies, ids)
    return _store_policy(world, {"id": old["id"], "created_at": old["created_at"]}, request.body)


def _store_policy(world: World, own: Json, given: Json) -> Json:
    if given.get("decision") not in _DECISIONS:
        raise _invalid(f"decision {given.get('decision')!r} is none of {', '.join(sorted(_DECISIONS))}")
    if not given.get("name") or not given.get("include"):
        raise _invalid("a policy needs a name and a rule to include")
    policy = {"exclude": [], "require": [], "session_duration": "24h", **given, **own, "updated_at": now()}
    for token_id in _service_tokens_in(policy):
        if token_id not in world.service_tokens:
            raise _invalid(f"service token {token_id!r} does not exist")
    world.policies[policy["id"]] = {**policy, "reusable": True}
    return _shown_policy(world, world.policies[policy["id"]])


def _service_tokens_in(policy: Json) -> list[str]:
    rules = [*policy["include"], *policy["exclude"], *policy["require"]]
    return [rule["service_token"]["token_id"] for rule in rules if "service_token" in rule]


def _shown_policy(world: World, policy: Json) -> Json:
    uses = sum(link["id"] == policy["id"] for app in world.apps.values() for link in app["policies"])
    return {**policy, "app_count": uses}


def _delete_policy(world: World, _: Request, ids: Ids) -> Answer:
    return _gone(world.policies, ids)


# Service tokens.


def _tokens(world: World, request: Request, _: Ids) -> Answer:
    return filtered(world.service_tokens.values(), request.query, {"name": "name"})


def _token(world: World, _: Request, ids: Ids) -> Json:
    return _one(world.service_tokens, ids)


def _create_token(world: World, request: Request, _: Ids) -> Answer:
    """Make one; the only time that its secret is told, and (as the SDK has it) its end is not."""
    own = {"id": new_uuid(), "client_id": f"{new_id()}.access"}
    token = _store_token(world, own, {"duration": "8760h", "enabled": True, **request.body})
    told = {key: value for key, value in token.items() if key != "expires_at"}
    return Answer({**told, "client_secret": secrets.token_hex(32)}, HTTPStatus.CREATED)


def _replace_token(world: World, request: Request, ids: Ids) -> Json:
    old = _one(world.service_tokens, ids)
    return _store_token(world, old, {**old, **request.body})


def _store_token(world: World, own: Json, given: Json) -> Json:
    if not given.get("name"):
        raise _invalid("a service token needs a name")
    if "client_secret_version" in given:
        raise unsupported("rotating a service token's secret")
    unchanged = own.get("duration") == given["duration"]
    token = {
        "id": own["id"],
        "client_id": own["client_id"],
        "name": given["name"],
        "duration": given["duration"],
        "enabled": given["enabled"],
        "expires_at": own["expires_at"] if unchanged else _end(given["duration"]),
    }
    world.service_tokens[token["id"]] = token
    return token


def _end(duration: str) -> str | None:
    """When what is made now ends; None is never."""
    if duration == "forever":
        return None
    if not re.fullmatch(r"(\d+[hms])+", duration):
        raise _invalid(f"duration {duration!r} is not like 8760h")
    parts = re.findall(r"(\d+)([hms])", duration)
    length = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())
    return (datetime.now(UTC) + length).isoformat(timespec="seconds").replace("+00:00", "Z")


def _delete_token(world: World, _: Request, ids: Ids) -> Json:
    token = _one(world.service_tokens, ids)
    if any(token["id"] in _service_tokens_in(policy) for policy in world.policies.values()):
        raise RefusedError(
            400,
            12139,
            "access.api.error.service_token_in_use: cannot delete service token because it is used by a policy, group, "
            "or app SCIM configuration.",
        )
    return world.service_tokens.pop(token["id"])


def _routes(path: str, of: str, handlers: tuple[Any, Any, Any, Any, Any]) -> tuple[Route, ...]:
    every, create, one, replace, delete = handlers
    whole = f"/accounts/{{account_id}}/access/{path}"
    return (
        Route("GET", whole, every, (of,)),
        Route("POST", whole, create, (of,)),
        Route("GET", f"{whole}/{{id}}", one, (of,)),
        Route("PUT", f"{whole}/{{id}}", replace, (of,)),
        Route("DELETE", f"{whole}/{{id}}", delete, (of,)),
    )


ROUTES = (
    *_routes("apps", "Access: Apps and Policies", (_apps, _create_app, _app, _replace_app, _delete_app)),
    *_routes(
        "policies", "Access: Apps and Policies", (_policies, _create_policy, _policy, _replace_policy, _delete_policy)
    ),
    *_routes(
        "service_tokens", "Access: Service Tokens", (_tokens, _create_token, _token, _replace_token, _delete_token)
    ),
)
