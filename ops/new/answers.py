"""The six answers, each a line of text, as sections of a stack file. Pure."""

from collections.abc import Mapping
from typing import Any

from observe.candidates import Candidates
from settings.model import Backend

Section = dict[str, Any]

STORAGE = (
    "hostPath NODE PATH, local NODE PATH, nfs SERVER PATH, csi DRIVER HANDLE SECOND-HANDLE, or existing NAMESPACE/CLAIM"
)
PUBLISHED = (
    "ingress CLASS, gateway NAMESPACE/NAME or none; a comma; then ownTunnel, sharedTunnel NAME, localTunnel, "
    "dnsRecord TARGET or none"
)
_OWNER = {"uid": 1000, "gid": 1000}
_NGINX = {
    "nginx.ingress.kubernetes.io/proxy-body-size": "0",
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
    "nginx.ingress.kubernetes.io/proxy-send-timeout": "600",
}


class AnswerError(Exception):
    """The answer has another form. `str()` is what is allowed."""


def cluster(context: str, contexts: Mapping[str, str]) -> Section:
    """Name the cluster by its context, which most tools write as user@cluster.

    Raises:
        AnswerError: when no kubeconfig has it.

    """
    if context not in contexts:
        raise AnswerError(", ".join(contexts))
    identifier = context.rpartition("@")[2] or context
    return {"cluster": {"kubeconfig": contexts[context], "context": context, "identifier": identifier}}


def storage(answer: str) -> Section:
    """Say where the photos are kept.

    Raises:
        AnswerError: when it has another form.

    """
    match answer.split():
        case ["hostPath" | "local" as kind, node, path]:
            found = {"kind": kind, "node": node, "path": path}
        case ["nfs", server, path]:
            found = {"kind": "nfs", "server": server, "path": path}
        case ["csi", driver, handle, second]:
            found = {"kind": "csi", "driver": driver, "volumeHandle": handle, "immichVolumeHandle": second}
        case ["existing", claim] if claim.count("/") == 1:
            namespace, name = claim.split("/")
            return {"storage": {"kind": "existing", "claim": {"namespace": namespace, "name": name}, "owner": _OWNER}}
        case _:
            raise AnswerError(STORAGE)
    return {"storage": {**found, "owner": _OWNER}}


def published(answer: str, candidates: Candidates) -> Section:
    """Say how requests reach Immich, from the internet and within the cluster.

    Raises:
        AnswerError: when it has another form.

    """
    inside, _, outside = answer.partition(",")
    route, controller = _route(inside.split(), candidates)
    return {"route": route, "cloudflare": _cloudflare(outside.split(), controller)}


def _route(words: list[str], candidates: Candidates) -> tuple[Section, Backend | None]:
    match words:
        case ["none"]:
            return {"kind": "none"}, None
        case ["ingress", name]:
            controllers = {
                one["spec"].get("controller") for one in candidates.ingress_classes if one["metadata"]["name"] == name
            }
            annotations = {"annotations": _NGINX} if "k8s.io/ingress-nginx" in controllers else {}
            return {"kind": "ingress", "className": name, **annotations}, candidates.of_ingress_class(name)
        case ["gateway", place] if place.count("/") == 1:
            namespace, name = place.split("/")
            return {"kind": "gateway", "gateway": name, "gatewayNamespace": namespace}, candidates.of_gateway(name)
    raise AnswerError(PUBLISHED)


def _cloudflare(words: list[str], controller: Backend | None) -> Section:
    through = {"origin": {"namespace": controller.namespace, "service": controller.service}} if controller else {}
    match words:
        case ["none"]:
            return {"kind": "none"}
        case ["ownTunnel" | "localTunnel" as kind]:
            return {"kind": kind, **through}
        case ["sharedTunnel", *name] if name:
            return {"kind": "sharedTunnel", "tunnel": " ".join(name), **through}
        case ["dnsRecord", target]:
            return {"kind": "dnsRecord", "target": target}
    raise AnswerError(PUBLISHED)


def accounts(answer: str, candidates: Candidates) -> Section:
    """Say whose photos are fetched, each by a name of one's own for the account."""
    names = [] if answer == "none" else answer.replace(",", " ").split()
    sync: Section = {"timeZone": "Etc/UTC", "schedule": "0 2 1 * *"}
    if names:
        sync["accounts"] = [{"name": name} for name in names]
        if candidates.storage_classes and not candidates.default_class:
            sync["cookieVolume"] = {"storageClass": candidates.storage_classes[0]}
    return {"photoSync": sync}


def secrets(sections: Mapping[str, Any], *, token_is_set: bool) -> dict[str, str]:
    """List the secrets that a stack needs: the path of each key, and what it is."""
    wanted = {}
    if sections["cloudflare"]["kind"] != "none" and not token_is_set:
        wanted["immich-icloud:cloudflareToken"] = "Cloudflare's API token"
    for account in sections["photoSync"].get("accounts", ()):
        place = f"immich-icloud:icloudCredentials.{account['name']}"
        wanted |= {f"{place}.appleId": f"Apple ID of {account['name']}", f"{place}.password": "its password"}
    return wanted
