"""Whether anything would serve the stack's route, and whether another route has its host already. Pure."""

from collections.abc import Iterator

from clients.kubernetes import Manifest, Ref
from components.plan import Plan
from observe.cluster import ClusterSeen
from observe.routes import hosts
from preflight import gateway_rules, wording
from settings import Settings
from settings.route import Gateway, Ingress
from text.finding import Finding
from text.hostname import normal

# What an image's path has of the controllers that an IngressClass names; one that is not here is not judged.
_IMAGES = {
    "k8s.io/ingress-nginx": ("ingress-nginx", "nginx-ingress-controller"),
    "nginx.org/ingress-controller": ("nginx-ingress",),
    "traefik.io/ingress-controller": ("traefik",),
    "haproxy.org/ingress-controller": ("haproxy",),
    "haproxy-ingress.github.io/controller": ("haproxy-ingress",),
    "ingress-controllers.konghq.com/kong": ("kong",),
    "caddyserver.com/ingress-controller": ("caddy",),
    "cilium.io/ingress-controller": ("cilium",),
    "tailscale.com/ts-ingress": ("tailscale",),
}


def findings(settings: Settings, facts: ClusterSeen, plan: Plan) -> Iterator[Finding]:
    """Find what keeps requests for the host from reaching Immich by this stack's route, where it has one."""
    if plan.route is None:  # the host is only where Immich is: who serves it is not this stack's affair
        return
    yield from _rivals(settings, facts, plan, plan.route.ref)
    match settings.route:
        case Ingress():
            yield from _of_class(settings.route, facts)
        case Gateway():
            yield from gateway_rules.findings(settings, settings.route, facts)


def _rivals(settings: Settings, facts: ClusterSeen, plan: Plan, ours: Ref) -> Iterator[Finding]:
    for route in (*(facts.ingresses or ()), *facts.routes.others):
        rival = Ref.of(route)
        if normal(settings.host) not in hosts(route) or rival == ours or plan.ownership.is_ours(route):
            continue
        adoptable = (rival.kind, rival.namespace) == (ours.kind, ours.namespace)
        otherwise = wording.ADOPT_ROUTE if adoptable else wording.REMOVE_ROUTE
        yield wording.HOST_TAKEN.found(rival, host=settings.host, otherwise=otherwise)


def _of_class(route: Ingress, facts: ClusterSeen) -> Iterator[Finding]:
    if facts.routes.ingress_classes is None:
        return
    classes = {one["metadata"]["name"]: one for one in facts.routes.ingress_classes}
    if route.class_name not in classes:
        yield wording.INGRESS_CLASS_MISSING.found(name=route.class_name, has=", ".join(classes) or "none")
    elif facts.routes.pods is not None and not _is_served(classes[route.class_name], facts):
        controller = classes[route.class_name]["spec"]["controller"]
        yield wording.INGRESS_CLASS_UNSERVED.found(name=route.class_name, controller=controller)


def _is_served(ingress_class: Manifest, facts: ClusterSeen) -> bool:
    """Whether a pod of the class' controller runs; of a controller that is not known, it is taken for granted."""
    controller = str(ingress_class.get("spec", {}).get("controller", ""))
    known = next((parts for name, parts in _IMAGES.items() if f"{controller}/".startswith(f"{name}/")), None)
    running = [pod for pod in facts.routes.pods or () if pod.get("status", {}).get("phase") == "Running"]
    images = {str(one.get("image", "")) for pod in running for one in pod["spec"].get("containers", [])}
    return known is None or any(part in image for image in images for part in known)
