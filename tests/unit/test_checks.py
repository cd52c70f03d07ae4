"""The table of checks: each fault that it can find is found, by facts that are made here."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import date, timedelta
from threading import Event
from typing import Any

import pytest
import yaml

from clients.cloudflare import AccessApplication, Connector
from clients.kubernetes import ClusterRefusedError, Manifest
from clients.likeness import unlike
from clients.pod_end import End
from clients.result import Code
from clients.result import Result as ScriptResult
from clients.rule_set import TunnelRulesDiff
from clients.wording import TUNNEL_INVALID
from components.immich_mount import GUARD
from components.local_route import LocalRoute, Standing
from observe.routes import RoutesSeen
from observe.space import Space
from ops.checks import CHECKS
from ops.checks.check import DoesNotApply, NotChecked, Passed, Result
from ops.facts import Facts
from ops.facts.cloudflare import CloudflareFacts
from ops.facts.immich import LibrariesFacts
from ops.facts.internet import Page, Uploads
from ops.facts.part import Absent, Unread, begin, there
from ops.facts.photo_sync import AccountFacts, SyncRun
from ops.missing_photos import Missing
from tests.accounts import APPLE_ID, PASSWORD, household
from tests.objects import ARGOCD, deployment, in_pod, managed, service
from tests.unit.well import API_KEY, LABELS, NOW, SYNCED, of_cluster, well, with_cluster
from text.finding import Finding

Break = Callable[[Facts], Facts]

BY_NAME = {check.name: check for check in CHECKS}
OWN: Manifest = {"kind": "ownTunnel", "tunnel": "immich"}
LOCAL: Manifest = {"cloudflare": {"kind": "localTunnel"}}
GUARDED: Manifest = {"kind": "sharedTunnel", "tunnel": "homelab", "access": {"emails": ["anna@example.com"]}}
TOLD: Manifest = {"notifications": {"urls": ["json://127.0.0.1:1/x"]}}
PAGE_HOST = "sign-in.example.com"
PAGED: Manifest = {
    "cloudflare": {"kind": "ownTunnel", "access": {"emails": ["anna@example.com"]}},
    "photoSync": {"accounts": [{"name": "anna"}], "signIn": {"host": PAGE_HOST}},
    **TOLD,
}
GATEWAY: Manifest = {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}
NFS: Manifest = {"kind": "nfs", "server": "nas.lan", "path": "/photos", "owner": {"uid": 1000, "gid": 1001}}
SIGN_IN = Page(302, "https://team.cloudflareaccess.com/login")
COVERING = ({"hostname": "*.example.com", "service": "http://else"},)


def result(name: str, facts: Facts) -> Result:
    return BY_NAME[name].result(facts)


def pod(**status: Any) -> Break:
    def change(facts: Facts) -> Facts:
        (found,) = of_cluster(facts).pods
        return with_cluster(facts, pods=({**found, "status": {**found["status"], **status}},))

    return change


def edited(edit: Callable[[Manifest], None]) -> Break:
    """The running pod's spec, edited."""

    def change(facts: Facts) -> Facts:
        pods = deepcopy(of_cluster(facts).pods)
        edit(pods[0]["spec"])
        return with_cluster(facts, pods=pods)

    return change


def seen(**changed: Any) -> Break:
    return lambda facts: with_cluster(facts, seen=replace(of_cluster(facts).seen, **changed))


def refused(words: str) -> Break:
    """Immich without a pod, as the API server takes none."""

    def change(facts: Facts) -> Facts:
        found = deployment()
        found["status"]["conditions"] = [{"type": "ReplicaFailure", "status": "True", "message": words}]
        return seen(workloads=(found,))(with_cluster(facts, pods=()))

    return change


def no_endpoint(selector: Manifest | None = None, **port: Any) -> Break:
    """Immich's Service, changed, and nothing ready behind it."""

    def change(facts: Facts) -> Facts:
        (found,) = deepcopy(of_cluster(facts).seen.services)
        found["spec"]["selector"] = selector or LABELS
        found["spec"]["ports"][0] |= port
        return seen(services=(found,))(with_cluster(facts, endpoints=()))

    return change


def without(kind: str) -> Break:
    def change(facts: Facts) -> Facts:
        there = of_cluster(facts).seen.live
        return seen(live={ref: one for ref, one in there.items() if ref.kind != kind})(facts)

    return change


def live(kind: str, edit: Callable[[Manifest], None]) -> Break:
    """The one object of a kind, edited."""

    def change(facts: Facts) -> Facts:
        objects = deepcopy(dict(of_cluster(facts).seen.live))
        edit(next(one for ref, one in objects.items() if ref.kind == kind))
        return seen(live=objects)(facts)

    return change


def job_failed(words: str, code: str = "") -> Break:
    def change(facts: Facts) -> Facts:
        broken = live("Job", lambda job: job["status"].update(conditions=[{"type": "Failed", "status": "True"}]))(facts)
        reported = ScriptResult(code=code, message=words) if code else None
        return with_cluster(broken, directory=End(words, reported))

    return change


def account(changed: Callable[[AccountFacts], dict[str, Any]]) -> Break:
    return lambda facts: replace(facts, accounts=tuple(replace(one, **changed(one)) for one in there(facts.accounts)))


def synced(
    code: str,
    state: Any = "failed",
    ended: timedelta = timedelta(hours=1),
    outside: str = "",
    unsent: str = "",
    **more: Any,
) -> Break:
    """Nothing but a run that has reported this, or that something ended from `outside`."""

    reported = SYNCED.model_copy(update={"code": code, "message": f"it is {code}", **more})
    end = End(outside, cut_short=True) if outside else End(reported.message, reported, unsent=unsent)
    run = SyncRun("icloud-sync-anna-2", state, NOW - ended, None if state == "running" else NOW - ended, end)
    return account(lambda _: {"runs": (run,)})


def kept_from_starting(words: str) -> Break:
    """A run that is at work, as far as its Job knows, and has no container."""

    run = SyncRun("icloud-sync-anna-2", "running", NOW, blocked=words)
    return account(lambda found: {"runs": (run, *found.runs)})


def without_a_job(words: str) -> Break:
    return account(lambda _: {"refused": words})


def cron_job(found: Manifest | None) -> Break:
    return account(lambda _: {"cron_job": found})


def cloudflare(**changed: Any) -> Break:
    return lambda facts: replace(facts, cloudflare=replace(there(facts.cloudflare), **changed))


def by_file(**changed: Any) -> Break:
    """What the file of a locally managed tunnel says."""

    def change(facts: Facts) -> Facts:
        assert isinstance(facts.cloudflare, CloudflareFacts)
        assert facts.cloudflare.public_access
        route = LocalRoute("key config.yaml of ConfigMap a/b", "", "- hostname: immich.example.com\n", **changed)
        return cloudflare(public_access=replace(facts.cloudflare.public_access, local=route))(facts)

    return change


def library(**changed: Any) -> Break:
    def change(facts: Facts) -> Facts:
        (one,) = there(facts.libraries).libraries
        assert one.live
        live = None if changed.get("gone") else replace(one.live, **changed)
        return replace(facts, libraries=LibrariesFacts((replace(one, live=live),)))

    return change


def unseen(paths: dict[str, str] | None) -> Break:
    def change(facts: Facts) -> Facts:
        (one,) = there(facts.libraries).libraries
        return replace(facts, libraries=LibrariesFacts((replace(one, unseen=paths),)))

    return change


def part(**changed: Any) -> Break:
    return lambda facts: replace(facts, **changed)


def http_route(conditions: list[Manifest]) -> Break:
    return live("HTTPRoute", lambda route: route.update(status={"parents": [{"conditions": conditions}]}))


def rival(facts: Facts) -> Facts:
    (ours,) = of_cluster(facts).seen.ingresses or ()
    other = {**ours, "metadata": {"name": "rival", "namespace": "else"}}
    return seen(ingresses=(ours, other))(facts)


def routed(facts: Facts) -> Facts:
    spec = {"routes": [{"match": f"Host(`{facts.settings.host}`)"}]}
    other = {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "spec": spec}
    return seen(routes=RoutesSeen(others=({**other, "metadata": {"name": "rival", "namespace": "else"}},)))(facts)


def held_by(manager: str) -> Break:
    def change(facts: Facts) -> Facts:
        found = deepcopy(of_cluster(facts).seen.namespace)
        assert found
        labels: Manifest = {"f:metadata": {"f:labels": {"f:pod-security.kubernetes.io/enforce": {}}}}
        found["metadata"]["managedFields"].append(managed(manager, labels))
        return seen(namespace=found)(facts)

    return change


def mounted_by(manager: str) -> Break:
    """The Deployment, whose mount of the photos a manager applies."""

    def change(facts: Facts) -> Facts:
        (found,) = deepcopy(of_cluster(facts).seen.workloads)
        volume: Manifest = {"f:volumes": {'k:{"name":"icloud-import"}': {".": {}, "f:name": {}}}}
        found["metadata"]["managedFields"].append(managed(manager, in_pod(volume), "Apply"))
        return seen(workloads=(found,))(facts)

    return change


def bare(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {}}}


def crashing() -> Manifest:
    ended = {"terminated": {"exitCode": 1, "message": "the photo disk is not there"}}
    return {"name": GUARD, "ready": False, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended}


DENIED = "forbidden: ValidatingAdmissionPolicy 'immich-icloud-immich' denied request"
NOT_READY = {"conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]}
SILENT = "Immich does not answer"

# Check, settings beside those of the stack that is well, what is broken, what is found. Its words are in golden/.
CASES: list[tuple[str, Manifest, Break, str]] = [
    ("immich-pods", {}, seen(workloads=()), "immich-missing"),
    ("immich-pods", {}, pod(initContainerStatuses=[crashing()]), "disk-not-mounted"),
    ("immich-pods", {}, pod(**NOT_READY), "pod-not-ready"),
    ("immich-pods", {}, refused('violates PodSecurity "baseline:latest"'), "pod-not-admitted"),
    ("immich-pods", {}, refused("exceeded quota"), "pod-refused"),
    ("immich-pods", {}, refused(DENIED), "photos-not-mounted"),
    ("immich-pods", {"immich": {"mount": "chart"}}, refused(DENIED), "chart-lacks-mount"),
    ("immich-pods", {}, lambda f: seen(workloads=(deployment(),))(with_cluster(f, pods=())), "scaled-down"),
    ("pod-security", {}, seen(namespace=bare("immich")), "labels-too-strict"),
    ("photo-directory", {}, seen(nodes=("other",)), "node-missing"),
    ("photo-directory", {}, without("Job"), "directory-job-missing"),
    ("photo-directory", {}, job_failed("it is unmarked", Code.UNMARKED), "directory-unmarked"),
    ("photo-directory", {}, job_failed("of another", Code.OTHER_DISK), "directory-unmarked"),
    ("photo-directory", {}, job_failed("belongs to 0:0", Code.NOT_OWNED), "directory-not-owned"),
    ("photo-directory", {}, job_failed("chown: no"), "directory-job-failed"),
    ("photo-owner", {}, synced(Code.NOT_WRITABLE), "folder-not-writable"),
    ("photo-owner", {},
     live("Job", lambda job: job["spec"]["template"]["spec"]["containers"][0].update(
     env=[{"name": "OWNER", "value": "0:0"}])), "owner-changed"),
    ("photo-mark", {}, synced(Code.NO_MARK), "mark-missing"),
    ("photo-space", {}, synced(Code.NO_SPACE, free=10239), "disk-full"),
    ("photo-space", {"photoSync": {"accounts": [{"name": "anna"}], "minFreeSpace": "50Gi"}},
     synced(Code.SYNCED, state="complete"), "disk-full"),
    ("photo-node", {}, seen(space=Space(on_node=True, pressure=True)), "node-under-pressure"),
    ("volume", {}, without("PersistentVolume"), "volume-missing"),
    ("volume", {}, without("PersistentVolumeClaim"), "volume-released"),
    ("volume", {}, live("PersistentVolume", lambda one: one["status"].update(phase="Available")), "claim-unbound"),
    # To untie it would take it from a claim that may be in use.
    ("volume", {},
     live("PersistentVolume",
     lambda one: one["spec"].update(claimRef={"namespace": "photos", "name": "icloudpd", "uid": "x"})),
     "claim-unbound"),
    ("mount", {}, edited(lambda spec: spec["volumes"].pop()), "photos-not-mounted"),
    ("mount", {}, edited(lambda spec: spec["volumes"][-1]["hostPath"].pop("type")), "photos-not-mounted"),
    ("mount", {}, edited(lambda spec: spec["volumes"][-1]["hostPath"].update(path="/else")), "photos-not-mounted"),
    ("mount", {}, edited(lambda spec: spec["containers"][0]["volumeMounts"][-1].pop("readOnly")), "photos-not-mounted"),
    ("mount", {}, edited(lambda spec: spec["containers"][0]["volumeMounts"].pop()), "photos-not-mounted"),
    ("mount", {}, edited(lambda spec: spec.update(initContainers=[])), "photos-not-mounted"),
    ("mount", {},
     edited(lambda spec: spec["initContainers"][0]["volumeMounts"][0].update(name="library")), "photos-not-mounted"),
    ("mount", {},
     edited(lambda spec: spec["containers"][0]["volumeMounts"][-1].update(subPath="x")), "photos-not-mounted"),
    ("mount", {"storage": NFS},
     edited(lambda spec: spec["volumes"][-1]["persistentVolumeClaim"].update(claimName="other")), "photos-not-mounted"),
    ("mount", {"immich": {"mount": "chart"}}, edited(lambda spec: spec.update(initContainers=[])), "chart-lacks-mount"),
    ("service", {}, seen(services=()), "service-missing"),
    ("service", {}, seen(services=(service(80),)), "port-missing"),
    ("service", {}, no_endpoint(selector={"app": "x"}), "selector-changed"),
    ("service", {}, no_endpoint(targetPort="web"), "target-port-changed"),
    ("service", {}, no_endpoint(), "no-endpoints"),
    ("ping", {}, lambda f: part(ping=SILENT)(no_endpoint(targetPort=9999)(f)), "target-port-changed"),
    ("ping", {}, lambda f: part(ping=SILENT)(no_endpoint({"app": "x"})(f)), "selector-changed"),
    ("ping", {}, part(ping=SILENT), "immich-silent"),
    ("route", {}, without("Ingress"), "route-missing"),
    ("route", {}, live("Ingress", lambda one: one["spec"]["rules"].clear()), "route-changed"),
    ("route", {}, live("Ingress", lambda one: one["spec"].update(ingressClassName="x")), "route-changed"),
    ("route", {}, lambda f: with_cluster(f, ingress_classes=()), "class-missing"),
    ("route", {}, lambda f: with_cluster(f, ingress_classes=("x",)), "class-renamed"),
    ("route", {}, rival, "host-served-twice"),
    ("route", {"route": GATEWAY},
     http_route([{"type": "Accepted", "status": "False", "message": "NotAllowed"}]), "route-not-accepted"),
    ("route", {"route": GATEWAY}, http_route([]), "route-not-accepted"),
    ("route", {"route": GATEWAY}, live("HTTPRoute", lambda one: one["spec"].update(hostnames=["x"])), "route-changed"),
    ("route", {"route": GATEWAY}, live("HTTPRoute", lambda one: one["spec"]["rules"].clear()), "route-changed"),
    ("route", {"route": GATEWAY}, routed, "host-served-twice"),
    ("dns-record", {}, cloudflare(zone=None), "zone-missing"),
    ("dns-record", {}, cloudflare(records=()), "record-missing"),
    ("dns-record", {}, lambda f: cloudflare(records=(replace(records(f)[0], content="x"),))(f), "record-changed"),
    ("dns-record", {}, lambda f: cloudflare(records=(replace(records(f)[0], proxied=False),))(f), "record-changed"),
    ("dns", {}, lambda f: cloudflare(records=())(part(name=())(f)), "name-missing"),
    ("dns", {}, part(name=()), "name-not-yet-known"),
    ("dns", {}, part(name=("198.51.100.7", "104.21.0.1")), "address-changed"),
    ("tunnel", {}, cloudflare(tunnel=None), "tunnel-missing"),
    ("tunnel", {}, cloudflare(connectors=(Connector("1", 0),)), "no-connectors"),
    ("tunnel", {"cloudflare": OWN}, cloudflare(connectors=()), "own-connectors-down"),
    ("tunnel-rule", {}, lambda f: cloudflare(trial=replace(trial(f), covering=COVERING))(f), "rule-shadowed"),
    ("tunnel-rule", {},
     cloudflare(trial=TunnelRulesDiff((TUNNEL_INVALID.found(fault="has no catch-all"),))), "rule-impossible"),
    ("tunnel-rule", {}, cloudflare(trial=TunnelRulesDiff()), "rule-missing"),
    ("tunnel-rule", LOCAL, by_file(fault="is empty"), "tunnel-file-invalid"),
    ("tunnel-rule", LOCAL, by_file(document=Standing.SHADOWED, taking=COVERING), "file-rule-shadowed"),
    ("tunnel-rule", LOCAL, by_file(document=Standing.MISSING), "file-rule-missing"),
    ("tunnel-rule", LOCAL, by_file(document=Standing.STATED, running=Standing.MISSING), "file-rule-not-running"),
    ("https", {}, part(page=Page(fault="timed out")), "host-silent"),
    ("https", {}, part(page=Page(fault="expired", untrusted=True)), "certificate-invalid"),
    ("https", {}, part(page=Page(530)), "origin-unreachable"),
    ("https", {}, part(page=Page(200, body="nginx")), "not-immich"),
    ("http-redirect", {}, part(plain=Page(200)), "served-in-plain"),
    ("web-socket", {}, part(web_socket=Page(400)), "no-web-socket"),
    ("upload", {}, part(uploads=Uploads(100, Page(413), Page(413))), "upload-too-large"),
    ("upload", {}, part(uploads=Uploads(100, Page(504), Page(413))), "upload-broken-off"),
    ("access", {"cloudflare": GUARDED}, lambda f: f, "access-missing"),
    ("access", {"cloudflare": GUARDED}, cloudflare(applications=()), "access-missing"),
    ("access", {}, part(page=SIGN_IN), "access-unexpected"),
    ("access", PAGED, part(page=SIGN_IN, pages={PAGE_HOST: Page(502)}), "page-open"),
    ("access", PAGED, lambda f: cloudflare(applications=applications(f)[:1])(f), "page-open"),
    ("icloud-session", {}, synced(Code.SIGNED_OUT), "signed-out"),
    ("icloud-session", {}, synced(Code.SYNCED, session_end=date(2026, 11, 26)), "signed-out"),
    ("icloud-session", {}, synced(Code.SYNCED, session_end=None, signed_in=date(2026, 11, 1)), "session-ends"),
    ("last-sync", {}, kept_from_starting("Job photo-sync/icloud-sync-anna-2 gets no pod: exceeded quota: few"),
     "sync-not-started"),
    ("sync-schedule", {}, without_a_job("Error creating job: jobs.batch is forbidden: exceeded quota: few"),
     "sync-not-started"),
    ("last-sync", {}, synced(Code.CLIENT_ERRORS), "sync-failed"),
    ("last-sync", {}, synced("", outside="the pod was evicted by its node: low on disk"), "sync-failed"),
    ("last-sync", {}, synced(Code.SYNCED, state="complete", ended=timedelta(days=33)), "sync-overdue"),
    ("sync-schedule", {}, cron_job(None), "cron-job-missing"),
    ("sync-schedule", {}, cron_job({"spec": {"suspend": True}}), "cron-job-suspended"),
    ("notifications", TOLD, synced(Code.NO_SPACE, unsent="urls[0] could not be reached"), "notification-not-sent"),
    ("library", {}, library(gone=True), "library-missing"),
    ("library", {}, library(name="Renamed"), "library-missing"),
    ("library", {}, library(import_paths=("/else",)), "import-path-missing"),
    ("library", {}, unseen({"/external/icloud/icloud-import": "Path does not exist (ENOENT)"}), "folder-unseen"),
    ("library", {}, part(libraries=LibrariesFacts((), {"watch": {"enabled": True}})), "settings-changed"),
    ("library-scan", {}, library(refreshed_at=""), "never-scanned"),
    ("library-scan", {"photoSync": {}, "icloudCredentials": {}},
     library(refreshed_at=""), "never-scanned-without-sync"),
    ("library-scan", {"immich": {"library": {"scanSchedule": "0 4 * * *"}}},
     library(refreshed_at="2026-11-20T00:00:00Z"), "scan-overdue"),
    ("library-scan", {}, part(missing=(Missing("iCloud Photos", 4, 1, 1, 0, ("/external/icloud/5.jpg",)),)),
     "photos-missing"),
    ("drift", {}, without("CronJob"), "drift"),
    ("drift", {}, seen(namespace=bare("immich")), "drift"),
    ("argocd", {},
     live("Ingress", lambda one: one["metadata"]["annotations"].update(
     {"argocd.argoproj.io/tracking-id": "a"})), "tracked-by-argocd"),
    ("argocd", {},
     live("Ingress", lambda one: one["metadata"].update(
     {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}})), "managed-elsewhere"),
    ("argocd", {}, held_by(ARGOCD), "entries-stated-twice"),
    ("argocd", {}, mounted_by(ARGOCD), "mount-stated-twice"),
]  # fmt: skip


def records(facts: Facts) -> tuple[Any, ...]:
    assert isinstance(facts.cloudflare, CloudflareFacts)
    return facts.cloudflare.records


def applications(facts: Facts) -> tuple[AccessApplication, ...]:
    assert isinstance(facts.cloudflare, CloudflareFacts)
    return facts.cloudflare.applications


def trial(facts: Facts) -> TunnelRulesDiff:
    assert isinstance(facts.cloudflare, CloudflareFacts)
    assert facts.cloudflare.trial
    return facts.cloudflare.trial


@pytest.mark.parametrize(
    "more", [{}, {"cloudflare": OWN}, {"cloudflare": {"kind": "none"}}], ids=["shared", "own", "none"]
)
def test_a_stack_that_is_well(more: Manifest) -> None:
    facts = well(**more)
    assert not [
        (check.name, one)
        for check in CHECKS
        if not isinstance(one := check.result(facts), Passed | DoesNotApply)
    ]  # fmt: skip


def fault(name: str, more: Manifest, breaks: Break) -> Finding:
    found = result(name, breaks(well(**more)))
    assert isinstance(found, Finding), found
    return found


@pytest.mark.parametrize(("name", "more", "breaks", "code"), CASES)
def test_a_fault(name: str, more: Manifest, breaks: Break, code: str) -> None:
    found = fault(name, more, breaks)
    assert found.code == code
    assert "$" not in found.cause + found.remedy + found.snippet
    assert [secret for secret in (PASSWORD, APPLE_ID, API_KEY) if secret in repr(found)] == []


@pytest.mark.parametrize("page", [SIGN_IN, Page(fault="timed out")], ids=["asks to sign in", "not there yet"])
def test_a_page_behind_access_is_well(page: Page) -> None:
    assert isinstance(result("access", part(page=SIGN_IN, pages={PAGE_HOST: page})(well(**PAGED))), Passed)


def test_every_fault_of_the_table_is_found_by_some_case() -> None:
    found = {(name, code) for name, _, _, code in CASES}
    assert {(check.name, one.code) for check in CHECKS for one in check.faults} == found


def test_the_chart_may_state_a_mount_that_it_was_given() -> None:
    facts = mounted_by(ARGOCD)(well(immich={"mount": "chart"}))
    assert isinstance(result("argocd", facts), Passed)
    assert isinstance(result("mount", facts), Passed)
    drifted = seen(workloads=(deployment(),))(facts)
    assert isinstance(result("drift", drifted), Passed), "the mount is checked by its own line"


def test_a_route_for_other_paths_of_the_host_is_no_fault() -> None:
    (ours,) = of_cluster(facts := well()).seen.ingresses or ()
    (rule,) = ours["spec"]["rules"]
    kept = {"rules": [{**rule, "http": {"paths": [{"path": "/outpost.goauthentik.io"}]}}]}
    other = {**ours, "metadata": {"name": "outpost", "namespace": "else"}, "spec": kept}
    assert isinstance(result("route", seen(ingresses=(ours, other))(facts)), Passed)


def test_completed_pods_are_no_fault() -> None:
    (running,) = of_cluster(facts := well()).pods
    evicted = {**running, "status": {"phase": "Failed", **NOT_READY}}
    going = {**running, "metadata": {**running["metadata"], "deletionTimestamp": "now"}, "status": NOT_READY}
    assert isinstance(result("immich-pods", with_cluster(facts, pods=(evicted, going, running))), Passed)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(CHECKS)


@pytest.mark.parametrize(
    ("name", "breaks", "why"),
    [
        (
            "photo-mark",
            lambda f: without("ConfigMap")(with_cluster(replace(f, accounts=()), pods=())),
            "none has looked yet",
        ),
        ("photo-space", lambda f: replace(f, accounts=()), "none has reported it yet"),
        (
            "photo-node",
            seen(space=Space()),
            "DiskPressure is unknown; whether the photos are on the kubelet's own filesystem is unknown",
        ),
        ("last-sync", synced("", state="running"), "the first sync of anna is at work"),
        ("icloud-session", synced(Code.SYNCED, session_end=None), "no run of anna has reported"),
        ("web-socket", part(web_socket=SIGN_IN), "asks to sign in first"),
        ("dns", part(name=("192.168.1.5",)), "not what the internet sees"),
        ("mount", lambda f: with_cluster(f, pods=()), "no pod of Immich's server runs"),
        ("drift", part(cluster=Unread("no Kubernetes API server answers")), "no Kubernetes API server answers"),
        ("ping", part(ping=Unread("pods is forbidden")), "pods is forbidden"),
    ],
)
def test_what_could_not_be_checked_is_reported(name: str, breaks: Break, why: str) -> None:
    found = result(name, breaks(well()))
    assert isinstance(found, NotChecked), found
    assert why in found.why


def test_what_does_not_apply() -> None:
    assert result("tunnel", well(cloudflare={"kind": "none"})) == DoesNotApply("only for stacks with a tunnel")
    assert result("https", replace(well(), page=Absent("a rehearsal"))) == DoesNotApply("a rehearsal")


@pytest.mark.parametrize(("above", "words"), [(413, "more is refused"), (401, "more is taken, too")])
def test_an_upload_that_immich_itself_refuses_has_reached_it(above: int, words: str) -> None:
    found = result("upload", replace(well(), uploads=Uploads(100, Page(401), Page(above))))
    assert found == Passed(f"100 MB reach Immich, {words}")


def test_a_mark_that_was_set_since_counts() -> None:
    set_now = live("ConfigMap", lambda one: one["metadata"].update(creationTimestamp=NOW.isoformat()))
    found = result("photo-mark", set_now(synced(Code.NO_MARK)(well())))
    assert isinstance(found, Passed)
    assert "it was set, as ConfigMap photo-sync/icloud-directory remembers" in found.evidence


def test_a_key_that_may_not_ask_what_immich_sees_is_no_fault_and_said() -> None:
    found = result("library", unseen(None)(well()))
    assert isinstance(found, Passed)
    assert "Whether Immich sees it, its scans tell" in found.evidence


def test_a_port_that_the_container_does_not_state_may_be_right() -> None:
    found = result("service", no_endpoint(targetPort=3001)(well()))
    assert isinstance(found, Finding)
    assert found.remedy.startswith("kubectl describe service")


def test_what_belongs_into_argocds_application() -> None:
    found = result("argocd", held_by("argocd-application-controller")(well()))
    assert isinstance(found, Finding)
    ignored = {"group": "", "kind": "Namespace", "name": "immich", "managedFieldsManagers": ["immich-icloud/test"]}
    assert yaml.safe_load(found.snippet) == {
        "spec": {
            "ignoreDifferences": [ignored],
            "syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true"]},
        }
    }


def test_drift_is_what_is_stated_and_not_what_others_add() -> None:
    wanted = {"a": {"size": "1024Gi", "empty": [], "list": [{"x": 1}]}}
    assert not list(unlike(wanted, {"a": {"size": "1Ti", "list": [{"x": 1, "y": 2}], "more": 3}}))
    assert [one.path for one in unlike({"size": "1Ti"}, {"size": "sNaN"})] == ["size"]
    assert list(unlike(wanted, {"a": {"size": "2Ti", "empty": [1], "list": [{"x": 2}]}})) == [
        ("a.size", "2Ti", "1024Gi"),
        ("a.empty", [1], []),
        ("a.list[0].x", 2, 1),
    ]


def test_a_part_that_takes_too_long_or_is_refused_is_not_read() -> None:
    def refused() -> int:
        raise ClusterRefusedError(403, "pods is forbidden")

    assert begin(refused)() == Unread("pods is forbidden")
    assert begin(lambda: 1)() == 1
    assert begin(lambda: Event().wait(60), limit=0.01)() == Unread("there was no answer within 0 s")


def test_an_accepted_shortfall_is_reported() -> None:
    found = result("last-sync", synced(Code.SYNCED, state="complete", missing=15)(well()))
    assert isinstance(found, Passed)
    assert "15 announced photos missing, as acceptMissing allows" in found.evidence


@pytest.mark.parametrize(
    ("account", "announced", "compared"),
    [({}, 4, True), ({}, None, False), ({"recent": 2}, 2, False)],
    ids=["whole", "stopped early", "recent"],
)
def test_a_sync_that_was_not_counted_is_not_said_to_be(
    account: Manifest, announced: int | None, *, compared: bool
) -> None:
    facts = replace(well(), settings=household({"name": "anna", **account}))
    found = result("last-sync", synced(Code.SYNCED, state="complete", announced=announced)(facts))
    assert isinstance(found, Passed)
    assert ("not compared" not in found.evidence) is compared


def test_a_dry_run_is_no_sync() -> None:
    facts = replace(well(), settings=household({"name": "anna", "dryRun": True}))
    assert isinstance(result("last-sync", synced(Code.SYNCED, state="complete")(facts)), NotChecked)


def test_a_disk_that_could_not_be_listed_is_not_checked() -> None:
    assert result("library-scan", replace(well(), missing=Unread("no pod"))) == NotChecked("no pod")
    assert isinstance(result("library-scan", replace(well(), missing=Absent("a role"))), Passed)
