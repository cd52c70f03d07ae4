"""Whether anything would serve the stack's route, and whether another route has its host already. Pure."""

import re
from collections.abc import Iterable, Iterator

from clients.conditions import unmet
from clients.kubernetes import Manifest, Ref
from components.plan import Plan
from observe.cluster import ClusterSeen
from observe.route_hosts import hosts
from observe.route_paths import kept_to
from preflight import gateway_rules, traefik_limits, wording
from settings import Settings
from settings.route import Gateway, Ingress, Route
from text.finding import Finding
from text.hostname import normal

# What the image's name is of the controllers that an IngressClass names; one that is not here is not judged.
_TRAEFIK = "traefik.io/ingress-controller"
_TRAEFIK_IMAGE = r"(^|[/-])traefik(-hub)?([:@]|$)"
_IMAGES = {
    "k8s.io/ingress-nginx": r"ingress-nginx[-/]controller|nginx-ingress-controller",
    "nginx.org/ingress-controller": r"nginx(-plus)?-ingress([:@]|$)",
    _TRAEFIK: _TRAEFIK_IMAGE,
    "haproxy.org/ingress-controller": r"(^|/)kubernetes-ingress([:@]|$)",
    "haproxy-ingress.github.io/controller": r"haproxy-ingress",
    "ingress-controllers.konghq.com/kong": r"kong",
    "caddyserver.com/ingress-controller": r"caddy",
    "cilium.io/ingress-controller": r"cilium",
    "tailscale.com/ts-ingress": r"k8s-operator",
}
_TRAEFIKS = {"IngressRoute", "IngressRouteTCP"}
# By which Traefik asks an Ingress before others.
_PRIORITY = "traefik.ingress.kubernetes.io/router.priority"


def findings(settings: Settings, facts: ClusterSeen, plan: Plan) -> Iterator[Finding]:
    """Find what keeps requests for the host from reaching Immich by this stack's route, where it has one."""
    if plan.route is None:  # the host is only where Immich is: who serves it is not this stack's affair
        return
    yield from _rivals(settings, facts, plan, plan.route.ref)
    match settings.route:
        case Ingress():
            yield from _of_class(settings.route, facts)
            yield from _of_issuer(settings.route, facts)
            if facts.routes.certificate is False:
                namespace, secret = settings.immich.namespace, settings.route.own_secret
                yield wording.TLS_SECRET_MISSING.found(namespace=namespace, secret=secret)
        case Gateway():
            yield from gateway_rules.findings(settings, settings.route, facts)


def _rivals(settings: Settings, facts: ClusterSeen, plan: Plan, ours: Ref) -> Iterator[Finding]:
    gateways = facts.routes.gateways or ()
    for route in (*(facts.ingresses or ()), *facts.routes.others):
        rival, led = Ref.of(route), hosts(route, gateways)
        if rival == ours or plan.ownership.owns(route):
            continue
        if normal(settings.host) in led.names and (paths := kept_to(route, settings.host)):
            yield wording.HOST_SHARED.found(rival, host=settings.host, paths=", ".join(paths))
        elif normal(settings.host) in led.names:
            adoptable = (rival.kind, rival.namespace) == (ours.kind, ours.namespace)
            otherwise = wording.ADOPT_ROUTE if adoptable else wording.REMOVE_ROUTE
            yield wording.HOST_TAKEN.found(rival, host=settings.host, otherwise=otherwise)
        elif pattern := led.pattern_of(settings.host):
            shadows = rival.kind in _TRAEFIKS or (rival.kind == "Ingress" and _of_traefik(settings.route, facts))
            situation = wording.HOST_SHADOWED if shadows and not _first(settings.route) else wording.HOST_COVERED
            yield situation.found(rival, pattern=pattern, host=settings.host)


def _first(route: Route) -> bool:
    """Whether the route states itself that Traefik asks it before others."""
    return isinstance(route, Ingress) and _PRIORITY in route.annotations


def _of_traefik(route: Route, facts: ClusterSeen) -> bool:
    return isinstance(route, Ingress) and any(
        one["metadata"]["name"] == route.class_name and one.get("spec", {}).get("controller") == _TRAEFIK
        for one in facts.routes.ingress_classes or ()
    )


def _of_class(route: Ingress, facts: ClusterSeen) -> Iterator[Finding]:
    if facts.routes.ingress_classes is None:
        return
    classes = {one["metadata"]["name"]: one for one in facts.routes.ingress_classes}
    if route.class_name not in classes:
        yield wording.INGRESS_CLASS_MISSING.found(name=route.class_name, has=", ".join(classes) or "none")
    elif not is_served(classes[route.class_name], facts.routes.pods):
        controller = classes[route.class_name]["spec"]["controller"]
        yield wording.INGRESS_CLASS_UNSERVED.found(name=route.class_name, controller=controller)
    elif _of_traefik(route, facts) and traefik_limits.limited(filter(_serves, facts.routes.pods or ()), _TRAEFIK_IMAGE):
        yield wording.READ_TIME_LIMITED.found()


def _of_issuer(route: Ingress, facts: ClusterSeen) -> Iterator[Finding]:
    issuers = facts.routes.issuers
    if route.tls is None or route.tls.issuer is None or issuers is None:
        return
    named = {one["metadata"]["name"]: one for one in issuers}
    issuer = named.get(route.tls.issuer)
    if issuer is None:
        reason = f"the cluster has none of that name. It has: {', '.join(named) or 'none'}"
    elif unready := unmet(issuer).get("Ready"):
        reason = str(unready.get("message"))
    else:
        return
    yield wording.ISSUER_UNREADY.found(
        kind=route.tls.issuer_kind, name=route.tls.issuer, secret=route.tls.secret, reason=reason
    )


def is_served(ingress_class: Manifest, pods: Iterable[Manifest] | None) -> bool:
    """Whether a pod of the class's controller runs; assumed where the controller or the pods are unknown."""
    if pods is None:
        return True
    controller = str(ingress_class.get("spec", {}).get("controller", ""))
    known = next((image for name, image in _IMAGES.items() if f"{controller}/".startswith(f"{name}/")), None)
    serving = [pod for pod in pods if _serves(pod)]
    images = {str(one.get("image", "")) for pod in serving for one in pod["spec"].get("containers", [])}
    return known is None or any(re.search(known, image) for image in images)


def _serves(pod: Manifest) -> bool:
    """Whether a pod runs, and does not say that it is not ready."""
    return pod.get("status", {}).get("phase") == "Running" and "Ready" not in unmet(pod)
