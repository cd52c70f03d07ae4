"""Cloudflare Access: applications, reusable policies, service tokens."""

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from lab.cloudflare.answers import Answer, listed, refused, unsupported
from lab.cloudflare.routes import Route
from lab.cloudflare.world import World, new_id, new_uuid, now
from lab.stand_in.answers import Json, RefusedError, Request
from lab.stand_in.routes import Ids
from text.hostname import lies_in

_DECISIONS = ("allow", "bypass", "deny", "non_identity")
_UNITS = {"h": "hours", "m": "minutes", "s": "seconds"}


def _invalid(why: str) -> RefusedError:
    return refused(400, 12130, f"access.api.error.invalid_request: {why}")


class _Kind(ABC):
    """What the three have in common: all are listed, made, read, replaced and deleted, and have a UUID."""

    held: str  # where World has them
    path: str
    of: str  # permission
    filters: ClassVar[Mapping[str, str]] = {"name": "name"}

    @abstractmethod
    def made(self, world: World, old: Json, given: Json) -> Json:
        """Return what becomes of `old`, of which a new one has only its id. Raises RefusedError."""

    def shown(self, _: World, thing: Json) -> Json:
        return thing

    def created(self, shown: Json) -> Json:
        return shown

    def deleted(self, _: World, thing: Json) -> Answer:
        """Return the last that is heard of it. Raises RefusedError where it has to stay."""
        return Answer({"id": thing["id"]}, HTTPStatus.ACCEPTED)

    def routes(self) -> tuple[Route, ...]:
        every, one = (
            f"/accounts/{{account_id}}/access/{self.path}",
            f"/accounts/{{account_id}}/access/{self.path}/{{id}}",
        )
        return (
            Route("GET", every, self._list, (self.of,)),
            Route("POST", every, self._create, (self.of,)),
            Route("GET", one, lambda world, _, ids: self.shown(world, self._one(world, ids)), (self.of,)),
            Route("PUT", one, self._replace, (self.of,)),
            Route("DELETE", one, self._delete, (self.of,)),
        )

    def _all(self, world: World) -> dict[str, Json]:
        things: dict[str, Json] = getattr(world, self.held)
        return things

    def _one(self, world: World, ids: Ids) -> Json:
        if ids["id"] not in self._all(world):
            raise refused(404, 12135, "access.api.error.not_found")
        return self._all(world)[ids["id"]]

    def _list(self, world: World, request: Request, _: Ids) -> Answer:
        return listed([self.shown(world, one) for one in self._all(world).values()], request.query, self.filters)

    def _store(self, world: World, old: Json, given: Json) -> Json:
        thing = self.made(world, old, given)
        self._all(world)[thing["id"]] = thing
        return self.shown(world, thing)

    def _create(self, world: World, request: Request, _: Ids) -> Answer:
        return Answer(self.created(self._store(world, {"id": new_uuid()}, request.body)), HTTPStatus.CREATED)

    def _replace(self, world: World, request: Request, ids: Ids) -> Json:
        return self._store(world, self._one(world, ids), request.body)

    def _delete(self, world: World, _: Request, ids: Ids) -> Answer:
        last = self.deleted(world, self._one(world, ids))
        del self._all(world)[ids["id"]]
        return last


class _Applications(_Kind):
    held, path, of = "apps", "apps", "Access: Apps and Policies"
    filters: ClassVar = {"name": "name", "domain": "domain", "aud": "aud"}

    def made(self, world: World, old: Json, given: Json) -> Json:
        domain = given.get("domain") or ""
        if given.get("type") != "self_hosted":
            raise unsupported(f"Access applications of type {given.get('type')!r}")
        if not any(lies_in(domain.partition("/")[0], zone["name"]) for zone in world.zones.values()):
            raise _invalid(f"domain {domain!r} does not belong to a zone of the account")
        if any(app["domain"] == domain and app["id"] != old["id"] for app in world.apps.values()):
            raise refused(409, 11010, "access.api.error.application_already_exists")
        return {
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
            "id": old["id"],
            "aud": old.get("aud") or secrets.token_hex(32),
            "policies": [_link(world, *each) for each in enumerate(given.get("policies") or [], start=1)],
        }

    def shown(self, world: World, thing: Json) -> Json:
        """Its policies in their order, each with its place there instead of what it is on its own."""
        links = sorted(thing["policies"], key=lambda link: link["precedence"])
        policies = [{**world.policies[link["id"]], **link} for link in links if link["id"] in world.policies]
        for policy in policies:
            del policy["reusable"]
        return {**thing, "policies": policies}


def _link(world: World, place: int, given: Any) -> Json:
    link = {"id": given} if isinstance(given, str) else given
    if "decision" in link:
        raise unsupported("policies that belong to one application: make a reusable one and name its id")
    if link.get("id") not in world.policies:
        raise _invalid(f"policy {link.get('id')!r} does not exist")
    return {"id": link["id"], "precedence": int(link.get("precedence", place))}


class _Policies(_Kind):
    held, path, of = "policies", "policies", "Access: Apps and Policies"

    def made(self, world: World, old: Json, given: Json) -> Json:
        if given.get("decision") not in _DECISIONS:
            raise _invalid(f"decision {given.get('decision')!r} is none of {', '.join(_DECISIONS)}")
        if not given.get("name") or not given.get("include"):
            raise _invalid("a policy needs a name and a rule to include")
        own = {"id": old["id"], "reusable": True, "created_at": old.get("created_at") or now(), "updated_at": now()}
        policy = {"exclude": [], "require": [], "session_duration": "24h", **given, **own}
        if missing := _service_tokens_in(policy) - world.service_tokens.keys():
            raise _invalid(f"service token {min(missing)!r} does not exist")
        return policy

    def shown(self, world: World, thing: Json) -> Json:
        uses = sum(link["id"] == thing["id"] for app in world.apps.values() for link in app["policies"])
        return {**thing, "app_count": uses}


def _service_tokens_in(policy: Json) -> set[str]:
    rules = [*policy["include"], *policy["exclude"], *policy["require"]]
    return {rule["service_token"]["token_id"] for rule in rules if "service_token" in rule}


class _ServiceTokens(_Kind):
    held, path, of = "service_tokens", "service_tokens", "Access: Service Tokens"

    def made(self, _: World, old: Json, given: Json) -> Json:
        given = dict(given)
        # The provider sends its default with every write (source: its schema.go).
        if given.pop("client_secret_version", 1) != 1:
            raise unsupported("rotating a service token's secret")
        token = {"duration": "8760h", "enabled": True, "client_id": f"{new_id()}.access", **old, **given}
        if not token.get("name"):
            raise _invalid("a service token needs a name")
        if old.get("duration") != token["duration"]:
            token["expires_at"] = _end(token["duration"])
        return {**token, "id": old["id"]}

    def created(self, shown: Json) -> Json:
        """The only time that its secret is told; when it ends is not, as the SDK has it."""
        told = {key: value for key, value in shown.items() if key != "expires_at"}
        return {**told, "client_secret": secrets.token_hex(32)}

    def deleted(self, world: World, thing: Json) -> Answer:
        if any(thing["id"] in _service_tokens_in(policy) for policy in world.policies.values()):
            why = "cannot delete service token because it is used by a policy, group, or app SCIM configuration."
            raise refused(400, 12139, f"access.api.error.service_token_in_use: {why}")
        return Answer(thing)


def _end(duration: str) -> str | None:
    """When what is made now ends; None is never."""
    if duration == "forever":
        return None
    parts = re.findall(r"(\d+)([hms])", duration)
    if not parts or "".join(map("".join, parts)) != duration:
        raise _invalid(f"duration {duration!r} is not like 8760h")
    length = timedelta(**{_UNITS[unit]: int(count) for count, unit in parts})
    return (datetime.now(UTC) + length).isoformat(timespec="seconds").replace("+00:00", "Z")


ROUTES = (*_Applications().routes(), *_Policies().routes(), *_ServiceTokens().routes())
