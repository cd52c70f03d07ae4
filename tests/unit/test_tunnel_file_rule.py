"""Our rule in the file of a locally managed tunnel: what is written, restarted, refused, and restored."""

import itertools
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clients import connector_restart, document_keeper
from clients.file_rule import compare
from clients.ingress_rules import Rule
from clients.kubernetes import Manifest
from clients.tunnel_lease import Share, lease_for, note, shares
from providers import tunnel_file_rule
from tests.file_tunnel import CONNECTOR, HOLDER, STACK, WORKSHOP, Homelab, Stack, file_rule, inputs
from tests.one_resource import PreviewError
from tests.shared_tunnel import Killed
from tests.unit.test_preflight_owners import MANAGED
from text.finding import Severity

HOST, SERVICE = "immich.coultonf.com", "http://immich-server.immich.svc.cluster.local:3001"
OURS: Rule = {"hostname": HOST, "service": SERVICE}
ELSEWHERE: Rule = {"hostname": HOST, "service": "http://elsewhere:80"}
OTHER_HOST: Rule = {"hostname": "photos.coultonf.com", "service": SERVICE}
DOCUMENT = """\
tunnel: 7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0002   # ours
ingress:
  # recipes
  - hostname: mealie.coultonf.com
    service: http://mealie.mealie.svc.cluster.local:9000

  # all the rest
  - service: http_status:404
"""
BY_HAND = f"  - hostname: {HOST}\n    service: http://192.168.1.20:2283   # by hand\n"
LINES = f"  - hostname: {HOST}\n    service: {SERVICE}\n"
WITH_RULE = DOCUMENT.replace("  # all", f"{LINES}  # all")


@pytest.fixture
def world() -> Homelab:
    return Homelab(DOCUMENT)


@pytest.fixture
def stack(world: Homelab) -> Stack:
    return Stack(world)


def share(world: Homelab) -> Share | None:
    return shares(lease_for(world, WORKSHOP, STACK)).get(STACK)


def findings(world: Homelab, rule: Rule = OURS, **more: Any) -> list[str]:
    trial = compare(world, file_rule(rule, **more))
    return [one.code for one in (*trial.problems, *trial.news) if one.severity is not Severity.NEWS]


# create, read, update, delete


def test_up_and_destroy_leave_file_and_template_as_found(world: Homelab, stack: Stack) -> None:
    template = dict(world.template)
    assert stack.settle(OURS) == "create"
    assert (world.text, world.restarts) == (WITH_RULE, 2)
    assert world.objects[HOLDER]["data"]["other"] == "x"
    assert list(world.template["metadata"]["annotations"]) == [connector_restart.annotation(STACK)]
    stack.destroy()
    assert (world.text, world.template, world.restarts) == (DOCUMENT, template, 3)
    assert share(world) is None


def test_up_again_writes_and_restarts_nothing(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    written = len(world.steps)
    assert [stack.settle(OURS), stack.settle(OURS, adopt=True)] == ["same", "same"]
    assert len(world.steps) == written


def test_another_host_or_service_takes_one_write_and_one_restart(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    assert stack.settle(OTHER_HOST) == "update"
    assert world.text == WITH_RULE.replace(HOST, "photos.coultonf.com")
    assert (world.writes.count("replace"), world.restarts) == (world.writes.count("replace"), 3)
    assert share(world) == Share(frozenset({("photos.coultonf.com", "")}))
    stack.destroy()
    assert world.text == DOCUMENT


def test_what_others_change_in_the_file_restarts_nothing(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    changed = world.text.replace("9000", "9001")
    world.edit(changed)
    assert (stack.settle(OURS), world.restarts) == ("same", 2)
    stack.destroy()
    assert world.text == DOCUMENT.replace("9000", "9001")


@pytest.mark.parametrize("drifted", [DOCUMENT, WITH_RULE.replace("3001", "3002"), WITH_RULE.replace("3001", "port"),
    WITH_RULE.replace("ingress:\n", "ingress:\n  - hostname: '*.coultonf.com'\n    service: http://x\n")])  # fmt: skip
def test_drift_is_repaired_and_cloudflared_restarted_again(world: Homelab, stack: Stack, drifted: str) -> None:
    stack.settle(OURS)
    world.edit(drifted)
    assert (stack.settle(OURS), world.restarts) == ("update", 3)
    assert LINES in world.text
    assert stack.settle(OURS) == "same"


def test_a_template_that_lost_the_annotation_gets_it_again(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    del world.template["metadata"]["annotations"]
    assert (stack.settle(OURS), stack.settle(OURS), world.restarts) == ("update", "same", 3)


def test_a_second_reader_of_the_file_is_restarted_too(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    second = deepcopy(world.objects[CONNECTOR])
    second["metadata"]["name"] = "second"
    del second["spec"]["template"]["metadata"]["annotations"]
    world.put(second)
    assert compare(world, replace(file_rule(OURS), workloads=("Deployment/cloudflared", "Deployment/second"))).changes


def test_a_lease_that_is_gone_is_written_again(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    del world.objects[next(ref for ref in world.objects if ref.kind == "Lease")]
    assert (stack.settle(OURS), world.restarts) == ("update", 2)
    assert share(world)


def test_a_removal_that_restarts_nothing_waits_for_nothing(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    del world.template["metadata"]["annotations"]
    stack.destroy()
    assert (world.text, world.restarts, stack.file_rule.waited) == (DOCUMENT, 2, 0)


def test_a_config_map_that_is_gone_takes_the_rule_with_it(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    del world.objects[HOLDER]
    assert findings(world) == ["object-missing"]
    known = stack.state
    stack.refresh()
    assert stack.state is None
    stack.state = known
    stack.destroy()
    assert share(world) is None


# rules of others for the same host


def test_a_rule_made_by_hand_is_refused_then_passed_and_gets_its_requests_again(world: Homelab, stack: Stack) -> None:
    found = DOCUMENT.replace("  # recipes\n", f"{BY_HAND}  # recipes\n")
    world.edit(found)
    assert findings(world) == ["file-rule-not-ours", "file-rule-passed", "connector-restarts"]
    with pytest.raises(PreviewError):
        stack.settle(OURS)
    assert findings(world, adopt=True) == ["file-rule-passed", "connector-restarts"]
    stack.settle(OURS, adopt=True)
    assert world.text == found.replace(BY_HAND, LINES + BY_HAND)
    assert stack.settle(OURS) == "same"
    stack.destroy()
    assert world.text == found


def test_a_passed_rule_that_its_owner_changes_is_kept_as_it_is_by_then(world: Homelab, stack: Stack) -> None:
    world.edit(DOCUMENT.replace("  # recipes\n", f"{BY_HAND}  # recipes\n"))
    stack.settle(OURS, adopt=True)
    world.edit(world.text.replace("192.168.1.20", "192.168.1.99"))
    assert stack.settle(OURS) == "same"
    stack.destroy()
    assert world.text == DOCUMENT.replace("  # recipes\n", f"{BY_HAND}  # recipes\n".replace("1.20", "1.99"))


def test_a_kill_before_an_adoption_is_written_takes_no_rule_for_ours(world: Homelab, stack: Stack) -> None:
    found = DOCUMENT.replace("  # recipes\n", f"{BY_HAND}  # recipes\n")
    world.edit(found)
    world.kill_at = next(number for number in range(99) if _killed_before_replace(found, number))
    with pytest.raises(Killed):
        stack.settle(OURS, adopt=True)
    world.kill_at = None
    assert share(world) is not None
    again = Stack(world)
    again.settle(OURS, adopt=True)
    again.destroy()
    assert world.text == found


def _killed_before_replace(text: str, step: int) -> bool:
    world = Homelab(text)
    world.kill_at = step
    with pytest.raises(Killed):
        Stack(world).settle(OURS, adopt=True)
    return share(world) is not None and share(world) != Share()


@pytest.mark.parametrize("lost", [False, True], ids=["renamed", "state lost"])
def test_under_another_name_of_the_stack_the_rule_stays(world: Homelab, stack: Stack, *, lost: bool) -> None:
    template, old = dict(world.template), "immich-icloud/old"
    stack.up(inputs(OURS) | {"stack": old})
    if lost:
        stack.state = None
    assert stack.up(inputs(OURS) | {"former": [old]}) == ("create" if lost else "update")
    assert world.text == WITH_RULE
    assert list(world.template["metadata"]["annotations"]) == [connector_restart.annotation(STACK)]
    assert stack.settle(OURS) == "same"
    stack.destroy()
    assert (world.text, world.template, share(world)) == (DOCUMENT, template, None)


def test_another_stack_keeps_its_host(world: Homelab, stack: Stack) -> None:
    with lease_for(world, WORKSHOP, "immich-icloud/other").held() as lease:
        note(lease, Share(frozenset({(HOST, "")})))
    with pytest.raises(PreviewError):
        stack.settle(OURS)
    assert world.text == DOCUMENT


def test_a_rule_that_another_stack_has_by_now_stays(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    for owner, has in ((STACK, Share()), ("immich-icloud/other", Share(frozenset({(HOST, "")})))):
        with lease_for(world, WORKSHOP, owner).held() as lease:
            note(lease, has)
    stack.destroy()
    assert world.text == WITH_RULE


# kills, conflicts, and restarts that fail


def test_a_kill_at_any_step_is_repaired_by_the_next_up() -> None:
    whole = Homelab(DOCUMENT)
    Stack(whole).settle(OURS)
    for step in range(len(whole.steps)):
        world = Homelab(DOCUMENT)
        world.kill_at = step
        with pytest.raises(Killed):
            Stack(world).settle(OURS)
        world.kill_at = None
        again = Stack(world)
        assert again.settle(OURS) == "create"
        assert (world.text, again.settle(OURS), world.restarts) == (WITH_RULE, "same", 2), step
        again.destroy()
        assert (world.text, share(world)) == (DOCUMENT, None)


def test_a_kill_at_any_step_of_the_removal_is_repaired_by_the_next_one() -> None:
    for step in range(99):
        world = Homelab(DOCUMENT)
        stack = Stack(world)
        stack.settle(OURS)
        world.kill_at = len(world.steps) + step
        try:
            stack.destroy()
        except Killed:
            world.kill_at = None
            stack.destroy()
            assert (world.text, "annotations" in world.template["metadata"], share(world)) == (DOCUMENT, False, None)
        else:
            assert step
            return


def test_a_concurrent_write_is_kept(world: Homelab, stack: Stack) -> None:
    edits = [DOCUMENT.replace("9000", port) for port in ("9002", "9001")]
    world.overtaken = lambda _: world.edit(edits.pop()) if edits else None
    stack.settle(OURS)
    assert world.text == WITH_RULE.replace("9000", "9002")


def test_a_file_that_others_keep_writing_is_left_to_them(world: Homelab, stack: Stack) -> None:
    ports = itertools.count(9001)
    world.overtaken = lambda _: world.edit(DOCUMENT.replace("9000", str(next(ports))))
    with pytest.raises(tunnel_file_rule.ImpossibleError):
        stack.settle(OURS)
    assert (OURS["hostname"] in world.text, share(world), world.restarts) == (False, None, 1)


@pytest.mark.parametrize("meanwhile", ["", "9001"])
def test_a_restart_that_fails_restores_file_and_annotation(world: Homelab, stack: Stack, meanwhile: str) -> None:
    world.broken = True
    if meanwhile:
        _while_restarting(world, lambda: world.edit(world.text.replace("9000", meanwhile)))
    with pytest.raises(RuntimeError):
        stack.settle(OURS)
    assert world.text == DOCUMENT.replace("9000", meanwhile or "9000")
    assert "annotations" not in world.template["metadata"]
    assert share(world) is None


def test_an_update_whose_restart_fails_goes_back_to_the_rule_before(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    world.broken = True
    with pytest.raises(RuntimeError):
        stack.settle(OTHER_HOST)
    assert world.text == WITH_RULE
    assert share(world) == Share(frozenset({(HOST, "")}))
    world.broken = False
    assert stack.settle(OURS) == "same"


def test_connectors_are_known_to_a_cluster_whose_clock_is_an_hour_ahead(world: Homelab, stack: Stack) -> None:
    world.ahead = timedelta(hours=1)
    assert stack.settle(OURS) == "create"


def test_a_connector_that_runs_elsewhere_is_no_success(world: Homelab, stack: Stack) -> None:
    old = dict(world.cloudflare.world.connectors[WORKSHOP][0], id="elsewhere")
    _while_restarting(world, lambda: world.cloudflare.world.connectors[WORKSHOP].append(old))
    with pytest.raises(RuntimeError, match="elsewhere"):
        stack.settle(OURS)
    assert world.text == DOCUMENT


def _while_restarting(world: Homelab, happens: Callable[[], object]) -> None:
    counted, done = world.step, list[object]()

    def step(name: str) -> None:
        counted(name)
        if name == "after apply" and not done:
            done.append(happens())

    world.step = step


# whose file it is

MARKED: dict[str, Manifest] = {
    "ArgoCD": {"annotations": {"argocd.argoproj.io/tracking-id": "tunnels:/ConfigMap:a/b"}},
    "Helm's label": {"labels": {"app.kubernetes.io/managed-by": "Helm"}},
    "an owner": {"ownerReferences": [{"kind": "Tunnel", "name": "home", "uid": "1"}]},
}


@pytest.mark.parametrize(("metadata", "code"), MANAGED, ids=lambda value: value if isinstance(value, str) else "")
def test_each_tool_that_manages_an_object_is_named(metadata: Manifest, code: str) -> None:
    assert document_keeper.deployer({"metadata": metadata}), code


@pytest.mark.parametrize("marks", [*MARKED.values()], ids=[*MARKED])
@pytest.mark.parametrize("ref", [HOLDER, CONNECTOR])
def test_what_a_tool_deploys_is_never_written(world: Homelab, stack: Stack, ref: Any, marks: Manifest) -> None:
    world.objects[ref]["metadata"] |= marks
    assert findings(world, edit=True)[0] == "file-kept"
    with pytest.raises(PreviewError):
        stack.settle(OURS, edit=True)
    assert (world.text, world.steps) == (DOCUMENT, [])


@pytest.mark.parametrize(
    ("manager", "operation", "edit", "kept"),
    [
        ("kubectl-create", "Update", False, False),
        ("kubectl-edit", "Update", False, False),
        ("kubectl-patch", "Update", False, False),
        ("immich-icloud/another", "Update", False, False),
        ("kubectl-client-side-apply", "Update", False, True),
        ("kubectl-client-side-apply", "Update", True, False),
        ("kubectl", "Apply", False, True),
        ("kubectl", "Apply", True, False),
        ("kubectl", "Update", True, True),
        ("kubectl-replace", "Update", True, True),
        ("kubectl-edit", "Apply", True, True),
        ("argocd-controller", "Apply", True, True),
        ("helm", "Update", True, True),
        ("kustomize-controller", "Apply", True, True),
        ("OpenAPI-Generator", "Update", True, True),
        ("", "Update", True, True),
    ],
)
def test_only_known_hands_leave_the_file_to_this_stack(manager: str, operation: str, *, edit: bool, kept: bool) -> None:
    world = Homelab(DOCUMENT)
    world.edit(DOCUMENT, manager, operation)
    assert ("file-kept" in findings(world, edit=edit)) is kept


def test_one_hand_that_is_unknown_is_enough(world: Homelab) -> None:
    entries = world.objects[HOLDER]["metadata"]["managedFields"]
    world.edit(DOCUMENT, "helm")
    world.objects[HOLDER]["metadata"]["managedFields"] += entries
    assert "file-kept" in findings(world, edit=True)
    world.objects[HOLDER]["metadata"]["managedFields"] = []
    assert "file-kept" in findings(world, edit=True)


def test_an_immutable_config_map_is_not_written(world: Homelab) -> None:
    world.objects[HOLDER]["immutable"] = True
    assert "file-kept" in findings(world)


def test_what_kubectl_applies_is_written_with_permission_and_that_said(world: Homelab, stack: Stack) -> None:
    world.edit(DOCUMENT, "kubectl-client-side-apply")
    assert findings(world, edit=True) == ["file-applied", "connector-restarts"]
    stack.settle(OURS, edit=True)
    world.edit(DOCUMENT, "kubectl-client-side-apply")  # the next apply
    assert (stack.settle(OURS, edit=True), world.text) == ("update", WITH_RULE)
    stack.destroy()
    assert world.text == DOCUMENT


def test_a_file_that_git_keeps_by_now_stays_when_the_stack_goes(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    world.objects[HOLDER]["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "apps"}
    stack.destroy()
    assert (world.text, share(world), world.restarts) == (WITH_RULE, None, 2)


# what cloudflared would refuse

REFUSED = {
    "no list": "tunnel: x\n",
    "no catch-all": f"ingress:\n{LINES}".replace(HOST, "a.org"),
    **{
        f"the service {service}": DOCUMENT.replace("http://mealie.mealie.svc.cluster.local:9000", service)
        for service in (
            "http://x/", "http://x/p", "x:80", "http://", "http_status:99", "http_status:1000", "http:x",
            "http://x:port", "http://x%", "",
        )
    },
    **{
        f"the host {host}": DOCUMENT.replace("mealie.coultonf.com", f"'{host}'")
        for host in ("a.org:80", "https://a.org", "[::1]:80", "a.*.org", "*")
    },
    **{
        f"the path {path}": DOCUMENT.replace("  # all", f"    path: '{path}'\n  # all")
        for path in ("*.php", "a**", "(", "[a", "a)", "x|*", "?")
    },
    **{
        f"{of} with {value}": f"{DOCUMENT}{of}: {value}\n"
        for of, value in (
            ("originRequest", "{connectTimeout: 30}"), ("originRequest", "{noTLSVerify: 'true'}"),
            ("originRequest", "{noTLSVerify: [true]}"), ("originRequest", "{proxyPort: '1'}"),
            ("originRequest", "{proxyPort: -1}"), ("originRequest", "{httpHostHeader: [a]}"),
            ("originRequest", "{access: {required: 'true'}}"), ("originRequest", "{ipRules: x}"),
            ("originRequest", "x"), ("warp-routing", "x"), ("url", "http://x"), ("no-autoupdate", "yes"),
            ("edge-ip-version", "4"),
        )
    },
    "a rule's value": DOCUMENT.replace("  # all", "    originRequest: {connectTimeout: 1h 3m}\n  # all"),
}  # fmt: skip


@pytest.mark.parametrize("text", [*REFUSED.values()], ids=[*REFUSED])
def test_a_file_that_cloudflared_refuses_is_neither_written_nor_restarted(stack: Stack, text: str) -> None:
    stack.world.edit(text)
    assert findings(stack.world) == ["file-invalid"]
    with pytest.raises(PreviewError):
        stack.settle(OURS)
    assert (stack.world.text, stack.world.steps) == (text, [])


@pytest.mark.parametrize("more", ["ingress: []", "warp-routing: x"])
def test_a_file_that_was_broken_since_stays_as_it_is(world: Homelab, stack: Stack, more: str) -> None:
    stack.settle(OURS)
    broken = f"{world.text}{more}\n"
    world.edit(broken)
    assert findings(world) == ["file-invalid"]
    stack.destroy()
    assert (world.text, world.restarts) == (broken, 2)


@pytest.mark.parametrize(
    "more",
    [
        "originRequest: {connectTimeout: 30s, noTLSVerify: Yes, proxyPort: 1, httpHostHeader: 5, http2Origin: ~}",
        "originRequest: {ipRules: [{prefix: 10.0.0.0/8, ports: [80], allow: true}], access: {required: true}}",
        "warp-routing: {enabled: true}\nmetrics: 0.0.0.0:2000\nno-autoupdate: true\nprotocol: http2\nretries: 5",
        "originRequest: {keepAliveConnections: 100, tcpKeepAlive: '0', unknown: x}\nedge-ip-version: '4'",
    ],
)
def test_a_file_that_cloudflared_takes_is_written(world: Homelab, more: str) -> None:
    world.edit(f"{DOCUMENT}{more}\n")
    assert findings(world) == ["connector-restarts"]


@pytest.mark.parametrize("path", ["\\pL+\\z", "(?=x)", "(?#c)", "((x{100}){100})", "^*", "[\\d-z]"])
def test_a_path_that_only_go_can_judge_is_unknown_and_not_wrong(world: Homelab, stack: Stack, path: str) -> None:
    world.edit(DOCUMENT.replace("  # all", f"    path: '{path}'\n  # all"))
    assert findings(world) == ["connector-restarts", "paths-unjudged"]
    assert stack.settle(OURS) == "create"


def test_an_item_whose_anchor_another_uses_stays(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    used = world.text.replace(f"service: {SERVICE}", f"service: &s {SERVICE}").replace(
        "  # all", "  - {hostname: a.org, service: *s}\n  # all"
    )
    world.edit(used)
    assert stack.settle(OURS) == "same"
    stack.destroy()
    assert world.text == used


# restarts


def test_preview_names_the_hosts_that_are_interrupted(world: Homelab) -> None:
    trial = compare(world, file_rule(OURS))
    (restart,) = (one for one in trial.news if one.code == "connector-restarts")
    assert restart.values["hosts"] == "mealie.coultonf.com"
    assert trial.changes


@pytest.mark.parametrize(
    ("workload", "holder", "watched"),
    [
        ({"reloader.stakater.com/auto": "true"}, {}, True),
        ({"configmap.reloader.stakater.com/auto": "true"}, {}, True),
        ({"configmap.reloader.stakater.com/reload": "a, cloudflared-config"}, {}, True),
        ({"configmap.reloader.stakater.com/reload": "cloudflared-config-2"}, {}, False),
        ({"reloader.stakater.com/search": "true"}, {"reloader.stakater.com/match": "true"}, True),
        ({"reloader.stakater.com/search": "true"}, {}, False),
        ({"reloader.stakater.com/auto": "false"}, {}, False),
    ],
)
def test_what_reloader_watches_gets_no_annotation(
    world: Homelab, stack: Stack, workload: Manifest, holder: Manifest, *, watched: bool
) -> None:
    world.objects[CONNECTOR]["metadata"]["annotations"] = workload
    world.objects[HOLDER]["metadata"]["annotations"] = holder
    world.reloader = watched
    stack.settle(OURS)
    assert ("annotations" in world.template["metadata"]) is not watched
    assert stack.settle(OURS) == "same"


def test_a_paused_rollout_is_refused_where_it_is_to_restart(world: Homelab, stack: Stack) -> None:
    stack.settle(OURS)
    world.objects[CONNECTOR]["spec"]["paused"] = True
    assert findings(world) == []
    assert "connector-paused" in findings(world, ELSEWHERE)
    with pytest.raises(PreviewError):
        stack.settle(ELSEWHERE)
