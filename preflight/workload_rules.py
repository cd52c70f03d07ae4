"""Whether it is clear which containers run Immich's server, and which Service leads to them. Pure."""

from collections.abc import Iterator, Sequence

from clients.kubernetes import Manifest, Ref
from components import immich_server
from preflight import wording
from settings.immich import Immich
from text.finding import Finding


def findings(immich: Immich, workloads: Sequence[Manifest], services: Sequence[Manifest]) -> Iterator[Finding]:
    """Find what is missing, or has to be named."""
    unclear = list(of_workloads(immich, workloads))
    yield from unclear
    if not unclear or immich.service.name:  # else no Service can be known by what it leads to
        yield from _of_service(immich, workloads, services)


def of_workloads(immich: Immich, workloads: Sequence[Manifest]) -> Iterator[Finding]:
    """Find what keeps the server's workloads or containers from being found."""
    if immich.deployment is None:
        if not immich_server.servers(immich, workloads):
            yield wording.SERVER_MISSING.found(namespace=immich.namespace, image=immich_server.IMAGE)
        return
    named = [one for one in workloads if one["metadata"]["name"] == immich.deployment]
    if not named:
        yield wording.WORKLOAD_MISSING.found(namespace=immich.namespace, name=immich.deployment)
    for workload in named:
        names = [one["name"] for one in immich_server.containers(workload)]
        ref, has = Ref.of(workload), ", ".join(names)
        if immich.mount.container and immich.mount.container not in names:
            yield wording.CONTAINER_MISSING.found(workload=ref, name=immich.mount.container, has=has)
        elif not immich_server.chosen(immich, workload):
            yield wording.CONTAINER_UNCLEAR.found(workload=ref, image=immich_server.IMAGE, has=has)


def _of_service(immich: Immich, workloads: Sequence[Manifest], services: Sequence[Manifest]) -> Iterator[Finding]:
    wanted, leading = immich.service, immich_server.leading(immich, workloads, services)
    found = immich_server.service(immich, workloads, services)
    if not leading and wanted.name:
        yield wording.SERVICE_MISSING.found(namespace=immich.namespace, name=wanted.name)
    elif not leading:
        yield wording.SERVICE_UNKNOWN.found(namespace=immich.namespace)
    elif len(leading) > 1:
        if not found.name:
            has = ", ".join(one["metadata"]["name"] for one in leading)
            yield wording.SERVICES_SEVERAL.found(namespace=immich.namespace, has=has)
    elif found.port not in immich_server.ports(leading[0]):
        ref, has = Ref.of(leading[0]), ", ".join(map(str, immich_server.ports(leading[0])))
        if wanted.port:
            yield wording.PORT_MISSING.found(service=ref, port=wanted.port, has=has)
        else:
            yield wording.PORT_UNCLEAR.found(service=ref, has=has)
