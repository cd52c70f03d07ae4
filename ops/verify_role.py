"""What `make verify` has to be allowed in the cluster: to read, no Secret, and to reach Immich's port."""

from collections.abc import Iterator, Mapping, Sequence

from clients.kubernetes import Manifest
from observe import route_kinds
from settings import Settings
from settings.cloudflare import LocalTunnel, OwnTunnel, SharedTunnel, Tunnelled
from settings.route import Gateway, Ingress, NoRoute

ACCOUNT = "immich-icloud-verify"
_API = "rbac.authorization.k8s.io"
_VERSION = f"{_API}/v1"
# Where tunnels' Leases are.
LEASES = "default"

# API group, resources, verbs, and the names that they are limited to
Rule = tuple[str, tuple[str, ...], tuple[str, ...], *tuple[str, ...]]
Rules = Mapping[str | None, Sequence[Manifest]]  # by namespace; None: of the whole cluster

# To find cloudflared and its file, and to know a Service that serves the route.
_OF_CONNECTORS: list[Rule] = [
    ("apps", ("deployments", "statefulsets", "daemonsets"), ("list",)),
    ("", ("configmaps", "services"), ("get",)),
]
_POLICIES = ("validatingadmission", "mutatingadmission")
_READ = ("get", "list")
# Which of the two a port-forward is, depends on the protocol and on Kubernetes' version (source: its change log, 1.35).
_FORWARD = ("get", "create")


def manifests(settings: Settings, stack: str) -> list[Manifest]:
    """Build a ServiceAccount, its roles, and their bindings."""
    return granted(ACCOUNT, settings.photo_sync.namespace, stack, reads(settings))


def reads(settings: Settings) -> dict[str | None, list[Manifest]]:
    """List what is read of the cluster, and that Immich's port is reached."""
    by_place: list[tuple[str | None, list[Rule]]] = [(None, _everywhere(settings)), *_by_namespace(settings).items()]
    return {
        place: [rule(group, resources, verbs, names) for group, resources, verbs, *names in rules]
        for place, rules in by_place
    }


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Manifest:
    """Build a rule, of objects of these names only where there are any."""
    named = {"resourceNames": list(names)} if names else {}
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs), **named}


def granted(account: str, home: str, stack: str, rules: Rules) -> list[Manifest]:
    """Build a ServiceAccount that lives in a namespace, and for each place what it may do there, with its binding."""
    metadata = {"name": account, "namespace": home}
    made: list[Manifest] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}]
    for place, stated in rules.items():
        kind = "Role" if place else "ClusterRole"
        made += _granted(kind, f"{account}-{stack}", place, {"kind": "ServiceAccount", **metadata}, stated)
    return made


def _everywhere(settings: Settings) -> list[Rule]:
    rules: list[Rule] = [
        ("", ("namespaces",), ("get",)),
        ("", ("persistentvolumes",), _READ),
        ("", ("nodes",), ("list",)),
        ("networking.k8s.io", ("ingresses", "ingressclasses"), _READ),
        (
            "admissionregistration.k8s.io",
            tuple(f"{kind}{things}" for kind in _POLICIES for things in ("policies", "policybindings")),
            ("get",),
        ),
    ]
    if isinstance(settings.cloudflare, LocalTunnel):
        rules += _OF_CONNECTORS
    if not isinstance(settings.route, NoRoute):
        rules.append(("gateway.networking.k8s.io", ("gateways",), ("list",)))
        rules += [(group, resources, ("list",)) for group, resources in route_kinds.resources()]
    if isinstance(settings.route, Ingress) and settings.route.tls and settings.route.tls.issuer:
        rules.append(("cert-manager.io", ("clusterissuers", "issuers"), ("list",)))
    to_a_service = isinstance(settings.cloudflare, SharedTunnel | LocalTunnel) and not settings.origin.url
    if to_a_service or isinstance(settings.route, Ingress):
        rules.append(("", ("pods",), ("list",)))
    if isinstance(settings.cloudflare, OwnTunnel) and settings.origin.url:
        rules.append(("", ("services",), ("list",)))  # whether that is the address of one of them
    if settings.photo_sync.accounts:
        rules.append(("storage.k8s.io", ("storageclasses",), ("list",)))
    return rules


def _by_namespace(settings: Settings) -> dict[str, list[Rule]]:
    immich, cloudflare = settings.immich.namespace, settings.cloudflare
    rules: dict[str, list[Rule]] = {
        immich: [
            ("", ("pods", "services", "persistentvolumeclaims"), _READ),
            ("", ("pods/portforward",), _FORWARD),
            ("apps", ("deployments", "statefulsets", "daemonsets"), ("list",)),
            ("discovery.k8s.io", ("endpointslices",), ("list",)),
            *([("coordination.k8s.io", ("leases",), ("get",))] if settings.immich_api_key else []),
            *(
                [("gateway.networking.k8s.io", ("httproutes",), ("get",))]
                if isinstance(settings.route, Gateway)
                else []
            ),
        ],
    }
    # With storage.kind `existing` the sync may run in Immich's namespace.
    rules.setdefault(settings.photo_sync.namespace, []).extend(
        [
            ("", ("pods", "configmaps", "persistentvolumeclaims"), _READ),
            ("", ("events",), ("list",)),
            ("batch", ("jobs", "cronjobs"), _READ),
            ("networking.k8s.io", ("networkpolicies",), ("get",)),
            *([("monitoring.coreos.com", ("prometheusrules",), ("get",))] if settings.monitoring else []),
        ]
    )
    if not settings.cluster.domain:
        rules.setdefault("kube-system", []).append(("", ("configmaps",), ("get",), "coredns"))
    for namespace, more in _of_tunnel(settings, cloudflare):
        rules.setdefault(namespace, []).extend(more)
    return rules


def _of_tunnel(settings: Settings, cloudflare: object) -> Iterator[tuple[str, list[Rule]]]:
    if isinstance(cloudflare, Tunnelled) and (backend := settings.origin_service):
        yield backend.namespace, [("", ("services", "pods"), _READ)]
    if isinstance(cloudflare, SharedTunnel):
        yield LEASES, [("coordination.k8s.io", ("leases",), ("get",))]
    if isinstance(cloudflare, OwnTunnel):
        yield (
            cloudflare.namespace,
            [
                ("apps", ("deployments",), ("get",)),
                ("policy", ("poddisruptionbudgets",), ("get",)),
                ("networking.k8s.io", ("networkpolicies",), ("get",)),
            ],
        )


def _granted(
    kind: str, name: str, namespace: str | None, subject: Manifest, rules: Sequence[Manifest]
) -> Iterator[Manifest]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    yield {"apiVersion": _VERSION, "kind": kind, "metadata": metadata, "rules": list(rules)}
    yield {
        "apiVersion": _VERSION,
        "kind": f"{kind}Binding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": _API, "kind": kind, "name": name},
        "subjects": [subject],
    }
