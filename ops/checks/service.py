"""Immich's Service leads to its pods, and Immich answers behind it."""

import json
from collections.abc import Iterator

from clients.kubernetes import Manifest
from ops.checks import wording
from ops.checks.check import Check, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cluster import ClusterFacts
from ops.facts.part import Unread, there
from settings.immich import Immich


def _service(facts: Facts) -> Result:
    cluster, immich = there(facts.cluster), facts.settings.immich
    service = _service_of(cluster, immich)
    ports = service["spec"].get("ports", []) if service else []
    if not ports:
        evidence = f"namespace {immich.namespace} has no Service {immich.backend.service} with a port"
        return failed(facts, wording.SERVICE_MISSING, evidence)
    if immich.backend.port not in [port["port"] for port in ports]:
        has = ", ".join(str(port["port"]) for port in ports)
        evidence = f"Service {immich.backend.service} has no port {immich.backend.port}. It has: {has}"
        port = next((port for port in ports if port.get("name") == "http"), ports[0])
        return failed(facts, wording.PORT_MISSING, evidence, value=str(port["port"]))
    ready = [
        address
        for piece in cluster.endpoints
        for endpoint in piece.get("endpoints") or []
        if endpoint.get("conditions", {}).get("ready")
        for address in endpoint.get("addresses", [])
    ]
    if not ready:
        evidence = f"Service {immich.backend.service} has no endpoint that is ready"
        return next(_misled(facts, cluster, evidence, silent=False), failed(facts, wording.NO_ENDPOINTS, evidence))
    return Passed(f"Service {immich.backend.service}:{immich.backend.port} leads to {', '.join(ready)}")


def _answers(facts: Facts) -> Result:
    fault = there(facts.ping)
    if not fault:
        return Passed("200 from /api/server/ping, through a port-forward")
    misled = () if isinstance(facts.cluster, Unread) else _misled(facts, facts.cluster, fault, silent=True)
    return next(iter(misled), failed(facts, wording.IMMICH_SILENT, fault))


def _misled(facts: Facts, cluster: ClusterFacts, evidence: str, *, silent: bool) -> Iterator[Result]:
    """Say where the Service leads, if that is not where Immich listens.

    A container need not state its ports: a number that it does not state is to blame only where all is `silent`.
    """
    service, workload = _service_of(cluster, facts.settings.immich), cluster.workload
    if service is None or workload is None:
        return
    wanted = workload["spec"]["selector"].get("matchLabels", {})
    selector = service["spec"].get("selector") or {}
    if not selector.items() <= workload["spec"]["template"]["metadata"].get("labels", {}).items():
        selects = f"{evidence}: it selects {_spoken(selector)}, and Immich's pods have {_spoken(wanted)}"
        yield failed(facts, wording.SELECTOR_CHANGED, selects, value=json.dumps(wanted))
    listening = _listening(cluster, workload)
    for place, port in enumerate(service["spec"].get("ports", [])):
        target = port.get("targetPort", port["port"])
        ours = port["port"] == facts.settings.immich.backend.port
        if ours and listening and target not in listening and (silent or isinstance(target, str)):
            leads = f"{evidence}: the Service leads to port {target} of the pod, and Immich listens at {listening[0]}"
            yield failed(facts, wording.TARGET_PORT_CHANGED, leads, place=str(place), value=json.dumps(listening[0]))


def _service_of(cluster: ClusterFacts, immich: Immich) -> Manifest | None:
    return next((one for one in cluster.seen.services if one["metadata"]["name"] == immich.backend.service), None)


def _listening(cluster: ClusterFacts, workload: Manifest) -> list[int | str]:
    """List the ports that Immich's containers say they have, by number and by name."""
    ours = {one["name"] for one in cluster.plan.mounts[0]["spec"]["template"]["spec"]["containers"]}
    ports = [
        port
        for container in workload["spec"]["template"]["spec"]["containers"]
        if container["name"] in ours
        for port in container.get("ports", [])
    ]
    return [*(port["containerPort"] for port in ports), *(port["name"] for port in ports if "name" in port)]


def _spoken(labels: Manifest) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "nothing"


SERVICE = Check(
    "service",
    "Immich's Service has the port, and ready endpoints",
    _service,
    (
        wording.SERVICE_MISSING,
        wording.PORT_MISSING,
        wording.SELECTOR_CHANGED,
        wording.TARGET_PORT_CHANGED,
        wording.NO_ENDPOINTS,
    ),
    follows=("immich-pods",),
)
ANSWERS = Check(
    "ping",
    "Immich answers inside the cluster",
    _answers,
    (wording.SELECTOR_CHANGED, wording.TARGET_PORT_CHANGED, wording.IMMICH_SILENT),
    follows=("service", "immich-pods"),
)
