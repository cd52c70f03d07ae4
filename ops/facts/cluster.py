"""What `make verify` asks the cluster beyond what a preview does: what runs, and where requests are led."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clients import pod_end
from clients.conditions import is_over
from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.pod_end import End
from components import directory
from components.plan import Plan
from observe.cluster import ClusterSeen
from settings import Settings
from settings.route import Ingress


@dataclass(frozen=True)
class Running:
    """What runs.

    Attributes:
        pods: all pods of Immich's namespace.
        endpoints: the EndpointSlices of Immich's Service.
        ingress_classes: names of the IngressClasses.
        directory: how the directory Job's pod ended; empty where there is none.

    """

    pods: tuple[Manifest, ...] = ()
    endpoints: tuple[Manifest, ...] = ()
    ingress_classes: tuple[str, ...] = ()
    directory: End = field(default_factory=End)


@dataclass(frozen=True)
class ClusterFacts(Running):
    """The cluster beside the stack's plan for it.

    Attributes:
        seen: what preflight looks at, too.
        plan: what the stack states.
        left: what is not as it is stated, and what an `up` would leave: admission has changed it.

    """

    seen: ClusterSeen = field(kw_only=True)
    plan: Plan = field(kw_only=True)
    left: frozenset[Ref] = frozenset()

    @property
    def workload(self) -> Manifest | None:
        """The workload that answers Immich's API."""
        return self.seen.workload(Ref.of(self.plan.mounts[0]))

    @property
    def live(self) -> Mapping[Ref, Manifest]:
        """Return each managed object of the plan as it is, but for Secrets; one that does not exist is left out."""
        return {
            managed.ref: live for managed in self.plan.managed_objects() if (live := self.seen.live.get(managed.ref))
        }


def running(api: ClusterApi, settings: Settings) -> Running:
    """Read it.

    Raises:
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    immich, sync = settings.immich, settings.photo_sync.namespace
    slices = Ref("discovery.k8s.io/v1", "EndpointSlice", "", immich.namespace)
    classes = api.list(Ref("networking.k8s.io/v1", "IngressClass", "")) if isinstance(settings.route, Ingress) else []
    return Running(
        pods=tuple(api.list(Ref("v1", "Pod", "", immich.namespace))),
        endpoints=tuple(api.list(slices, labelSelector=f"kubernetes.io/service-name={immich.backend.service}")),
        ingress_classes=tuple(one["metadata"]["name"] for one in classes),
        directory=_directory(api, sync),
    )


def _directory(api: ClusterApi, namespace: str) -> End:
    pods = api.list(Ref("v1", "Pod", "", namespace))
    ended = [
        pod_end.of(pod)
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
        if pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name", "").startswith(directory.JOB)
        and is_over(pod)
    ]
    return ended[-1] if ended else End()
