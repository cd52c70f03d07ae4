"""What keeps Immich from starting without its photos between two `up`s: an admission policy of the API server.

An owner's upgrade can drop the mount, or all of this stack's entries: a container with another name, a workload made
again, a write of the whole object. Immich would start, and its next scan would trash every photo. The policy denies
such a pod; a rolling update leaves the old one running.
"""

import json
import re
from collections.abc import Sequence

from clients.kubernetes import Manifest, Ref
from components.immich_mount import GUARD
from components.immich_server import Server, image_pattern
from components.ownership import Ownership
from settings.immich import Immich

API = "admissionregistration.k8s.io/v1"
KIND = "ValidatingAdmissionPolicy"


def names(immich: Immich, kind: str = KIND) -> tuple[Ref, Ref]:
    """Name a policy of Immich's namespace, and its binding."""
    name = f"immich-icloud-{immich.namespace}"
    return Ref(API, kind, name), Ref(API, f"{kind}Binding", name)


def manifests(
    immich: Immich, servers: Sequence[Server], mount: Manifest, ownership: Ownership
) -> tuple[Manifest, Manifest]:
    """Build the policy, and the binding that puts it into force in Immich's namespace.

    Args:
        immich: where Immich is.
        servers: the workloads that run its server.
        mount: the entries of this stack in one of them.
        ownership: of whose stack it is.

    """
    policy_name, binding_name = names(immich)
    policy = {
        **of_pods(immich),
        "validations": [{"expression": _expression(immich, servers, mount), "message": _message(immich, ownership),
                         "reason": "Forbidden"}],
    }  # fmt: skip
    binding = {**bound(immich, policy_name), "validationActions": ["Deny"]}
    return ownership.whole(policy_name, spec=policy), ownership.whole(binding_name, spec=binding)


def of_pods(immich: Immich) -> Manifest:
    """Say what a policy is asked about: pods of Immich's namespace when they are created, but for those of Jobs."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "*"}
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {**_here(immich), "resourceRules": [pods]},
        "matchConditions": [{"name": "not-of-a-job", "expression": _NOT_OF_A_JOB}],
    }


def bound(immich: Immich, policy: Ref) -> Manifest:
    """Put a policy into force in Immich's namespace."""
    return {"policyName": policy.name, "matchResources": _here(immich)}


def _here(immich: Immich) -> Manifest:
    labels = {"kubernetes.io/metadata.name": immich.namespace}
    return {"matchPolicy": "Equivalent", "namespaceSelector": {"matchLabels": labels}}


# The language is CEL (kubernetes.io, "Common Expression Language in Kubernetes").

# What a Job runs from Immich's image is one of its commands, such as a backup: it scans nothing.
_NOT_OF_A_JOB = "!has(object.metadata.ownerReferences) || !object.metadata.ownerReferences.exists(o, o.kind == 'Job')"


def _expression(immich: Immich, servers: Sequence[Server], mount: Manifest) -> str:
    """Say that each container of the server has the mount; in one expression, so that two can be joined by "or"."""
    checked = (
        f"has(object.spec.initContainers) && object.spec.initContainers.exists(i, i.name == '{GUARD}' && "
        "has(i.volumeMounts) && i.volumeMounts.exists(g, g.name == m.name))"
    )
    source = f"has(object.spec.volumes) && object.spec.volumes.exists(v, v.name == m.name && {_is_source(mount)})"
    return (
        f"object.spec.containers.filter(c, {is_server(immich, servers)}).all(c, has(c.volumeMounts) && "
        f"c.volumeMounts.exists(m, {_shows(immich, mount)} && {source} && {checked}) && "
        f"!c.volumeMounts.exists(h, {_hides(immich)}))"
    )


def text(content: str) -> str:
    """Spell a text."""
    return json.dumps(content, ensure_ascii=False)


def is_server(immich: Immich, servers: Sequence[Server]) -> str:
    """Say that a container, c, runs the server."""
    images = sorted({image for server in servers for image in server.images})
    runs = " || ".join(f"c.image.matches({text(image_pattern(image))})" for image in images)
    if immich.mount.container is None:
        return runs
    named = text(immich.mount.container)
    return f"c.name == {named} || (!object.spec.containers.exists(n, n.name == {named}) && ({runs}))"


def _is_source(mount: Manifest) -> str:
    (volume,) = mount["spec"]["template"]["spec"]["volumes"]
    if "hostPath" in volume:
        path = text(volume["hostPath"]["path"])
        return f"has(v.hostPath) && v.hostPath.path == {path} && has(v.hostPath.type) && v.hostPath.type == 'Directory'"
    claim = text(volume["persistentVolumeClaim"]["claimName"])
    return f"has(v.persistentVolumeClaim) && v.persistentVolumeClaim.claimName == {claim}"


def _shows(immich: Immich, mount: Manifest) -> str:
    (shown,) = mount["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    part = f"has(m.subPath) && m.subPath == {text(shown['subPath'])}" if "subPath" in shown else "!has(m.subPath)"
    return f"m.mountPath == {text(immich.mount.path)} && has(m.readOnly) && m.readOnly && {part} && !has(m.subPathExpr)"


def _hides(immich: Immich) -> str:
    """Say that a mount, h, lies in that of the photos, or is the same place in other words."""
    path = immich.mount.path
    place = "".join(f"(/+[.])*/+{re.escape(part)}" for part in path.strip("/").split("/"))
    return f"h.mountPath != {text(path)} && h.mountPath.matches({text(f'^{place}(/|$)')})"


def _message(immich: Immich, ownership: Ownership) -> str:
    restores = (
        f"`{ownership.command('up')}` restores"
        if immich.mount.kind != "chart"
        else f"The values of Immich's chart have to state (`{ownership.command('chart-values')}`)"
    )
    return (
        f"Immich would start without its photos, and its next scan would move them to its trash. {restores} the mount "
        f"{immich.mount.path} and the startup check {GUARD}. A Deployment with a rolling update keeps its old "
        "pod until then, one with strategy Recreate has none"
    )
