"""A connection from outside the cluster to one of its Services, through the API server, as kubectl forwards ports."""

from clients.conditions import is_ready
from clients.deadline import Socket
from clients.kubernetes import ClusterApi, ClusterError, Manifest, Ref
from settings.model import Backend


class NotRunningError(ClusterError):
    """The Service has no ready pod."""


def connect(cluster: ClusterApi, backend: Backend) -> Socket:
    """Open a connection to one of the Service's pods that is ready.

    Raises:
        NotRunningError: when there is no Service, or no pod of it that is ready.
        ClusterError: when the API server can't be asked, or does not let us.

    """
    ref = Ref("v1", "Service", backend.service, backend.namespace)
    service = cluster.get(ref)
    if service is None:
        raise NotRunningError(f"{ref} does not exist")
    selector = ",".join(f"{key}={value}" for key, value in service["spec"].get("selector", {}).items())
    pods = cluster.list(Ref("v1", "Pod", "", backend.namespace), labelSelector=selector) if selector else []
    ready = next((pod for pod in pods if is_ready(pod)), None)
    if ready is None:
        raise NotRunningError(
            f"{ref} has no pod that is ready. `kubectl describe pods -n {backend.namespace} -l {selector}` says why"
        )
    return cluster.connect(
        Ref("v1", "Pod", ready["metadata"]["name"], backend.namespace), _port(service, ready, backend)
    )


def _port(service: Manifest, pod: Manifest, backend: Backend) -> int:
    """Find the container's port: a Service may name it."""
    target = next(
        (
            port.get("targetPort", backend.port)
            for port in service["spec"].get("ports", [])
            if port["port"] == backend.port
        ),
        backend.port,
    )
    named = {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", [])
        if "name" in port
    }
    found = named.get(target, target)
    if isinstance(found, str):
        raise NotRunningError(
            f"{Ref.of(service)} leads to the port {found}, and no container of its pod has one so named"
        )
    return int(found)
