"""Immich's Service leads to its pods, and Immich answers behind it."""

import json
from collections.abc import Iterator

from clients.kubernetes import Manifest
from ops.checks.check import UP, Check, Fault, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import Unread, there

_PATCH = (
    "kubectl patch service -n $immich $service --type=json "
    """-p '[{"op": "add", "path": "/spec/%s", "value": $value}]'"""
)

_NO_SERVICE = Fault("Immich's Service has another name: immich.service.name", "kubectl get services -n $immich")
# Its port is its owner's to choose, and others may use it: this stack follows.
_NO_PORT = Fault(
    "Immich's Service listens elsewhere than immich.service.port says",
    f"pulumi config set --stack $stack --path immich-icloud:immich.service.port $value && {UP}",
)
_OTHER_PODS = Fault("the Service's selector was changed: it selects no pod of Immich", _PATCH % "selector")
_OTHER_TARGET = Fault(
    "the Service's targetPort was changed: nothing listens there in Immich's pod", _PATCH % "ports/$place/targetPort"
)
_NO_ENDPOINTS = Fault(
    "the pods that the Service selects are not ready, or were a moment ago",
    "kubectl describe service -n $immich $service",
)
_SILENT = Fault(
    "nothing listens at the Service's targetPort in the pod, or what does is not Immich, or hangs: its log says which",
    "kubectl logs -n $immich deployment/$deployment --tail=50",
)


def _service(facts: Facts) -> Result:
    cluster, immich = there(facts.cluster), facts.settings.immich
    service = cluster.seen.service
    ports = service["spec"].get("ports", []) if service else []
    if not ports:
        evidence = f"namespace {immich.namespace} has no Service {immich.service.name} with a port"
        return failed(facts, _NO_SERVICE, evidence)
    if immich.service.port not in [port["port"] for port in ports]:
        has = ", ".join(str(port["port"]) for port in ports)
        evidence = f"Service {immich.service.name} has no port {immich.service.port}. It has: {has}"
        port = next((port for port in ports if port.get("name") == "http"), ports[0])
        return failed(facts, _NO_PORT, evidence, value=str(port["port"]))
    ready = [
        address
        for piece in cluster.endpoints
        for endpoint in piece.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
        for address in endpoint["addresses"]
    ]
    if not ready:
        evidence = f"Service {immich.service.name} has no endpoint that is ready"
        return next(_misled(facts, cluster, evidence, silent=False), failed(facts, _NO_ENDPOINTS, evidence))
    return Passed(f"Service {immich.service.name}:{immich.service.port} leads to {', '.join(ready)}")


def _answers(facts: Facts) -> Result:
    fault = there(facts.ping).fault
    if not fault:
        return Passed("200 from /api/server/ping, through a port-forward")
    misled = () if isinstance(facts.cluster, Unread) else _misled(facts, facts.cluster, fault, silent=True)
    return next(iter(misled), failed(facts, _SILENT, fault))


def _misled(facts: Facts, cluster: ClusterFacts, evidence: str, *, silent: bool) -> Iterator[Result]:
    """Say where the Service leads, if that is not where Immich listens.

    A container need not state its ports: a number that it does not state is to blame only where all is `silent`.
    """
    service, deployment = cluster.seen.service, cluster.seen.deployment
    if service is None or deployment is None:
        return
    wanted = deployment["spec"]["selector"].get("matchLabels", {})
    selector = service["spec"].get("selector") or {}
    if not selector.items() <= deployment["spec"]["template"]["metadata"].get("labels", {}).items():
        selects = f"{evidence}: it selects {_spoken(selector)}, and Immich's pods have {_spoken(wanted)}"
        yield failed(facts, _OTHER_PODS, selects, value=json.dumps(wanted))
    listening = _listening(cluster, deployment)
    for place, port in enumerate(service["spec"].get("ports", [])):
        target = port.get("targetPort", port["port"])
        ours = port["port"] == facts.settings.immich.service.port
        if ours and listening and target not in listening and (silent or isinstance(target, str)):
            leads = f"{evidence}: the Service leads to port {target} of the pod, and Immich listens at {listening[0]}"
            yield failed(facts, _OTHER_TARGET, leads, place=str(place), value=json.dumps(listening[0]))


def _listening(cluster: ClusterFacts, deployment: Manifest) -> list[int | str]:
    """List the ports that Immich's container says it has, by number and by name."""
    (ours,) = cluster.plan.mount["spec"]["template"]["spec"]["containers"]
    ports = [
        port
        for container in deployment["spec"]["template"]["spec"]["containers"]
        if container["name"] == ours["name"]
        for port in container.get("ports", [])
    ]
    return [*(port["containerPort"] for port in ports), *(port["name"] for port in ports if "name" in port)]


def _spoken(labels: Manifest) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "nothing"


SERVICE = Check(
    "service",
    "Immich's Service has the port, and ready endpoints",
    _service,
    (_NO_SERVICE, _NO_PORT, _OTHER_PODS, _OTHER_TARGET, _NO_ENDPOINTS),
)
ANSWERS = Check("ping", "Immich answers inside the cluster", _answers, (_OTHER_PODS, _OTHER_TARGET, _SILENT))
