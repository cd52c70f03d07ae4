"""The workloads that run Immich's server, found by its image, and the Service that leads to it. Pure.

Immich can be split into workers, each in a container or a workload of its own, all of one image; which of them scans is
a matter of environment variables. So each container of the image gets the photos.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clients.kubernetes import Manifest, Ref
from settings.immich import Immich, Mount, Service
from text.number import whole

IMAGE = "immich-server"

_INCLUDED, _EXCLUDED, _LISTENS = "IMMICH_WORKERS_INCLUDE", "IMMICH_WORKERS_EXCLUDE", "IMMICH_PORT"
_PORTS = (2283, 3001)  # Immich's own since 1.118, and before
_PORT_NAMES = ("http", "server", "immich", "web")


@dataclass(frozen=True)
class Server:
    """A workload that runs Immich's server.

    Attributes:
        ref: the workload.
        containers: names of its containers that run the server.
        images: last components of their images' paths.

    """

    ref: Ref
    containers: tuple[str, ...]
    images: tuple[str, ...] = (IMAGE,)


def image_pattern(name: str) -> str:
    """Build a regular expression of the images whose path ends in `name`, in the syntax of Python's re and of RE2."""
    return rf"^([^@]*/)?{name.replace('.', '[.]')}(:[^/@]+)?(@.+)?$"


def runs_server(container: Manifest) -> bool:
    """Whether a container's image is Immich's server, whatever its registry, tag and digest."""
    return re.match(image_pattern(IMAGE), container.get("image", "")) is not None


def servers(immich: Immich, workloads: Sequence[Manifest]) -> tuple[Server, ...]:
    """List the workloads that run the server; those that answer the API come first."""
    found = [
        (
            not _answers(workload),
            Server(
                Ref.of(workload),
                tuple(one["name"] for one in few),
                tuple(sorted({_name_of(one.get("image", "")) for one in few})),
            ),
        )
        for workload in workloads
        if (few := chosen(immich, workload))
    ]
    return tuple(server for _, server in sorted(found, key=lambda pair: (pair[0], str(pair[1].ref))))


def expected(immich: Immich) -> Server:
    """Name the workload that Immich's chart would make; it stands in the plan where the cluster has none."""
    return Server(
        Ref("apps/v1", "Deployment", immich.deployment or IMAGE, immich.namespace), (immich.mount.container or IMAGE,)
    )


def containers(workload: Manifest) -> list[Manifest]:
    """List the containers of a workload's pods, but for init containers."""
    found: list[Manifest] = workload["spec"]["template"]["spec"]["containers"]
    return found


def chosen(immich: Immich, workload: Manifest) -> list[Manifest]:
    """List the containers of a workload that run the server; none of a workload that does not."""
    several, named = containers(workload), workload["metadata"]["name"] == immich.deployment
    by_image = [one for one in several if runs_server(one)]
    if not by_image and not named:
        return []
    by_name = [one for one in several if one["name"] == immich.mount.container]
    if by_name or by_image or immich.mount.container:
        return by_name or by_image
    # An image of another name: what has the mount keeps it, and a single container is the server.
    return next((few for few in (_mounting(several, immich.mount), several) if len(few) == 1), [])


def _mounting(several: list[Manifest], mount: Mount) -> list[Manifest]:
    return [one for one in several if mount.path in {each["mountPath"] for each in one.get("volumeMounts", [])}]


def _name_of(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _answers(workload: Manifest) -> bool:
    """Whether a workload answers the API: it may run the other workers only."""
    return any(_has_api(one) for one in containers(workload) if runs_server(one))


def _has_api(container: Manifest) -> bool:
    included, excluded = (_workers(container, name) for name in (_INCLUDED, _EXCLUDED))
    # Before 1.107 a worker was an argument: `start.sh microservices`.
    words = " ".join([*container.get("command", []), *container.get("args", [])])
    return (not included or "api" in included) and "api" not in excluded and "microservices" not in words


def _workers(container: Manifest, variable: str) -> set[str]:
    return {word.strip() for word in _environment(container, variable).split(",") if word.strip()}


def _environment(container: Manifest, variable: str) -> str:
    return next((str(one.get("value", "")) for one in container.get("env", []) if one["name"] == variable), "")


def leading(immich: Immich, workloads: Sequence[Manifest], services: Sequence[Manifest]) -> list[Manifest]:
    """List the Services that may be Immich's: the one that the settings name, or those that select its pods."""
    if immich.service.name:
        return [one for one in services if one["metadata"]["name"] == immich.service.name]
    behind = _behind(immich, workloads)
    return [one for one in services if _selects(one, behind)]


def service(immich: Immich, workloads: Sequence[Manifest], services: Sequence[Manifest]) -> Service:
    """Find Immich's Service and its port, where the settings leave them out; what is not found stays out."""
    wanted, behind = immich.service, _behind(immich, workloads)
    if wanted.name and wanted.port:
        return wanted
    found = [
        (_rank(one, behind), wanted.model_copy(update={"name": one["metadata"]["name"], "port": port}))
        for one in leading(immich, workloads, services)
        for port in [wanted.port or _port(one, behind)]
        if port in ports(one)
    ]
    best = [one for rank, one in found if rank == min(rank for rank, _ in found)]
    return best[0] if len(best) == 1 else wanted


def ports(service: Manifest) -> list[int]:
    """List the ports of a Service."""
    return [port["port"] for port in service["spec"].get("ports", [])]


def _behind(immich: Immich, workloads: Sequence[Manifest]) -> list[Manifest]:
    ours = {one.ref for one in servers(immich, workloads)}
    return [one for one in workloads if Ref.of(one) in ours]


def _selects(service: Manifest, workloads: Sequence[Manifest]) -> bool:
    """Whether a Service leads to pods that answer the API."""
    selector = service["spec"].get("selector") or {}
    return bool(selector) and any(
        selector.items() <= one["spec"]["template"].get("metadata", {}).get("labels", {}).items()
        for one in workloads
        if _answers(one) or not any(map(runs_server, containers(one)))
    )


def _rank(service: Manifest, workloads: Sequence[Manifest]) -> tuple[bool, bool, bool]:
    """Order Services: a headless one comes last, one for the outside before it, and of others the workload's own."""
    spec, names = service["spec"], {one["metadata"]["name"] for one in workloads}
    return (
        spec.get("clusterIP") == "None",
        spec.get("type", "ClusterIP") != "ClusterIP",
        service["metadata"]["name"] not in names,
    )


def tcp_ports(service: Manifest) -> list[Manifest]:
    """List a Service's ports that http may use: HTTP/3 has the same number, over UDP."""
    return [port for port in service["spec"].get("ports", []) if port.get("protocol", "TCP") == "TCP"]


def _port(service: Manifest, workloads: Sequence[Manifest]) -> int | None:
    """Find the port of a Service that leads to Immich."""
    several = [container for workload in workloads for container in containers(workload)]
    stated = {_environment(container, _LISTENS) for container in several}
    listening = {number for port in stated if (number := whole(port)) is not None} or set(_PORTS)
    named = {
        port["name"]: port["containerPort"]
        for container in several
        for port in container.get("ports", [])
        if "name" in port
    }
    stated_ports = tcp_ports(service)

    def target(port: Manifest) -> Any:
        to = port.get("targetPort", port["port"])
        return named.get(to, to)

    guesses = (
        [port for port in stated_ports if target(port) in listening],
        [port for port in stated_ports if port.get("name") in _PORT_NAMES],
        stated_ports,
    )
    return next((int(few[0]["port"]) for few in guesses if len(few) == 1), None)
