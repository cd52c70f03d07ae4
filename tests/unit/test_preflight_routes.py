"""What preview knows of the route: rival routes, the class and its controller, the Gateway and its listeners."""

from dataclasses import replace
from typing import Any

import pytest

from clients.kubernetes import ClusterRefusedError, Ref
from observe import cluster, route_kinds
from observe.cluster import ClusterSeen
from observe.route_hosts import hosts
from observe.routes import RoutesSeen
from tests.fake_cluster import FakeCluster
from tests.findings import Told
from tests.objects import STACK, Manifest, deployment, manifest, namespace, service
from tests.unit.configured import configured
from tests.unit.test_preflight_rules import facts, found, other_ingress, problems, warnings

HOST = "immich.example.com"
GATEWAY: Manifest = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}
NONE: Manifest = {"kind": "none"}


def route(kind: str, spec: Manifest, version: str = "v1") -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "other", "namespace": "else"}, "spec": spec}


def http_route(*names: str) -> Manifest:
    return on_gateway("HTTPRoute", *names)


def ingress_route(match: str, kind: str = "IngressRoute") -> Manifest:
    return route(kind, {"routes": [{"match": match}]}, version="traefik.io/v1alpha1")


def on_gateway(kind: str, *names: str) -> Manifest:
    return route(kind, {"hostnames": list(names)}, version="gateway.networking.k8s.io/v1")


def ingress_route_tcp(match: str) -> Manifest:
    return ingress_route(match, "IngressRouteTCP")


def proxy(*fqdn: str) -> Manifest:
    spec = {"virtualhost": {"fqdn": fqdn[0]}} if fqdn else {}
    return route("HTTPProxy", spec, version="projectcontour.io/v1")


def virtual_service(*names: str, gateways: tuple[str, ...] = ("istio-system/public",), **spec: Any) -> Manifest:
    stated = {"hosts": list(names), "gateways": list(gateways), **spec}
    return route("VirtualService", stated, version="networking.istio.io/v1")


def openshift(host: str, **spec: Any) -> Manifest:
    return route("Route", {"host": host, **spec}, version="route.openshift.io/v1")


def redirect(**to: str) -> Manifest:
    made = http_route(HOST)
    made["spec"]["rules"] = [{"filters": [{"type": "RequestRedirect", "requestRedirect": to}]}]
    return made


def aliased(hosts: str, controller: str = "nginx.ingress.kubernetes.io") -> Manifest:
    ingress = other_ingress("photos.example.com")
    ingress["metadata"]["annotations"] = {f"{controller}/server-alias": hosts}
    return ingress


def solver(route: Manifest) -> Manifest:
    route["metadata"]["labels"] = {"acme.cert-manager.io/http01-solver": "true"}
    return route


def seen(others: tuple[Manifest, ...] = (), **more: Any) -> ClusterSeen:
    return facts(routes=RoutesSeen(others=others, **more))


# the host


@pytest.mark.parametrize(
    ("one", "served"),
    [
        (route("Ingress", {"rules": [{"host": HOST}, {}]}), {HOST}),
        (route("Ingress", {"defaultBackend": {}}), set()),
        (http_route(HOST.upper(), "b.example.com"), {HOST, "b.example.com"}),
        (http_route(), set()),
        (ingress_route(f"Host(`{HOST}`) && PathPrefix(`/`)"), {HOST}),
        (ingress_route(f"Host(`b.example.com`, `{HOST}`)"), {HOST, "b.example.com"}),
        (ingress_route(f'Host("{HOST}") || Host("b.example.com")'), {HOST, "b.example.com"}),
        (ingress_route(f"!Host(`{HOST}`)"), set()),
        (ingress_route(f"! Host(`{HOST}`)"), set()),
        (ingress_route(f"Host(`b.example.com`) && !(PathPrefix(`/x`) || Host(`{HOST}`))"), {"b.example.com"}),
        (ingress_route(f"PathRegexp(`^/(a|b)$`) && ( Host( `{HOST}` ) )"), {HOST}),
        (ingress_route(f"host(`{HOST}`)"), {HOST}),
        (ingress_route(f"Header(`X`, `Host(`) && Host(`{HOST}`)"), {HOST}),
        (ingress_route("HostRegexp(`^.+$`)"), set()),
        (aliased("b.example.com, Immich.example.com"), {"photos.example.com", "b.example.com", HOST}),
        (redirect(scheme="https"), set()),
        (redirect(scheme="https", hostname="b.example.com"), {HOST}),
        (on_gateway("GRPCRoute", HOST), {HOST}),
        (on_gateway("TLSRoute", HOST), {HOST}),
        (ingress_route_tcp(f"HostSNI(`{HOST}`)"), {HOST}),
        (ingress_route_tcp(f"HostSNI(`b.example.com`) || HostSNI(`{HOST}`)"), {"b.example.com", HOST}),
        (ingress_route_tcp("HostSNI(`*`)"), set()),
        (proxy(HOST), {HOST}),
        (proxy(), set()),  # included by another one
        (virtual_service(HOST), {HOST}),
        (virtual_service(HOST, gateways=()), set()),
        (virtual_service(HOST, gateways=("mesh",)), set()),
        (virtual_service(HOST, gateways=("mesh", "public")), {HOST}),
        (openshift(HOST), {HOST}),
        (route("VirtualServer", {"host": HOST}, version="k8s.nginx.org/v1"), {HOST}),
        (aliased(f"b.example.com {HOST}", "haproxy-ingress.github.io"), {"photos.example.com", "b.example.com", HOST}),
        (ingress_route(f"HostHeader(`{HOST}`)"), {HOST}),
        (solver(other_ingress(HOST)), set()),
        (solver(http_route(HOST)), set()),
    ],
)
def test_hosts_of_a_route(one: Manifest, served: set[str]) -> None:
    assert hosts(one).names == served


@pytest.mark.parametrize(
    ("one", "pattern"),
    [
        (route("Ingress", {"rules": [{"host": "*.example.com"}]}), "*.example.com"),
        (route("Ingress", {"rules": [{"host": "*.com"}]}), ""),  # one label
        (http_route("*.com"), "*.com"),  # any number
        (http_route("*.example.org"), ""),
        (ingress_route("HostRegexp(`^.+$`)"), "^.+$"),
        (
            ingress_route(r"HostRegexp(`^(www|immich)\.example\.com$`) && PathPrefix(`/`)"),
            r"^(www|immich)\.example\.com$",
        ),
        (ingress_route(r"HostRegexp(`^[a-z]+\.example\.org$`)"), ""),
        (ingress_route(r"HostRegexp(`^([a-z]+\.)?example\.org$`)"), ""),
        # Python would try for hours.
        (ingress_route(r"HostRegexp(`^([a-z.]+)+\.example\.org$`)"), r"^([a-z.]+)+\.example\.org$"),
        (ingress_route("HostRegexp(`.*.*.*.*=`)"), ".*.*.*.*="),
        (ingress_route("HostRegexp(`{name:[a-z]{1,9}}.example.com`)"), "{name:[a-z]{1,9}}.example.com"),
        (ingress_route("HostRegexp(`{name:[a-z]+}.example.org`)"), ""),
        (ingress_route("HostRegexp(`(`)"), ""),
        (ingress_route(r"HostRegexp(`^(?i)IMMICH\.example\.com$`)"), r"^(?i)IMMICH\.example\.com$"),
        (ingress_route(r"HostRegexp(`^(?i)photos\.example\.com$`)"), ""),
        # Python reads these in another way than Go.
        (ingress_route(r"HostRegexp(`^[[:alnum:]]+\.example\.com$`)"), r"^[[:alnum:]]+\.example\.com$"),
        (ingress_route(r"HostRegexp(`\Qimmich.\Eexample\.com\z`)"), r"\Qimmich.\Eexample\.com\z"),
        (aliased(r"~^immich\..+$"), r"^immich\..+$"),
        (aliased(r"~*^photos\..+$"), ""),
        (ingress_route_tcp(r"HostSNIRegexp(`^.+\.example\.com$`)"), r"^.+\.example\.com$"),
        (ingress_route_tcp("HostSNI(`*`)"), ""),
        (on_gateway("TLSRoute", "*.com"), "*.com"),
        (proxy("*.example.com"), "*.example.com"),
        (virtual_service("*"), "*"),
        (virtual_service("*.com"), "*.com"),
        (openshift("www.example.com", wildcardPolicy="Subdomain"), "*.example.com"),
        (openshift("www.example.org", wildcardPolicy="Subdomain"), ""),
    ],
)
def test_the_pattern_that_takes_a_host_in(one: Manifest, pattern: str) -> None:
    assert hosts(one).pattern_of(HOST) == pattern


@pytest.mark.parametrize(
    ("names", "section", "listened", "served"),
    [
        ((), {}, HOST, {HOST}),
        ((), {"sectionName": "web"}, HOST, {HOST}),
        ((), {"sectionName": "other"}, HOST, set()),
        ((), {}, "", set()),
        (("*.example.com",), {}, HOST, {HOST}),
        (("*.example.org",), {}, HOST, set()),
    ],
)
def test_an_http_route_has_the_hosts_of_its_listener(
    names: tuple[str, ...], section: Manifest, listened: str, served: set[str]
) -> None:
    inheriting = http_route(*names)
    inheriting["spec"]["parentRefs"] = [{"name": "public", "namespace": "gateways", **section}]
    above = gateway(listener(listened, ALL))
    assert hosts(inheriting, [above]).names == served
    there = seen((inheriting,), gateway_api=True, gateways=(above,))
    assert problems(configured(), {}, there) == ([("host-taken", str(Ref.of(inheriting)))] if served else [])


def ingress(*paths: str) -> Manifest:
    made = other_ingress(HOST)
    made["spec"]["rules"][0]["http"] = {"paths": [{"path": one} for one in paths]}
    return made


def matching(*paths: str) -> Manifest:
    made = http_route(HOST)
    made["spec"]["rules"] = [{"matches": [{"path": {"type": "PathPrefix", "value": one}} for one in paths]}]
    return made


@pytest.mark.parametrize(
    ("rival", "kept"),
    [
        (ingress("/outpost.goauthentik.io"), ("/outpost.goauthentik.io",)),
        (ingress("/other(/|$)(.*)", "/third"), ("/other(/|$)(.*)", "/third")),
        (ingress("/other", "/"), ()),
        (ingress("/(.*)"), ()),
        (ingress("/api"), ()),  # Immich's own
        (ingress("/api/upload"), ()),
        (ingress("/apidocs"), ("/apidocs",)),
        (route("Ingress", {"rules": [{"host": HOST}]}), ()),
        (route("Ingress", {"rules": [{"host": HOST, "http": {"paths": [{"path": "/x"}]}}, {"host": "b.example.com"}]}),
         ("/x",)),
        (matching("/other"), ("/other",)),
        (matching("/other", "/"), ()),
        (http_route(HOST), ()),
        (ingress_route(f"Host(`{HOST}`) && PathPrefix(`/other`)"), ("/other",)),
        (ingress_route(f"Host(`{HOST}`) && (PathPrefix(`/a1`) || Path(`/b`))"), ("/a1", "/b")),
        (ingress_route(f"Host(`{HOST}`) && PathPrefix(`/other`) || Host(`{HOST}`)"), ()),
        (ingress_route(f"Host(`{HOST}`) && !PathPrefix(`/other`)"), ()),
        (ingress_route(f"Host(`{HOST}`) && PathRegexp(`^/other`)"), ()),
        (virtual_service(HOST, http=[{"match": [{"uri": {"prefix": "/other"}}]}]), ("/other",)),
        (virtual_service(HOST, http=[{"match": [{"uri": {"prefix": "/other"}}]}, {"route": []}]), ()),
        (virtual_service(HOST, tls=[{"match": [{"sniHosts": [HOST]}]}]), ()),
        (openshift(HOST, path="/other"), ("/other",)),
        (openshift(HOST), ()),
        (proxy(HOST), ()),
        (on_gateway("GRPCRoute", HOST), ()),
        (ingress_route_tcp(f"HostSNI(`{HOST}`)"), ()),
    ],
)  # fmt: skip
def test_a_route_for_other_paths_of_the_host_is_no_rival(rival: Manifest, kept: tuple[str, ...]) -> None:
    (finding,) = found(configured(), {}, seen((rival,)))
    assert (finding.code, finding.values.get("paths")) == (
        ("host-shared", ", ".join(kept)) if kept else ("host-taken", None)
    )


WILDCARD = route("Ingress", {"rules": [{"host": "*.example.com"}]})
REGULAR = ingress_route("HostRegexp(`.+`)")
FIRST = {"annotations": {"traefik.ingress.kubernetes.io/router.priority": "1000"}}


@pytest.mark.parametrize(
    ("rival", "controller", "more", "code"),
    [
        (WILDCARD, "k8s.io/ingress-nginx", {}, "host-covered"),
        (WILDCARD, None, {}, "host-covered"),
        (WILDCARD, "traefik.io/ingress-controller", {}, "host-shadowed"),
        (WILDCARD, "traefik.io/ingress-controller", FIRST, "host-covered"),
        (WILDCARD, "traefik.io/ingress-controller", GATEWAY, "host-covered"),
        (REGULAR, "traefik.io/ingress-controller", {}, "host-shadowed"),
        (ingress_route_tcp("HostSNIRegexp(`.+`)"), "traefik.io/ingress-controller", {}, "host-shadowed"),
        (http_route("*.example.com"), "traefik.io/ingress-controller", {}, "host-covered"),
    ],
    ids=["nginx", "unknown", "Traefik", "priority", "Gateway", "regular expression", "of TCP", "HTTPRoute"],
)
def test_a_route_with_a_pattern_is_told(rival: Manifest, controller: str | None, more: Manifest, code: str) -> None:
    settings = configured(route={"kind": "ingress", **more})
    there = seen((rival,), ingress_classes=(ingress_class(controller=controller),) if controller else None)
    assert [(one.code, one.subject) for one in found(settings, {}, there)] == [(code, str(Ref.of(rival)))]


@pytest.mark.parametrize("rival", [http_route(HOST), ingress_route(f"Host(`{HOST}`)")], ids=["HTTPRoute", "Traefik"])
@pytest.mark.parametrize("mine", [{"kind": "ingress"}, GATEWAY], ids=["ingress", "gateway"])
def test_a_rival_of_another_kind(rival: Manifest, mine: Manifest) -> None:
    assert problems(configured(route=mine), {}, seen((rival,))) == [("host-taken", str(Ref.of(rival)))]


def test_only_an_ingress_beside_ours_can_be_adopted() -> None:
    beside, elsewhere = other_ingress(HOST), other_ingress(HOST)
    elsewhere["metadata"]["namespace"] = "else"
    said = {
        one.subject: "route.name" in one.remedy for one in found(configured(), {}, facts(ingresses=(beside, elsewhere)))
    }
    assert said == {"Ingress immich/photos": True, "Ingress else/photos": False}


def test_a_stack_without_a_route_leaves_the_host_to_whoever_serves_it() -> None:
    there = seen((http_route(HOST), ingress_route(f"Host(`{HOST}`)")), ingress_classes=())
    there = replace(there, ingresses=(other_ingress(HOST),))
    assert problems(configured(route=NONE), {}, there) == []


def test_routes_of_other_hosts_and_of_this_stack_are_no_rivals() -> None:
    other, ours = http_route("photos.example.org"), other_ingress(HOST)
    other["spec"]["rules"] = [{"matches": [{"path": {"value": "/share"}}]}]
    ours["metadata"]["annotations"] = {"immich-icloud/stack": STACK}
    for ingresses in ((ours,), None):  # None: they may not be read
        assert found(configured(), {}, replace(seen((other,)), ingresses=ingresses)) == []


def test_a_host_is_compared_whatever_its_case() -> None:
    assert problems(configured(), {}, facts(ingresses=(other_ingress("Immich.example.com"),))) == [
        ("host-taken", "Ingress immich/photos")
    ]


# the class


def ingress_class(name: str = "nginx", controller: str = "k8s.io/ingress-nginx") -> Manifest:
    return {"kind": "IngressClass", "metadata": {"name": name}, "spec": {"controller": controller}}


def pod(image: str, phase: str = "Running", ready: str = "True") -> Manifest:
    status = {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}
    return {"spec": {"containers": [{"image": image}]}, "status": status}


NGINX = pod("registry.example/ingress-nginx/controller:v1")
TRAEFIKS = ingress_class(controller="traefik.io/ingress-controller")
TRAEFIK = pod("docker.example/traefik:v3")
LIMITED = [("read-time-limited", "route.className")]


@pytest.mark.parametrize(
    ("classes", "pods", "told"),
    [
        (None, None, []),  # may not be read
        ((), (), [("ingress-class-missing", "route.className")]),
        ((ingress_class("traefik"),), (), [("ingress-class-missing", "route.className")]),
        ((ingress_class(),), (TRAEFIK, NGINX), []),
        ((ingress_class(), TRAEFIKS | {"metadata": {"name": "traefik"}}), (TRAEFIK, NGINX), []),
        ((ingress_class(),), None, []),
        ((ingress_class(),), (TRAEFIK,), [("ingress-class-unserved", "route.className")]),
        ((ingress_class(),), (pod("ingress-nginx/controller", "Pending"),),
         [("ingress-class-unserved", "route.className")]),
        ((ingress_class(),), (pod("ingress-nginx/controller", ready="False"),),
         [("ingress-class-unserved", "route.className")]),
        ((ingress_class(),), (pod("ingress-nginx/kube-webhook-certgen:v1"),),
         [("ingress-class-unserved", "route.className")]),
        ((TRAEFIKS,), (TRAEFIK,), LIMITED),
        ((TRAEFIKS,), (pod("rancher/mirrored-library-traefik:3"),), LIMITED),
        ((TRAEFIKS,),
         (pod("traefik/whoami"), pod("example/traefik-forward-auth:2")),
         [("ingress-class-unserved", "route.className")]),
        ((ingress_class(controller="example.com/unheard-of"),), (), []),
        ((ingress_class(controller="haproxy.org/ingress-controller/main"),),
         (pod("haproxytech/kubernetes-ingress:3"),), []),
    ],
)  # fmt: skip
def test_the_class_and_its_controller(
    classes: tuple[Manifest, ...] | None, pods: tuple[Manifest, ...] | None, told: list[Told]
) -> None:
    there = seen(ingress_classes=classes, pods=pods)
    assert problems(configured(), {}, there) + warnings(configured(), {}, there) == told


def traefik(tag: str = "v3.6.12", **container: Any) -> Manifest:
    made = pod(f"docker.example/traefik:{tag}")
    made["spec"]["containers"][0] |= container
    return made


LIFTED = "--entryPoints.websecure.transport.respondingTimeouts.readTimeout=0"


@pytest.mark.parametrize(
    ("pods", "told"),
    [
        ((traefik(args=["--entryPoints.web.address=:8000"]),), LIMITED),
        ((traefik("2.11"),), LIMITED),
        ((traefik("v2.11.2"),), LIMITED),
        ((traefik("v2.11.1"),), []),  # which has no limit
        ((traefik("v2.10.7"),), []),
        ((traefik("latest"),), LIMITED),
        ((traefik(args=[LIFTED]),), []),
        ((traefik(args=[LIFTED.lower()]),), []),
        ((traefik(env=[{"name": "TRAEFIK_ENTRYPOINTS_WEB_TRANSPORT_RESPONDINGTIMEOUTS_READTIMEOUT"}]),), []),
        ((traefik(args=["--configFile=/config/traefik.yaml"]),), []),  # which is not read
        ((traefik(volumeMounts=[{"mountPath": "/etc/traefik"}]),), []),
        ((traefik(), traefik(args=[LIFTED])), []),  # one of several is known to be right
        (None, []),
    ],
)
def test_how_long_traefik_reads_an_upload(pods: tuple[Manifest, ...] | None, told: list[Told]) -> None:
    there = seen(ingress_classes=(TRAEFIKS,), pods=pods)
    assert problems(configured(), {}, there) + warnings(configured(), {}, there) == told


# the certificate


def issuer(name: str, ready: str = "True") -> Manifest:
    status = {"conditions": [{"type": "Ready", "status": ready, "message": "no account"}]}
    return {"kind": "ClusterIssuer", "metadata": {"name": name}, "spec": {}, "status": status}


@pytest.mark.parametrize(
    ("issuers", "said"),
    [
        (None, []),  # may not be read, or not asked
        ((), ["issuer-unready"]),
        ((issuer("staging"),), ["issuer-unready"]),
        ((issuer("letsencrypt", "False"),), ["issuer-unready"]),
        ((issuer("letsencrypt"), issuer("staging", "False")), []),
        ((issuer("letsencrypt") | {"status": {}},), []),
    ],
)
def test_the_issuer_of_the_certificate(issuers: tuple[Manifest, ...] | None, said: list[str]) -> None:
    tls = {"secret": "immich-tls", "issuer": "letsencrypt"}
    settings = configured(route={"kind": "ingress", "tls": tls})
    assert [code for code, _ in warnings(settings, {}, seen(issuers=issuers))] == said


@pytest.mark.parametrize(
    ("there", "told"),
    [(None, []), (True, []), (False, [("tls-secret-missing", "route.tls.secret")])],
)
def test_the_secret_of_the_certificate(told: list[Told], *, there: bool | None) -> None:
    settings = configured(route={"kind": "ingress", "tls": {"secret": "immich-tls"}})
    assert warnings(settings, {}, seen(certificate=there)) == told


# the Gateway


def gateway(*listeners: Manifest, accepted: str = "True", place: str = "gateways") -> Manifest:
    conditions = [{"type": kind, "status": accepted, "message": "x"} for kind in ("Accepted", "Programmed")]
    stated = listeners or ({"name": "web", "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}},)
    spec, status = {"listeners": list(stated)}, {"conditions": conditions}
    return manifest("gateway.networking.k8s.io/v1", "Gateway", "public", place, spec=spec, status=status)


def listener(hostname: str = "", namespaces: Manifest | None = None, kinds: list[str] | None = None) -> Manifest:
    named = {"hostname": hostname} if hostname else {}
    allowed: Manifest = {"namespaces": namespaces} if namespaces else {}
    if kinds:
        allowed["kinds"] = [{"kind": one} for one in kinds]
    return {"name": "web", "protocol": "HTTPS", "allowedRoutes": allowed, **named}


def listening(*well: str) -> Manifest:
    """A Gateway of one listener each, whose certificate is there or is not."""
    made = gateway(*(listener("", ALL) | {"name": str(number)} for number, _ in enumerate(well)))
    made["status"]["listeners"] = [
        {
            "name": str(number),
            "conditions": [
                {"type": "Conflicted", "status": "False"},
                {"type": "ResolvedRefs", "status": one, "message": "no Secret"},
            ],
        }
        for number, one in enumerate(well)
    ]
    return made


ALL: Manifest = {"from": "All"}
LABELLED: Manifest = {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "immich"}}}
EXPRESSED: Manifest = {
    "from": "Selector",
    "selector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["immich"]}]},
}
ELSEWHERE: Manifest = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["immich"]}


@pytest.mark.parametrize(
    ("api", "gateways", "code"),
    [
        (False, None, "gateway-api-missing"),
        (True, None, None),  # may not be read
        (True, (), "gateway-missing"),
        (True, (gateway(place="else"),), "gateway-missing"),
        (True, (gateway(),), None),
        (True, (gateway(accepted="False"),), "gateway-unserved"),
        (True, (gateway() | {"status": {}},), "gateway-unserved"),
        (True, (gateway(listener("*.example.org", ALL)),), "gateway-lacks-host"),
        (True, (gateway({"name": "tcp", "protocol": "TCP"}),), "gateway-lacks-host"),
        (True, (gateway(listener("*.example.com", ALL)),), None),
        (True, (gateway(listener("*.com", ALL)),), None),
        (True, (gateway(listener(HOST, ALL)),), None),
        (True, (gateway(listener()),), "gateway-refuses-namespace"),
        (True, (gateway(listener("", {"from": "Same"})),), "gateway-refuses-namespace"),
        (True, (gateway(listener("", LABELLED)),), None),
        (True, (gateway(listener("", EXPRESSED)),), None),
        (True, (gateway(listener("", {"from": "Selector", "selector": {"matchLabels": {"team": "home"}}})),), None),
        (True, (gateway(listener("", {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}})),),
         "gateway-refuses-namespace"),
        (True, (gateway(listener("", {"from": "Selector", "selector": {"matchExpressions": [ELSEWHERE]}})),),
         "gateway-refuses-namespace"),
        (True, (gateway(listener("*.example.org", ALL), listener("", ALL)),), None),
        (True, (gateway(listener("", ALL, kinds=["TLSRoute"])),), "gateway-lacks-host"),
        (True, (gateway(listener("", ALL, kinds=["HTTPRoute", "GRPCRoute"])),), None),
        (True, (listening("False"),), "gateway-unserved"),
        (True, (listening("False", "True"),), None),
    ],
)  # fmt: skip
def test_the_gateway(gateways: tuple[Manifest, ...] | None, code: str | None, *, api: bool) -> None:
    settings, there = configured(route=GATEWAY), seen(gateway_api=api, gateways=gateways)
    there = replace(there, namespace=namespace(labels={"team": "home"}))
    assert [one for one, _ in problems(settings, {}, there) + warnings(settings, {}, there)] == ([code] if code else [])


def test_a_gateway_that_is_being_deleted() -> None:
    going = gateway()
    going["metadata"]["deletionTimestamp"] = "2026-11-27T08:00:00Z"
    there = seen(gateway_api=True, gateways=(going,))
    assert problems(configured(route=GATEWAY), {}, there) == [("being-deleted", str(Ref.of(going)))]


def test_each_parent_is_judged() -> None:
    parents = [{"gateway": "public", "gatewayNamespace": "gateways", "sectionName": "https"},
               {"gateway": "lan", "gatewayNamespace": "gateways"}]  # fmt: skip
    settings = configured(route={**GATEWAY, "sectionName": "web", "parents": parents})
    there = seen(gateway_api=True, gateways=(gateway(),))
    assert [code for code, _ in problems(settings, {}, there)] == ["gateway-lacks-listener", "gateway-missing"]


# what is read


def on(api: FakeCluster, **more: Any) -> ClusterSeen:
    for thing in (namespace(), deployment(), service(3001)):
        api.objects[Ref.of(thing)] = thing
    return cluster.read_cluster(api, configured(**more))


def test_what_is_read_of_routes() -> None:
    api = FakeCluster()
    api.objects[Ref("networking.k8s.io/v1", "IngressClass", "nginx")] = ingress_class()
    assert on(api).routes.ingress_classes == (ingress_class(),)
    assert on(api, route=NONE).routes == RoutesSeen()
    api.objects[Ref("cert-manager.io/v1", "ClusterIssuer", "letsencrypt")] = issuer("letsencrypt")
    tls = {"secret": "immich-tls", "issuer": "letsencrypt"}
    assert on(api, route={"kind": "ingress", "tls": tls}).routes.issuers == (issuer("letsencrypt"),)
    assert on(api, route={"kind": "ingress", "tls": tls | {"issuerKind": "Issuer"}}).routes.issuers == ()


@pytest.mark.parametrize(
    ("tls", "annotations", "there"),
    [
        ({}, {}, None),
        ({"secret": "immich-tls"}, {}, True),
        ({"secret": "other"}, {}, False),
        ({"secret": "other", "issuer": "letsencrypt"}, {}, None),
        ({"secret": "other"}, {"cert-manager.io/cluster-issuer": "letsencrypt"}, None),
    ],
)
def test_only_a_secret_that_nothing_writes_is_looked_for(
    tls: Manifest, annotations: Manifest, *, there: bool | None
) -> None:
    api = FakeCluster()
    api.objects[Ref("v1", "Secret", "immich-tls", "immich")] = {"metadata": {"name": "immich-tls"}}
    ours = {"kind": "ingress", "tls": tls, "annotations": annotations}
    assert on(api, route=ours).routes.certificate is there


class Versions(FakeCluster):
    """Serves some kinds in some versions."""

    def __init__(self, *kinds: tuple[str, str]) -> None:
        super().__init__()
        self.kinds = kinds
        self.asked: list[tuple[str, str]] = []

    def versions(self) -> frozenset[str]:
        return frozenset(version for version, _ in self.kinds)

    def serves(self, api_version: str, kind: str) -> bool:
        self.asked.append((api_version, kind))
        return (api_version, kind) in self.kinds


def test_of_each_kind_the_first_version_that_is_served_is_read() -> None:
    of_gateway = [("gateway.networking.k8s.io/v1", "HTTPRoute"), ("gateway.networking.k8s.io/v1alpha2", "TLSRoute"),
                  ("gateway.networking.k8s.io/v1alpha3", "TLSRoute")]  # fmt: skip
    istio = [("networking.istio.io/v1beta1", "VirtualService"), ("networking.istio.io/v1", "VirtualService")]
    api = Versions(*of_gateway, *istio)
    assert route_kinds.served(api) == [of_gateway[0], of_gateway[2], istio[1]]
    # Of an API group that the server has not, nothing is asked.
    assert {version.partition("/")[0] for version, _ in api.asked} == {
        "gateway.networking.k8s.io", "networking.istio.io",
    }  # fmt: skip


@pytest.mark.parametrize("kind", dict.fromkeys(kind for _, kind in route_kinds.KINDS))
def test_a_kind_that_may_not_be_listed_is_unknown(kind: str) -> None:
    version = next(one for one, named in route_kinds.KINDS if named == kind)

    class Forbidding(Versions):
        def list(self, like: Ref, **query: str) -> list[Manifest]:
            if like.kind == kind:
                raise ClusterRefusedError(403, f"{kind} is forbidden")
            return super().list(like, **query)

    there = on(Forbidding((version, kind)))
    assert (there.routes.others, there.forbidden) == ((), (f"{kind} is forbidden",))
    assert on(Versions()).forbidden == ()  # which the API server does not have


def test_a_role_lists_what_is_read() -> None:
    read = dict(route_kinds.resources())
    assert read["gateway.networking.k8s.io"] == ("httproutes", "grpcroutes", "tlsroutes")
    assert read["traefik.io"] == ("ingressroutes", "ingressroutetcps")
    assert (read["projectcontour.io"], read["networking.istio.io"]) == (("httpproxies",), ("virtualservices",))


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("Gateway", "gateways"), ("HTTPRoute", "httproutes"), ("NetworkPolicy", "networkpolicies")],
)
def test_the_plural_of_a_kind(kind: str, plural: str) -> None:
    assert Ref("g/v1", kind, "").collection == f"/apis/g/v1/{plural}"
