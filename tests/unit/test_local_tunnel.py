"""A locally managed tunnel: whose file it is, what it does with the host's requests, and what is left for a person."""

from base64 import b64encode
from copy import deepcopy
from dataclasses import replace
from typing import Any

import httpx
import pytest
import yaml

from clients import connector_file
from clients.cloudflare import CloudflareApi
from clients.kubernetes import ClusterRefusedError, Manifest, Ref
from clients.tunnel_document import TunnelDocument
from clients.tunnel_lease import Share, lease_for, note
from components import local_route
from components.local_route import Left, Standing
from components.ownership import Ownership
from lab.cloudflare.api import Api
from lab.cloudflare.world import TOKEN, found
from lab.stand_in.transport import Transport
from observe import Observed
from observe import cloudflare as at_cloudflare
from observe.cluster import ClusterSeen
from observe.planned import planned
from ops import up_role, verify_role
from ops.checks import CHECKS
from ops.checks.check import Passed
from ops.facts import cloudflare as facts
from preflight import cloudflare_rules
from settings import Settings
from settings.model import Backend
from tests.fake_cluster import FakeCluster
from tests.findings import told
from tests.objects import STACK, deployment, managed, manifest, namespace, service
from tests.unit.configured import configured
from tests.unit.well import well
from text.finding import Finding, Severity

HOST, IMMICH = "immich.coultonf.com", "http://immich-server.immich.svc.cluster.local:3001"
WORKSHOP, HOMELAB = "7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0002", "7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0001"
HOLDER = Ref("v1", "ConfigMap", "cloudflared-config", "cloudflared")
LOCAL: Manifest = {"kind": "localTunnel"}

# As the homelab of iteration 6 had it.
DOCUMENT = f"""\
tunnel: {WORKSHOP}
credentials-file: /etc/cloudflared/creds/credentials.json
no-autoupdate: true

ingress:
  # recipes
  - hostname: mealie.coultonf.com
    service: http://mealie.mealie.svc.cluster.local:9000
  - service: http_status:404
"""
OURS = f"  - hostname: {HOST}\n    service: {IMMICH}\n"
WITH_RULE = DOCUMENT.replace("  - service: http_status", f"{OURS}  - service: http_status")
WILDCARD = DOCUMENT.replace(
    "  - service: http_status",
    '  - hostname: "*.coultonf.com"\n    service: http://nginx.ingress\n  - service: http_status',
)


def workload(*words: str, mount: Manifest | None = None, volume: Manifest | None = None, **more: Any) -> Manifest:
    """A cloudflared with one volume."""
    container = {
        "name": "cloudflared",
        "image": "cloudflare/cloudflared:2026.7.3",
        "args": ["tunnel", *words],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/cloudflared/config", **(mount or {})}],
        **more,
    }
    source = volume or {"configMap": {"name": "cloudflared-config"}}
    pod = {"containers": [container], "volumes": [{"name": "config", **source}]}
    return manifest("apps/v1", "Deployment", "cloudflared", "cloudflared", spec={"template": {"spec": pod}})


ITEM: Manifest = {"key": "k", "path": "config.yaml"}
OTHER_ITEM: Manifest = {"key": "other", "path": "credentials.json"}
AT = "/etc/cloudflared/config/config.yaml"


@pytest.mark.parametrize(
    ("connector", "holder", "key"),
    [
        (workload("--config", AT, "run"), "cloudflared-config", "config.yaml"),
        (workload(f"--config={AT}", "run"), "cloudflared-config", "config.yaml"),
        (
            workload("--config", "$(WHERE)", "run", env=[{"name": "WHERE", "value": AT}]),
            "cloudflared-config", "config.yaml",
        ),
        (workload("--config", AT, mount={"mountPath": AT, "subPath": "rules"}), "cloudflared-config", "rules"),
        (workload("run", mount={"mountPath": "/etc/cloudflared"}), "cloudflared-config", "config.yml"),
        (workload("run", mount={"mountPath": "/home/nonroot/.cloudflared/"}), "cloudflared-config", "config.yml"),
        (
            workload("run", mount={"mountPath": "/etc/cloudflared/config.yaml", "subPath": "config.yaml"}),
            "cloudflared-config", "config.yaml",
        ),
        (
            workload("--config", AT, volume={"configMap": {"name": "c", "items": [OTHER_ITEM, ITEM]}}),
            "c", "k",
        ),
        (
            workload("--config", AT, volume={"projected": {"sources": [{"secret": {"name": "s", "items": []}}]}}),
            "s", "config.yaml",
        ),
        (workload("--config", AT, volume={"secret": {"secretName": "s"}}), "s", "config.yaml"),
    ],
)  # fmt: skip
def test_the_file_is_found_by_the_pods_template(connector: Manifest, holder: str, key: str) -> None:
    first = connector_file.files(connector)[0]
    assert first.holder is not None
    assert (first.holder.name, first.key) == (holder, key)


@pytest.mark.parametrize(
    "connector",
    [
        workload("run", "--token", "x"),
        workload("--config", AT, image="nginx:1"),
        workload("--config", AT, "run", volume={"emptyDir": {}}, mount={"mountPath": "/elsewhere"}, image="nginx"),
    ],
)
def test_a_connector_without_a_file_is_none_of_a_local_tunnel(connector: Manifest) -> None:
    assert connector_file.files(connector) == []


@pytest.mark.parametrize(
    ("words", "tunnel"),
    [
        (["run"], ""),
        (["run", "home"], "home"),
        (["--config", AT, "run", WORKSHOP], WORKSHOP),
        (["run", "--protocol", "http2"], ""),
        (["run", "--protocol=http2", "home"], "home"),
        (["run", "$(ID)"], ""),
    ],
)
def test_the_tunnel_that_is_run(words: list[str], tunnel: str) -> None:
    assert connector_file.tunnel_argument(workload(*words)) == tunnel


END = {"service": "http_status:404"}


def to(service: str, host: str = HOST, path: str = "") -> Manifest:
    return {"hostname": host, "service": service, **({"path": path} if path else {})}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([END], Standing.MISSING),
        ([to(IMMICH), END], Standing.STATED),
        ([to("http://immich-server.immich:3001"), END], Standing.STATED),
        ([to("http://immich-server.immich.svc.kube.example.org.:3001/"), END], Standing.STATED),
        ([to("http://immich-server.immich:3002"), END], Standing.MISSING),
        ([to("http://other.immich:3001"), END], Standing.MISSING),
        ([to("http://immich-server:3001"), END], Standing.MISSING),
        ([to(IMMICH, "*.coultonf.com"), END], Standing.COVERED),
        ([to("http://a.b", "*.coultonf.com"), to(IMMICH), END], Standing.SHADOWED),
        ([to("http://a.b", path="^/api"), to(IMMICH), END], Standing.SHADOWED),
        ([to(IMMICH, path="^/api"), to(IMMICH), END], Standing.STATED),
        ([to(IMMICH, path="^/api"), END], Standing.MISSING),
        ([to("http://a.b", "*.coultonf.com"), {"service": IMMICH}], Standing.MISSING),
        # cloudflared compares bytes, and the punycode form of a name without wildcard.
        ([to(IMMICH, "Immich.coultonf.com"), END], Standing.STATED),
        ([to(IMMICH, "*.Coultonf.com"), END], Standing.MISSING),
        ([], None),
        ([to(IMMICH)], None),
    ],
)
def test_how_rules_treat_the_host(rules: list[Manifest], expected: Standing | None) -> None:
    assert local_route.standing(rules, HOST, [Backend("immich", "immich-server", 3001)], "cloudflared") is expected


@pytest.mark.parametrize(
    ("service", "url", "expected"),
    [
        ("http://192.168.1.10", "http://192.168.1.10:80", Standing.STATED),
        ("https://NAS.lan.", "https://nas.lan:443", Standing.STATED),
        ("http://[fd00::10]:2283", "http://[fd00::10]:2283", Standing.STATED),
        ("https://192.168.1.10:80", "http://192.168.1.10", Standing.MISSING),
        ("http://192.168.1.11", "http://192.168.1.10", Standing.MISSING),
    ],
)
def test_a_rule_to_a_url_is_known_by_what_it_calls(service: str, url: str, expected: Standing) -> None:
    wanted = local_route.place(url, "cloudflared")
    assert wanted
    assert local_route.standing([to(service), END], HOST, [wanted], "cloudflared") is expected


class World:
    """An account whose tunnel `workshop` is run by a cloudflared in the cluster."""

    def __init__(self, text: str = DOCUMENT, runs: str | None = None) -> None:
        self.account, self.cluster = Api(found()), FakeCluster()
        self.put(workload("--config", AT, "run"))
        tracked = {"argocd.argoproj.io/tracking-id": "tunnels:/ConfigMap:cloudflared/cloudflared-config"}
        data = {"config.yaml": text}
        self.put(
            manifest("v1", "ConfigMap", HOLDER.name, HOLDER.namespace, metadata={"annotations": tracked}, data=data)
        )
        self.sends(text if runs is None else runs)

    def out_of_git(self, manager: str = "kubectl-create") -> "World":
        """Leave the file to whom a field manager stands for."""
        metadata = self.cluster.objects[HOLDER]["metadata"]
        del metadata["annotations"]
        metadata["managedFields"] = [managed(manager, {"f:data": {"f:config.yaml": {}}})]
        return self

    def put(self, thing: Manifest) -> None:
        self.cluster.objects[Ref.of(thing)] = thing

    def sends(self, text: str) -> None:
        """What cloudflared sent when it connected."""
        self.account.world.configurations[WORKSHOP]["config"] = {"ingress": yaml.safe_load(text).get("ingress")}

    def look(self, **more: Any) -> tuple[Settings, at_cloudflare.CloudflareSeen]:
        settings = configured(host=HOST, cloudflare=LOCAL | more, route={"kind": "ingress"})
        api = CloudflareApi(TOKEN, httpx.Client(transport=Transport(self.account)))
        seen = at_cloudflare.read_cloudflare(api, self.cluster, settings, Ownership(STACK), ())
        assert seen
        return settings, seen

    def missing(self, **more: Any) -> list[str]:
        settings, seen = self.look(**more)
        return [one.code for one in cloudflare_rules.missing(settings, seen, CLUSTER)]

    def plan(self, **more: Any) -> Any:
        settings, seen = self.look(**more)
        return planned(settings, STACK, Observed(CLUSTER, seen))

    def findings(self, **more: Any) -> list[Finding]:
        assert self.missing(**more) == []
        settings, seen = self.look(**more)
        return [*cloudflare_rules.findings(settings, seen, self.plan(**more))]

    def warned(self, **more: Any) -> list[str]:
        return [code for code, _ in told(self.findings(**more), Severity.WARNING) if code != "uploads-limited"]

    def verified(self, **more: Any) -> Any:
        settings, seen = self.look(**more)
        check = next(one for one in CHECKS if one.name == "tunnel-rule")
        judged = facts.beside(settings, seen, self.plan(**more).public_access)
        result = check.result(replace(well(), settings=settings, cloudflare=judged))
        return result.code if isinstance(result, Finding) else type(result)


CLUSTER = ClusterSeen(namespace(), (deployment(),), (service(3001),), None, None, nodes=("talos-1",))


def test_a_rule_that_git_lacks_is_printed_and_the_record_made() -> None:
    world = World()
    (warning,) = (one for one in world.findings() if one.code == "rule-to-write")
    assert warning.snippet == OURS
    plan = world.plan()
    assert (plan.public_access.record.content, plan.public_access.record.proxied) == (
        f"{WORKSHOP}.cfargotunnel.com",
        True,
    )
    assert plan.public_access.rules is None
    step = plan.outputs.next_steps[-1]
    assert step.endswith(f":\n{OURS}")
    assert "ArgoCD's Application tunnels" in step
    assert str(HOLDER) in step
    assert "before the rule `* → http_status:404`" in step
    assert world.verified() == "file-rule-missing"
    assert world.cluster.writes == []


def codes(found: list[Finding]) -> list[str]:
    return [one.code for one in found if one.code != "uploads-limited"]


def test_an_unmanaged_file_gets_the_rule_from_this_stack() -> None:
    world = World().out_of_git()
    assert codes(world.findings()) == ["rule-placed", "connector-restarts"]
    plan = world.plan()
    assert plan.public_access.file_rule.rule == to(IMMICH)
    assert (plan.public_access.file_rule.workloads, plan.public_access.file_rule.holder) == (
        ("Deployment/cloudflared",),
        HOLDER,
    )
    assert not [step for step in plan.outputs.next_steps if "cloudflared" in step]
    assert world.verified() == "rule-missing"


@pytest.mark.parametrize(
    ("manager", "settings", "ours"),
    [
        ("kubectl-client-side-apply", {}, False),
        ("kubectl-client-side-apply", {"edit": True}, True),
        ("helm", {"edit": True}, False),
    ],
)
def test_a_managed_file_is_printed_with_the_reason(manager: str, settings: Manifest, *, ours: bool) -> None:
    world = World().out_of_git(manager)
    assert (world.plan(**settings).public_access.file_rule is not None) is ours
    assert ("document-kept" in codes(world.findings(**settings))) is not ours
    assert ("rule-to-write" in codes(world.findings(**settings))) is not ours


@pytest.mark.parametrize("text", [WITH_RULE, WITH_RULE.replace(HOST, "'*.coultonf.com'")])
def test_a_rule_that_its_owner_wrote_needs_none_of_this_stack(text: str) -> None:
    world = World(text).out_of_git()
    assert (codes(world.findings()), world.plan().public_access.file_rule) == ([], None)


def test_a_broken_file_stops_only_the_stack_whose_rule_is_in_it() -> None:
    world = World(DOCUMENT.replace("404", "1000")).out_of_git()
    assert codes(world.findings()) == ["document-invalid", "rule-to-write"]
    with lease_for(world.cluster, WORKSHOP, STACK).held() as lease:
        note(lease, Share(frozenset({(HOST, "")})))
    assert codes(world.findings()) == ["file-invalid"]


def test_a_rule_of_this_stack_is_known_by_its_lease() -> None:
    world = World(WITH_RULE).out_of_git("immich-icloud/test")
    with lease_for(world.cluster, WORKSHOP, STACK).held() as lease:
        note(lease, Share(frozenset({(HOST, "")})))
    assert world.plan().public_access.file_rule is not None


def test_what_else_a_restart_puts_in_force_is_named() -> None:
    world = World(runs=DOCUMENT.replace("9000", "9001")).out_of_git()
    (changes,) = (one for one in world.findings() if one.code == "restart-changes")
    service = "mealie.coultonf.com → http://mealie.mealie.svc.cluster.local"
    assert changes.values["changes"] == f"+ {service}:9000; - {service}:9001"
    world.sends("{}")
    assert "running-unknown" in codes(world.findings())


def test_a_connector_elsewhere_is_refused_before_anything_restarts() -> None:
    world = World().out_of_git()
    world.account.world.connectors[WORKSHOP] = [{"conns": [{}]}, {"conns": []}]
    assert "connectors-elsewhere" not in codes(world.findings())
    world.account.world.connectors[WORKSHOP] = [{"conns": [{}]}, {"conns": [{}]}]
    assert "connectors-elsewhere" in codes(world.findings())


def test_all_that_reads_the_file_is_restarted() -> None:
    world = World().out_of_git()
    second = workload("--config", AT, "run")
    second["kind"], second["metadata"]["name"] = "DaemonSet", "second"
    world.put(second)
    assert world.plan().public_access.file_rule.workloads == ("Deployment/cloudflared", "DaemonSet/second")
    second["metadata"]["labels"] = {"helm.toolkit.fluxcd.io/name": "x"}
    assert world.plan().public_access.file_rule is None


def test_a_tunnel_of_unknown_manager_is_not_written() -> None:
    world = World().out_of_git()
    world.account.world.tunnels[WORKSHOP]["omits"] = ["config_src", "remote_config", "source"]
    assert world.plan().public_access.file_rule is None
    assert "manager-unknown" in codes(world.findings())


def test_a_rule_in_git_leaves_nothing_to_do() -> None:
    world = World(WITH_RULE)
    assert world.warned() == []
    assert not [step for step in world.plan().outputs.next_steps if "cloudflared" in step]
    assert world.verified() is Passed
    assert TunnelDocument.read(DOCUMENT).with_rule(to(IMMICH)).text == WITH_RULE


def test_a_rule_that_does_not_run_needs_a_restart() -> None:
    world = World(WITH_RULE, runs=DOCUMENT)
    assert world.warned() == ["rule-not-running"]
    assert world.plan().public_access.local.left is Left.RESTART
    assert world.verified() == "file-rule-not-running"


def test_a_rule_behind_another_is_told_apart_from_none() -> None:
    shadow = "  # recipes\n  - {hostname: '*.coultonf.com', service: http://elsewhere}\n"
    world = World(WITH_RULE.replace("  # recipes\n", shadow))
    assert world.warned() == ["rule-behind-others"]
    assert world.verified() == "file-rule-shadowed"


@pytest.mark.parametrize(("instance", "warned"), [("nginx", []), ("other", ["rule-to-write"])])
def test_a_wildcard_to_what_serves_the_route_needs_no_rule(instance: str, warned: list[str]) -> None:
    world = World(WILDCARD)
    ours, theirs = ({"labels": {"app.kubernetes.io/instance": name}} for name in ("nginx", instance))
    world.put(manifest("networking.k8s.io/v1", "IngressClass", "nginx", metadata=ours))
    world.put(manifest("v1", "Service", "nginx", "ingress", metadata=theirs))
    assert world.warned() == warned


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("ingress: []\n", ["document-invalid", "rule-to-write"]),
        (
            f"tunnel: {WORKSHOP}\ningress:\n- hostname: a.org\n  service: http://a\n",
            ["document-invalid", "rule-to-write"],
        ),
    ],
)
def test_a_document_that_cloudflared_refuses_is_named(text: str, warned: list[str]) -> None:
    world = World(text)
    assert world.warned(tunnel="workshop") == warned
    assert world.verified(tunnel="workshop") == "tunnel-file-invalid"


def test_a_tunnel_that_cloudflare_manages_is_refused() -> None:
    assert World().missing(tunnel="homelab") == ["tunnel-remote"]


def test_a_tunnel_of_unknown_manager_is_a_warning() -> None:
    world = World(WITH_RULE)
    world.account.world.tunnels[WORKSHOP]["omits"] = ["config_src", "remote_config", "source"]
    assert world.warned() == ["manager-unknown"]


def test_a_tunnel_that_is_deleted_is_missing() -> None:
    world = World(WITH_RULE)
    world.account.world.tunnels[WORKSHOP]["deleted_at"] = "2026-11-27T08:00:00Z"
    assert world.missing() == ["tunnel-missing"]


def test_a_connector_that_is_not_there() -> None:
    world = World()
    world.cluster.objects.clear()
    assert world.missing() == ["connector-missing"]
    assert world.warned(tunnel="workshop") == ["rule-to-write"]
    world.sends(WITH_RULE)
    assert world.warned(tunnel="workshop") == []


def test_a_document_in_a_secret_is_judged_by_what_runs() -> None:
    world = World(WITH_RULE)
    world.put(workload("--config", AT, "run", volume={"secret": {"secretName": "s"}}))
    assert world.missing() == ["tunnel-unnamed"]
    assert world.warned(tunnel=WORKSHOP) == []
    world.sends(DOCUMENT)
    assert world.warned(tunnel=WORKSHOP) == ["rule-to-write"]


def kept_in_a_secret(world: World, text: str) -> None:
    world.cluster.objects.pop(HOLDER, None)
    world.put(workload("--config", AT, "run", volume={"secret": {"secretName": "s"}}))
    data = {"config.yaml": b64encode(text.encode()).decode()}
    world.put(manifest("v1", "Secret", "s", "cloudflared", data=data))


def test_a_document_in_a_secret_is_read_and_what_it_says_of_others_is_not_shown() -> None:
    world = World(DOCUMENT)
    kept_in_a_secret(world, DOCUMENT)
    (warning,) = (one for one in world.findings() if one.code == "rule-to-write")
    assert warning.snippet == OURS
    assert "mealie" not in str([*world.findings(), world.plan().outputs])
    kept_in_a_secret(world, WITH_RULE)
    world.sends(WITH_RULE)
    assert world.warned() == []
    assert world.warned(config={"namespace": "cloudflared", "name": "s"}) == []
    assert world.missing(config={"namespace": "cloudflared", "name": "other"}) == ["connector-missing"]
    shadow = "  - {hostname: '*.coultonf.com', service: http://hidden}\n  - hostname: mealie"
    kept_in_a_secret(world, WITH_RULE.replace("  - hostname: mealie", shadow))
    assert world.warned() == ["rule-behind-others"]
    assert "hidden" not in str(world.findings())
    kept_in_a_secret(world, DOCUMENT.replace("mealie.coultonf.com", "hidden*.coultonf.com"))
    assert "document-invalid" in world.warned()
    assert "hidden" not in str(world.findings())


@pytest.mark.parametrize(
    ("words", "document", "expected"),
    [
        ((), {}, 20241),
        (("--metrics", "0.0.0.0:2000"), {}, 2000),
        (("--metrics=:9090",), {"metrics": "0.0.0.0:1"}, 9090),
        ((), {"metrics": "0.0.0.0:2000"}, 2000),
        (("--metrics", "localhost:2000"), {}, None),
        ((), {"metrics": "[::1]:2000"}, None),
    ],
)
def test_the_port_at_which_a_connector_is_asked(
    words: tuple[str, ...], document: Manifest, expected: int | None
) -> None:
    assert connector_file.metrics_port(workload(*words, "run"), document) == expected


def asked(world: World, ready: Manifest | None, config: Manifest | None = None) -> World:
    """A pod of it, and what it answers."""
    runs = workload("--config", AT, "run")
    runs["spec"]["selector"] = {"matchLabels": {"app": "cloudflared"}}
    world.put(runs)
    labels = {"labels": {"app": "cloudflared"}}
    world.put(manifest("v1", "Pod", "cloudflared-1", "cloudflared", metadata=labels, status={"phase": "Running"}))
    world.cluster.answers = {"ready": ready} if ready else {}
    world.cluster.answers |= {"config": config} if config else {}
    return world


KNOWN = found().connectors[HOMELAB][0]["id"]


def test_a_pod_that_runs_another_tunnel_proves_that_its_file_is_not_the_tunnels() -> None:
    world = asked(World(WITH_RULE), {"status": 200, "readyConnections": 4, "connectorId": KNOWN})
    world.account.world.connectors[WORKSHOP] = [{"id": "another", "conns": []}]
    assert world.missing() == ["connector-of-another-tunnel"]
    world.account.world.connectors[WORKSHOP] = [{"id": "another", "conns": []}, {"id": KNOWN, "conns": []}]
    assert world.missing() == []
    assert asked(world, None).missing() == [], "that the pods may not be asked proves nothing"


def test_a_document_for_another_tunnel_is_not_this_ones() -> None:
    world = World(DOCUMENT.replace(WORKSHOP, HOMELAB))
    assert world.missing(tunnel="workshop") == ["connector-of-another-tunnel"]


def test_a_tunnels_id_is_the_same_in_other_letters() -> None:
    world = World(DOCUMENT.replace(WORKSHOP, WORKSHOP.upper()))
    assert world.missing() == []
    assert world.missing(tunnel=WORKSHOP.upper()) == []


@pytest.mark.parametrize(
    ("version", "runs", "missing", "warned"),
    [
        (-1, WITH_RULE, [], []),
        (-1, DOCUMENT, [], ["rule-not-running"]),
        (3, WITH_RULE, ["tunnel-remote"], None),
        (float("inf"), WITH_RULE, [], ["rule-not-running"]),
    ],
)
def test_the_rules_that_a_pod_runs_are_believed_before_what_it_once_sent(
    version: float, runs: str, missing: list[str], warned: list[str] | None
) -> None:
    config = {"version": version, "config": {"ingress": yaml.safe_load(runs)["ingress"]}}
    world = asked(World(WITH_RULE, runs=WITH_RULE if runs == DOCUMENT else DOCUMENT), {"connectorId": ""}, config)
    assert world.missing() == missing
    assert warned is None or world.warned() == warned


def test_of_several_connectors_one_is_to_be_named() -> None:
    world = World(WITH_RULE)
    for ref, thing in list(world.cluster.objects.items()):
        other = deepcopy(thing)
        other["metadata"]["namespace"] = "other"
        if ref.kind == "ConfigMap":
            other["data"] = {"config.yaml": DOCUMENT.replace(WORKSHOP, HOMELAB)}
        world.put(other)
    assert world.missing() == ["connectors-several"]
    assert world.warned(tunnel=WORKSHOP) == []
    assert world.warned(config={"namespace": "cloudflared", "name": "cloudflared-config"}) == []


def test_what_may_not_be_read_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(WITH_RULE)

    def forbidden(*_: object, **__: object) -> None:
        raise ClusterRefusedError(403, "deployments is forbidden")

    monkeypatch.setattr(world.cluster, "list", forbidden)
    assert world.missing() == ["connector-missing"]
    assert world.warned(tunnel="workshop") == []


def test_up_may_write_the_file_that_the_settings_name_and_no_other() -> None:
    def allowed(cloudflare: Manifest) -> list[str]:
        made = up_role.manifests(configured(cloudflare=cloudflare), "test")
        roles = (one for one in made if one["kind"] == "Role" and one["metadata"]["namespace"] == "cloudflared")
        return [str(rule) for role in roles for rule in role["rules"] if "update" in rule["verbs"]]

    named = allowed(LOCAL | {"config": {"namespace": "cloudflared", "name": "cloudflared-config"}})
    assert ["cloudflared-config" in rule for rule in named] == [True]
    assert allowed(LOCAL) == []


def test_verify_may_look_for_cloudflared_only_where_it_has_to() -> None:
    def everywhere(cloudflare: Manifest) -> str:
        return str(verify_role.manifests(configured(cloudflare=cloudflare), "test")[1])

    assert "daemonsets" in everywhere(LOCAL)
    assert "daemonsets" not in everywhere({"kind": "sharedTunnel", "tunnel": "homelab"})
