"""Cloudflare's resources as the provider sees them: their properties, what a change means, the API's names for them.

Everything is in tables and pure functions. Source: pulumi_cloudflare 6.23.1 for the properties' names, and
terraform-provider-cloudflare v5, internal/services/*/{schema,model,resource,plan_modifiers}.go, for the rest: what is
optional, computed or both, defaults, replacement, what a read keeps from the state, and the import ids.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lab.plugins import changes
from lab.plugins.properties import UNKNOWN, Properties, Unknown, contains, secret

_UNSET: Final[tuple[Any, ...]] = (None, False, "", [])


@dataclass(frozen=True)
class Kind:
    """One type of resource; properties by their names in Pulumi."""

    path: str
    """Where one of them is, below its account or zone."""
    required: tuple[str, ...]
    scope: str = "accountId"
    """The account or zone that it is in. Changing it replaces."""
    optional: tuple[str, ...] = ()
    """Unset means cleared, also where another client has set it."""
    either: tuple[str, ...] = ()
    """Unset means whatever Cloudflare says."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    computed: tuple[str, ...] = ()
    """Outputs only."""
    stable: tuple[str, ...] = ()
    """What Cloudflare says that no update changes."""
    kept: tuple[str, ...] = ()
    """What a read does not take from Cloudflare once the state has it."""
    replaces: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    """Lists that are sets."""
    json_text: tuple[str, ...] = ()
    """Objects that the state has as JSON in a string."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The API's names where they are not just in snake_case."""
    documents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Objects whose every key is in a table of Pulumi's names to the API's; the rest is dropped, as by the provider."""
    elements: Mapping[str, Callable[[int], Properties]] = field(default_factory=dict)
    """Defaults of the objects in a list, by their place from 1."""
    only: Mapping[str, str] = field(default_factory=dict)
    """The only values that this stand-in knows."""
    patched: bool = False
    """An update sends only what changed."""
    part_of: str = ""
    """The property with the id of what this is a part of: it is created by overwriting, and never deleted."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """What a program may set."""
        return (self.scope, *self.required, *self.optional, *self.either, *self.defaults)

    @property
    def replacing(self) -> frozenset[str]:
        """What can't be changed in place."""
        return frozenset((self.scope, *self.replaces))


_TUNNEL_NAMES: Final = {
    name: name
    for name in (
        "access", "caPool", "connectTimeout", "disableChunkedEncoding", "hostname", "http2Origin", "httpHostHeader",
        "keepAliveConnections", "keepAliveTimeout", "noHappyEyeballs", "originRequest", "originServerName", "path",
        "proxyType", "required", "service", "tcpKeepAlive", "teamName", "tlsTimeout",
    )
} | {
    "audTags": "audTag", "ingresses": "ingress", "matchSnItoHost": "matchSNItoHost", "noTlsVerify": "noTLSVerify",
}  # fmt: skip
_RULES: Final = {"excludes": "exclude", "includes": "include", "requires": "require"}

KINDS: Final = {
    "dnsRecord:DnsRecord": Kind(
        path="dns_records/{id}",
        scope="zoneId",
        required=("name", "ttl", "type"),
        optional=("comment", "data", "priority", "privateRouting"),
        either=("content", "settings", "tags"),
        defaults={"proxied": False},
        computed=("commentModifiedOn", "createdOn", "meta", "modifiedOn", "proxiable", "tagsModifiedOn"),
        replaces=("type",),
        unordered=("tags",),
        json_text=("meta",),
    ),
    "zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared": Kind(
        path="cfd_tunnel/{id}",
        required=("name",),
        optional=("tunnelSecret",),
        defaults={"configSrc": "local"},
        computed=(
            "accountTag", "connections", "connsActiveAt", "connsInactiveAt", "createdAt", "deletedAt", "metadata",
            "remoteConfig", "status", "tunType",
        ),
        kept=("configSrc", "tunnelSecret"),
        replaces=("configSrc",),
        secrets=("tunnelSecret",),
        json_text=("metadata",),
        patched=True,
    ),
    "zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig": Kind(
        path="cfd_tunnel/{id}/configurations",
        required=("tunnelId",),
        either=("config", "source"),
        computed=("createdAt", "version"),
        kept=("tunnelId",),
        replaces=("tunnelId",),
        documents={"config": _TUNNEL_NAMES},
        part_of="tunnelId",
    ),
    "zeroTrustAccessApplication:ZeroTrustAccessApplication": Kind(
        path="access/apps/{id}",
        required=("type",),
        optional=(
            "allowAuthenticateViaWarp", "allowIframe", "allowedIdps", "autoRedirectToIdentity", "corsHeaders",
            "customDenyMessage", "customDenyUrl", "customNonIdentityDenyUrl", "enableBindingCookie", "logoUrl",
            "optionsPreflightBypass", "pathCookieAttribute", "policies", "readServiceTokensFromHeader",
            "sameSiteCookieAttribute", "serviceAuth401Redirect", "skipInterstitial", "tags",
        ),
        either=("destinations", "domain", "name", "selfHostedDomains"),
        defaults={"appLauncherVisible": True, "httpOnlyCookieAttribute": True, "sessionDuration": "24h"},
        computed=("aud",),
        stable=("aud", "destinations", "domain", "name", "selfHostedDomains"),
        unordered=("allowedIdps", "selfHostedDomains", "tags"),
        names={"serviceAuth401Redirect": "service_auth_401_redirect", **_RULES},
        elements={
            "destinations": lambda _: {"type": "public"},
            "policies": lambda place: {"precedence": place},
        },
        only={"type": "self_hosted"},
    ),
    "zeroTrustAccessPolicy:ZeroTrustAccessPolicy": Kind(
        path="access/policies/{id}",
        required=("decision", "name"),
        optional=(
            "approvalGroups", "approvalRequired", "connectionRules", "excludes", "includes", "isolationRequired",
            "mfaConfig", "purposeJustificationPrompt", "purposeJustificationRequired", "requires",
        ),
        defaults={"sessionDuration": "24h"},
        computed=("appCount", "createdAt", "reusable", "updatedAt"),
        unordered=("approvalGroups", "excludes", "includes", "requires"),
        names=_RULES,
    ),
    "zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken": Kind(
        path="access/service_tokens/{id}",
        required=("name",),
        optional=("previousClientSecretExpiresAt",),
        either=("enabled",),
        defaults={"clientSecretVersion": 1, "duration": "8760h"},
        computed=("clientId", "clientSecret", "expiresAt"),
        stable=("clientId", "clientSecret"),
        kept=("clientSecret", "clientSecretVersion", "previousClientSecretExpiresAt"),
        secrets=("clientSecret",),
    ),
}  # fmt: skip
"""The types that this stand-in knows, without `cloudflare:index/`."""


def kind_of(urn: str) -> Kind:
    """Return the kind of a resource's URN.

    Raises:
        ValueError: a type that this stand-in doesn't know.
    """
    token = urn.split("::")[2].rpartition("$")[2]
    kind = KINDS.get(token.removeprefix("cloudflare:index/"))
    if kind is None:
        raise ValueError(f"the lab's Cloudflare stand-in does not know {token}: install the real plugin for it")
    return kind


def refusals(kind: Kind, inputs: Properties) -> dict[str, str]:
    """Return, by input, why it can't be taken."""
    reasons = {
        name: f"the lab's Cloudflare stand-in does not know {name!r}: remove it, or install the real plugin"
        for name in inputs
        if name not in kind.inputs
    }
    needed = (kind.scope, *kind.required)
    reasons |= {name: f"Missing required property '{name}'" for name in needed if name not in inputs}
    for name, value in kind.only.items():
        if name in inputs and inputs[name] not in (value, UNKNOWN):
            reasons[name] = f"the lab's Cloudflare stand-in knows {name} {value!r} only, not {inputs[name]!r}"
    return reasons


def wanted(kind: Kind, inputs: Properties) -> Properties:
    """Return what the inputs mean: with the defaults filled in, and None for what is cleared by being unset."""
    result = {**dict.fromkeys(kind.optional), **kind.defaults, **inputs}
    for name, defaults in kind.elements.items():
        if isinstance(listed := result.get(name), list):
            result[name] = [
                {**defaults(place), **one} if isinstance(one, dict) else one for place, one in enumerate(listed, 1)
            ]
    return result


def changed(kind: Kind, state: Properties, goal: Properties) -> list[str]:
    """Return the properties in which the state is not what is wanted, sorted."""
    return sorted(
        name
        for name, value in goal.items()
        if not _same(
            # An object whose keys are all unset is as good as none.
            state.get(name, {} if isinstance(value, dict) else None), value, unordered=name in kind.unordered,
        )
    )  # fmt: skip


def previewed(kind: Kind, goal: Properties, state: Properties) -> Properties:
    """Return the outputs as far as they are known before the write; the state is empty before a creation."""
    unknown = dict.fromkeys((*kind.computed, *kind.either), UNKNOWN)
    known = {name: state[name] for name in kind.stable if name in state}
    if state and "clientSecretVersion" in changed(kind, state, goal):  # a new version is a new secret
        known.pop("clientSecret", None)
    return {**unknown, **known, **_set(goal)}


def body(kind: Kind, goal: Properties, state: Properties) -> Properties:
    """Return what is sent: what is wanted, or of that what changed. A write clears what it does not name."""
    names = changed(kind, state, goal) if kind.patched and state else goal
    in_path = (kind.scope, kind.part_of)
    return {
        _api_name(kind, name): _to_api(kind, goal[name], name)
        for name in names
        if name not in in_path and goal[name] is not None
    }


def after_write(kind: Kind, answer: Properties, goal: Properties, state: Properties) -> Properties:
    """Return the outputs after a write: what was wanted stands, the rest is Cloudflare's answer."""
    kept = {name: state[name] for name in kind.kept if name in state and goal.get(name, "") is not None}
    return {**kept, **_properties(kind, answer, goal), **_set(goal)}


def after_read(kind: Kind, answer: Properties, state: Properties) -> Properties:
    """Return the outputs as Cloudflare has them, and what it does not say from the state."""
    kept = {name: state[name] for name in (*kind.kept, kind.scope) if name in state}
    return {**_properties(kind, answer, state), **kept}


def inputs_of(kind: Kind, state: Properties, inputs: Properties | None) -> Properties:
    """Return the live values of what the last inputs set; on an import, where there are none, all that can be set.

    Source: pulumi-terraform-bridge v3, pkg/tfbridge/schema.go, ExtractInputsFromOutputs: a list is cut to the length
    that it had, and an import leaves out what is false, zero or empty.
    """
    if inputs is not None:
        return dict(changes.pruned(state, inputs))
    return dict(_without_zeros({name: state[name] for name in kind.inputs if name in state}))


def sealed(kind: Kind, properties: Properties) -> Properties:
    """Mark what the provider's schema calls sensitive; the engine itself marks what was secret in the inputs."""
    return {name: secret(value) if name in kind.secrets else value for name, value in properties.items()}


def location(kind: Kind, properties: Properties, identity: str) -> str:
    """Return the path of one resource in the API; without an id, of all of them."""
    path = kind.path.format(id=identity or properties.get(kind.part_of, "")).removesuffix("/")
    return f"/{kind.scope.removesuffix('Id')}s/{properties[kind.scope]}/{path}"


def imported(kind: Kind, import_id: str) -> tuple[str, Properties]:
    """Take a record's import id apart into the record's id and the properties that say where it is.

    Raises:
        ValueError: it is not of the form that the provider documents, or that of another kind.
    """
    zone, _, identity = import_id.partition("/")
    if kind.scope != "zoneId":
        raise ValueError("the lab's Cloudflare stand-in imports records only: install the real plugin for it")
    if not zone or not identity or "/" in identity:
        raise ValueError(f"the import id {import_id!r} is not of the form <zone_id>/<dns_record_id>")
    return identity, {kind.scope: zone}


def _properties(kind: Kind, answer: Properties, known: Properties) -> Properties:
    """Read the API's object."""
    result: Properties = {}
    for name in (*kind.inputs, *kind.computed):
        value = answer.get(_api_name(kind, name))
        if value is None:
            continue
        if name in kind.json_text:
            result[name] = json.dumps(value, sort_keys=True, separators=(",", ":"))
        else:
            result[name] = _from_api(kind, value, name)
    if "policies" in result:  # Cloudflare expands a policy that was given by its id
        given = known.get("policies") or []
        shapes = [{"precedence", *policy} for policy in given] + [{"id", "precedence"}] * len(result["policies"])
        result["policies"] = [
            {key: value for key, value in policy.items() if key in shape}
            for policy, shape in zip(result["policies"], shapes, strict=False)
        ]
    return result


def _api_name(kind: Kind, name: str, within: str = "") -> str:
    """Return the API's name of a property, or of a key anywhere within one."""
    if within in kind.documents:
        if name not in kind.documents[within]:
            raise ValueError(f"the lab's Cloudflare stand-in does not know {name!r} in {within!r}")
        return kind.documents[within][name]
    return kind.names.get(name) or re.sub(r"([A-Z])", lambda match: f"_{match[0].lower()}", name)


def _our_name(kind: Kind, theirs: str, within: str) -> str:
    """Return Pulumi's name of a key within a property; empty for what the provider drops."""
    for name, known in kind.documents.get(within, kind.names).items():
        if known == theirs:
            return name
    return "" if within in kind.documents else re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), theirs)


def _to_api(kind: Kind, value: Any, within: str) -> Any:
    match value:
        case dict():
            return {_api_name(kind, key, within): _to_api(kind, item, within) for key, item in _set(value).items()}
        case list():
            return [_to_api(kind, item, within) for item in value]
    return value


def _from_api(kind: Kind, value: Any, within: str) -> Any:
    match value:
        case dict():
            named = {_our_name(kind, key, within): item for key, item in _set(value).items()}
            return {name: _from_api(kind, item, within) for name, item in named.items() if name}
        case list():
            return [_from_api(kind, item, within) for item in value]
    return value


def _set(goal: Properties) -> Properties:
    return {name: value for name, value in goal.items() if value is not None}


def _same(live: Any, goal: Any, *, unordered: bool = False) -> bool:
    """Compare; unset, false and empty are one, as the provider takes them, but not an object without keys."""
    if contains(goal, Unknown):
        return False
    if isinstance(live, dict) and isinstance(goal, dict):
        return all(_same(live.get(key), goal.get(key)) for key in live.keys() | goal.keys())
    if isinstance(live, list) and isinstance(goal, list):
        if len(live) != len(goal):
            return False
        if unordered:
            live, goal = (sorted(side, key=lambda item: json.dumps(item, sort_keys=True)) for side in (live, goal))
        return all(_same(one, other) for one, other in zip(live, goal, strict=True))
    return (live in _UNSET and goal in _UNSET) or bool(live == goal)


def _without_zeros(value: Any) -> Any:
    match value:
        case dict():
            kept = {key: _without_zeros(item) for key, item in value.items()}
            return {key: item for key, item in kept.items() if item not in (*_UNSET, {})}
        case list():
            return [_without_zeros(item) for item in value]
    return value
