"""The photos in Immich, added by the API server: no field of Immich's workloads belongs to this stack.

A mutating admission policy (Kubernetes 1.36) adds volume, mount and startup check to each pod of Immich's server when
it is created. Whatever its owner writes, renames or makes again, its pods have the photos.
"""

import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from clients.kubernetes import Manifest, Ref
from components import mount_policy
from components.immich_server import Server
from components.mount_policy import bound, is_server, of_pods, text
from components.ownership import Ownership
from providers.mount_at_admission import STAMP
from settings.immich import Immich
from text.command import nameless

KIND = "MutatingAdmissionPolicy"


def names(immich: Immich) -> tuple[Ref, ...]:
    """Name the policy and its binding, where the mount is added at admission."""
    return mount_policy.names(immich, KIND) if immich.mount.kind == "admission" else ()


def manifests(
    immich: Immich, servers: Sequence[Server], mount: Manifest, ownership: Ownership
) -> tuple[Manifest, Manifest]:
    """Build the policy, and the binding that puts it into force in Immich's namespace.

    Args:
        immich: where Immich is.
        servers: the workloads that run its server.
        mount: the entries of one of them.
        ownership: of whose stack it is.

    """
    policy, binding = names(immich)
    spec = of_pods(immich)
    about = {"name": "runs-the-server", "expression": f"object.spec.containers.exists(c, {is_server(immich, servers)})"}
    spec |= {
        "matchConditions": [*spec["matchConditions"], about],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": _patch(immich, servers, mount)}}],
        "reinvocationPolicy": "IfNeeded",
    }
    return ownership.whole(policy, spec=spec), ownership.whole(binding, spec=bound(immich, policy))


def stamp(mount: Manifest) -> str:
    """Tell one mount from another, whatever the stack is called: each pod that gets it is annotated with this."""
    pod = mount["spec"]["template"]["spec"]
    what = [pod["volumes"], pod["initContainers"], pod["containers"][0]["volumeMounts"]]
    return hashlib.sha256(nameless(json.dumps(what, sort_keys=True)).encode()).hexdigest()[:16]


def admitted(pod: Manifest, mount: Manifest) -> Manifest:
    """Do to the spec of a pod what the policy does."""
    wanted, pod = mount["spec"]["template"]["spec"], deepcopy(pod)
    for field in ("volumes", "initContainers"):
        found = pod.get(field, [])
        there = {one["name"] for one in found}
        pod[field] = [*found, *(one for one in wanted[field] if one["name"] not in there)]
    showing = {one["name"]: one["volumeMounts"][0] for one in wanted["containers"]}
    for container in pod["containers"]:
        mounts, ours = container.get("volumeMounts", []), showing.get(container["name"])
        if ours and ours["mountPath"] not in {one["mountPath"] for one in mounts}:
            container["volumeMounts"] = [*mounts, ours]
    return pod


_MOUNTS = '/spec/containers/" + string(i) + "/volumeMounts'

# The language is CEL, and what it yields is a JSON patch (RFC 6902).


def _patch(immich: Immich, servers: Sequence[Server], mount: Manifest) -> str:
    pod = mount["spec"]["template"]["spec"]
    ((volume,), (check,), (shown,)) = pod["volumes"], pod["initContainers"], pod["containers"][0]["volumeMounts"]
    lacks = f"(!has(c.volumeMounts) || !c.volumeMounts.exists(m, m.mountPath == {text(shown['mountPath'])}))"
    mounts = (
        f"object.spec.containers.transformList(i, c, ({is_server(immich, servers)}) && {lacks}, "
        f"{_add('c.volumeMounts', shown, _MOUNTS)})"
    )
    stamped = (
        f'[has(object.metadata.annotations) ? JSONPatch{{op: "add", path: "/metadata/annotations/" + '
        f'jsonpatch.escapeKey({text(STAMP)}), value: {text(stamp(mount))}}} : JSONPatch{{op: "add", '
        f'path: "/metadata/annotations", value: {{{text(STAMP)}: {text(stamp(mount))}}}}}]'
    )
    return " + ".join([_named("volumes", volume), _named("initContainers", check), mounts, stamped])


def _named(field: str, item: Manifest) -> str:
    """Add an item to a list of the pod, unless there is one of its name."""
    there = f"has(object.spec.{field})"
    known = f"{there} && object.spec.{field}.exists(x, x.name == {text(item['name'])})"
    return f"({known} ? [] : [{_add(f'object.spec.{field}', item, f'/spec/{field}')}])"


def _add(field: str, item: Manifest, path: str) -> str:
    """Add an item to a list, which may be missing."""
    return (
        f'JSONPatch{{op: "add", path: "{path}" + (has({field}) ? "/-" : ""), '
        f"value: has({field}) ? dyn({_literal(item)}) : dyn([{_literal(item)}])}}"
    )


def _literal(value: Any) -> str:
    """Spell a value: of CEL's own accord, all values of a map or list would have to be of one type."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)}: dyn({_literal(one)})" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(f"dyn({_literal(one)})" for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
