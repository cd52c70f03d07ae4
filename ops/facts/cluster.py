"""What the cluster holds of the stack, and of what it stands on: read, and nothing in it is changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clients import pod_end
from clients.kubernetes import ClusterApi, Manifest, Ref
from clients.pod_end import End
from components import directory
from components.ownership import Ownership
from components.plan import Plan, plan
from preflight import cloudflare_facts, facts
from preflight.cloudflare_facts import CloudflareFacts
from preflight.facts import Facts
from settings import Settings
from settings.cloudflare import OwnTunnel
from settings.route import Ingress

# Their data is nothing that a look at the stack may read.
_UNREAD = "Secret"


@dataclass(frozen=True)
class ClusterFacts:
    """The cluster beside the stack's plan for it.

    Attributes:
        seen: what preflight looks at, too.
        plan: what the stack states.
        live: each whole object of the plan as it is, but for Secrets; one that does not exist is left out.
        pods: all pods of Immich's namespace.
        endpoints: the EndpointSlices of Immich's Service.
        ingress_classes: names of the IngressClasses.
        directory: how the directory Job's pod ended; empty where there is none.

    """

    seen: Facts
    plan: Plan
    live: Mapping[Ref, Manifest]
    pods: tuple[Manifest, ...] = ()
    endpoints: tuple[Manifest, ...] = ()
    ingress_classes: tuple[str, ...] = ()
    directory: End = field(default_factory=End)


def read(api: ClusterApi, settings: Settings, stack: str) -> ClusterFacts:
    """Read them; `stack` is `<project>/<stack>`.

    Raises:
        ClusterError: when the cluster can't be asked, or does not let us read.

    """
    seen = facts.read(api, settings)
    # Which objects were adopted is known once they have been looked up, and they are named by the plan.
    stranger = Ownership(stack, adopting=settings.adopt_existing)
    live = _look_up(api, _planned(api, settings, seen, stranger))
    owner = Ownership(stack, frozenset(ref for ref in live if stranger.adopts(live[ref])), settings.adopt_existing)
    planned = _planned(api, settings, seen, owner)
    immich, sync = settings.immich, settings.photo_sync.namespace
    slices = Ref("discovery.k8s.io/v1", "EndpointSlice", "", immich.namespace)
    classes = api.list(Ref("networking.k8s.io/v1", "IngressClass", "")) if isinstance(settings.route, Ingress) else []
    return ClusterFacts(
        seen=seen,
        plan=planned,
        live=_look_up(api, planned),
        pods=tuple(api.list(Ref("v1", "Pod", "", immich.namespace))),
        endpoints=tuple(api.list(slices, labelSelector=f"kubernetes.io/service-name={immich.service.name}")),
        ingress_classes=tuple(one["metadata"]["name"] for one in classes),
        directory=_directory(api, sync),
    )


def _planned(api: ClusterApi, settings: Settings, seen: Facts, owner: Ownership) -> Plan:
    found = facts.found(settings, seen, owner)
    if isinstance(settings.cloudflare, OwnTunnel):
        service = api.get(cloudflare_facts.origin_of(settings))
        leads = CloudflareFacts(None, origin=service, origin_on_host=cloudflare_facts.on_host(api, settings, service))
        found = replace(found, origin=cloudflare_facts.origin(settings, leads))
    return plan(settings, found, owner)


def _look_up(api: ClusterApi, planned: Plan) -> dict[Ref, Manifest]:
    refs = [whole.ref for whole in planned.wholes() if whole.ref.kind != _UNREAD]
    return {ref: live for ref in refs if (live := api.get(ref))}


def _directory(api: ClusterApi, namespace: str) -> End:
    pods = api.list(Ref("v1", "Pod", "", namespace))
    ended = [
        pod_end.of(pod)
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
        if pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name", "").startswith(directory.JOB)
        and pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
    ]
    return ended[-1] if ended else End()
