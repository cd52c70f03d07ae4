"""`make verify` on the real API server: what is deployed is well, and each fault is named first and repaired."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from components.immich_mount import GUARD
from components.photo_disk import MARK
from lab import world
from lab.engine import SOURCE
from ops.checks.check import DoesNotApply, Failed, NotChecked, Passed, Result
from ops.sync_now import sync_now
from ops.verify import Verdict, is_well, verify
from ops.verify_role import ACCOUNT, manifests
from providers.cluster_api import ClusterApi, Ref
from providers.job_run import JobError
from tests.rehearsal.account import HOMELAB, WORLD, ZONE
from tests.rehearsal.conftest import CLAIM, DEPLOYMENT, IMMICH, INGRESS, JOB, PHOTO_SYNC, VOLUME, Bench, until
from tests.rehearsal.immich import Server
from tests.rehearsal.obeying import PATH, obey, patch, sign_in, stack
from tests.rehearsal.outside import Outside, serving

HOST = "immich.coultonf.com"
UP, SYNC = "make up STACK=lab", "make sync-now STACK=lab ACCOUNT=coulton"
SERVICE = Ref("v1", "Service", "immich-server", "immich")
CRON_JOB = Ref("batch/v1", "CronJob", "icloud-sync-coulton", "photo-sync")
POLICY = Ref("networking.k8s.io/v1", "NetworkPolicy", "icloud-sync", "photo-sync")
LOGIN = "make icloud-login STACK=lab ACCOUNT=coulton"

Act = Callable[[Bench], None]


@pytest.fixture(scope="module")
def bench(make_bench: Callable[[world.World], Bench]) -> Iterator[Bench]:
    """The stack with its account signed in and its photos fetched."""
    made = make_bench("found")
    made.up()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUDFLARE_BASE_URL", made.cloudflare)
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.chdir(made.project)
        sign_in(made)
        obey(made, SYNC)
        yield made


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with serving(HOST) as served:
        yield served


def failures(verdict: Verdict) -> list[tuple[str, Result]]:
    """All that is not well, in its order."""
    return [(check.name, one) for check, one in verdict.items() if isinstance(one, Failed | NotChecked)]


def first(verdict: Verdict) -> tuple[str, Failed]:
    """The fault that is named first."""
    return next((check.name, one) for check, one in verdict.items() if isinstance(one, Failed))


def test_the_stack_is_well_and_nothing_is_changed(bench: Bench) -> None:
    server, before = Server(bench.immich), bench.everything()
    writes = bench.account.writes(), server.writes()
    verdict = verify(stack(bench), None)
    assert is_well(verdict), failures(verdict)
    not_here = {"dns", "https", "http-redirect", "web-socket", "access", "upload"}
    assert {check.name for check, result in verdict.items() if isinstance(result, DoesNotApply)} == not_here
    assert (bench.account.writes(), server.writes()) == writes
    assert bench.everything() == before


def test_the_stack_is_well_from_outside(bench: Bench, outside: Outside) -> None:
    verdict = verify(stack(bench), outside.internet)
    assert is_well(verdict), failures(verdict)
    assert [check.name for check, result in verdict.items() if isinstance(result, DoesNotApply)] == ["upload"]


def replaced(ref: Ref, path: str, value: Any) -> Act:
    return lambda bench: patch(bench, ref, {"op": "replace", "path": path, "value": value})


def removed(ref: Ref) -> Act:
    return lambda bench: bench.delete(ref)


def at(path: str, items: list[dict[str, Any]], **key: str) -> str:
    """Path of an item of a list in Immich's pod."""
    (place,) = [number for number, item in enumerate(items) if key.items() <= item.items()]
    return f"/spec/template/spec/{path}/{place}"


def directory_of_any_type(bench: Bench) -> None:
    volume = at("volumes", bench.pod()["volumes"], name="icloud-import")
    replaced(DEPLOYMENT, f"{volume}/hostPath/type", "")(bench)


def mount_to_write(bench: Bench) -> None:
    mounts = bench.pod()["containers"][0]["volumeMounts"]
    mount = at("containers/0/volumeMounts", mounts, mountPath="/external/icloud")
    replaced(DEPLOYMENT, f"{mount}/readOnly", value=False)(bench)


def mark_gone(bench: Bench) -> None:
    (bench.home / "disk" / PATH.lstrip("/") / MARK).unlink()
    with pytest.raises(JobError, match="the photo disk is not there"):
        sync_now(stack(bench), None, say=lambda _: None)


def claim_gone(bench: Bench) -> None:
    pods = Ref("v1", "Pod", "", "photo-sync")
    for job in bench.cluster.list(replace(JOB, name="")):
        if job["metadata"]["name"] != JOB.name:
            bench.cluster.delete_with_dependents(replace(JOB, name=job["metadata"]["name"]))

    def has_no_pod() -> bool:
        # Pods that have ended keep a claim, too.
        return not any(pod["metadata"]["name"].startswith(("icloud-", "check-")) for pod in bench.cluster.list(pods))

    until(has_no_pod, "no pod has the claim")
    bench.delete(CLAIM)


def session_gone(bench: Bench) -> None:
    for file in (bench.home / "disk").rglob("*.session"):
        file.unlink()
    with pytest.raises(JobError, match="has no valid session"):
        sync_now(stack(bench), None, say=lambda _: None)


def rival(bench: Bench) -> None:
    made = bench.get(INGRESS)
    metadata = {"name": "rival", "namespace": "immich"}
    bench.cluster.create({**made, "metadata": metadata, "status": {}}, "immich-icloud")


def ingress(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Act:
    """Somebody writes the tunnel's rules."""

    def write(bench: Bench) -> None:
        found = bench.account.configuration()
        bench.account.somebody_writes({**found, "ingress": change(found["ingress"])})

    return write


def is_ours(rule: dict[str, Any]) -> bool:
    return bool(rule.get("hostname") == HOST)


def record_elsewhere(bench: Bench) -> None:
    bench.account.sdk.dns.records.edit(
        bench.account.record_id(HOST), zone_id=ZONE, type="CNAME", name=HOST, ttl=1, content="elsewhere.example.com"
    )


def record_gone(bench: Bench) -> None:
    bench.account.sdk.dns.records.delete(bench.account.record_id(HOST), zone_id=ZONE)


def connectors(who: list[dict[str, Any]]) -> Act:
    return lambda bench: bench.account.connectors(HOMELAB, who)


def path_gone(bench: Bench) -> None:
    server = Server(bench.immich)
    server.edit_library(server.library()["id"], importPaths=[])


def library_renamed(bench: Bench) -> None:
    server = Server(bench.immich)
    server.edit_library(server.library()["id"], name="Family")


def no_watching(bench: Bench) -> None:
    server = Server(bench.immich)
    found = server.configuration()
    watch = {"watch": {**found["library"]["watch"], "enabled": False}}
    server.configure({**found, "library": {**found["library"], **watch}})


ANNOTATION = "lab.immich-icloud~1failing-init-container"


def guard_fails(bench: Bench) -> None:
    annotations = {"metadata": {"annotations": {ANNOTATION.replace("~1", "/"): GUARD}}}
    bench.cluster.patch(DEPLOYMENT, {"spec": {"template": annotations}}, "kubectl-patch")


def another_manager(bench: Bench, spec: dict[str, Any] | None = None) -> None:
    """Have another manager state so much of Immich's Deployment."""
    identity = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "immich-server", "namespace": "immich"},
    }
    stated = {**identity, **({"spec": {"template": {"spec": spec}}} if spec else {})}
    bench.cluster.apply(stated, "argocd-application-controller", force=True)


SHOWN = "kubectl get deployment -n immich immich-server -o yaml --show-managed-fields"
OUR_VOLUME = {"name": "icloud-import", "hostPath": {"path": PATH, "type": "Directory"}}


@dataclass(frozen=True)
class Case:
    """A fault: which check names it first, by which words, and what it prints or who else repairs it."""

    name: str
    check: str
    breaks: Act
    words: str
    command: str
    repair: Act | None = None


SELECTOR = {"app.kubernetes.io/instance": "immich", "app.kubernetes.io/name": "server"}
LABEL = "/metadata/labels/pod-security.kubernetes.io~1enforce"
CASES = (
    Case("no pods", "immich-pods", lambda b: b.scale_immich(0), "has no pod that is ready",
         "kubectl scale deployment -n immich immich-server --replicas=1"),
    Case("Immich's guard fails", "immich-pods", guard_fails, "does not start", "make mark-disk STACK=lab",
         lambda b: patch(b, DEPLOYMENT, {"op": "remove", "path": f"/spec/template/metadata/annotations/{ANNOTATION}"})),
    Case("a label is gone", "pod-security", lambda b: patch(b, IMMICH, {"op": "remove", "path": LABEL}),
         "namespace immich has pod-security.kubernetes.io/enforce: unset, and privileged is needed", UP),
    Case("a label is stricter", "pod-security", replaced(PHOTO_SYNC, LABEL, "baseline"),
         "namespace photo-sync has pod-security.kubernetes.io/enforce: baseline", UP),
    Case("the Job is gone", "photo-directory", removed(JOB), "there is no Job photo-sync/create-icloud-directory", UP),
    Case("the mark is gone", "photo-mark", mark_gone, f"its mark {MARK} is missing", "make mark-disk STACK=lab"),
    Case("a directory of any type", "mount", directory_of_any_type, 'the volume icloud-import is of type ""', UP),
    Case("a mount to write", "mount", mount_to_write, "the mount /external/icloud is not read-only", UP),
    Case("another port", "service", replaced(SERVICE, "/spec/ports/0/port", 3002), "has no port 3001",
         "kubectl patch service -n immich immich-server --type=json "
         """-p '[{"op": "replace", "path": "/spec/ports/0/port", "value": 3001}]'"""),
    Case("no endpoints", "service", replaced(SERVICE, "/spec/selector", {"app.kubernetes.io/name": "nobody"}),
         "has no endpoint that is ready", "kubectl describe service -n immich immich-server",
         replaced(SERVICE, "/spec/selector", SELECTOR)),
    Case("another target port", "ping", replaced(SERVICE, "/spec/ports/0/targetPort", 9999), "Immich does not answer",
         "kubectl logs -n immich deployment/immich-server --tail=50",
         replaced(SERVICE, "/spec/ports/0/targetPort", 2283)),
    Case("the route is gone", "route", removed(INGRESS), f"there is no {INGRESS}", UP),
    Case("another backend", "route",
         replaced(INGRESS, "/spec/rules/0/http/paths/0/backend/service/port/number", 2283),
         f"{HOST} → immich-server:2283, not {HOST} → immich-server:3001", UP),
    Case("another class", "route", replaced(INGRESS, "/spec/ingressClassName", "traefik"), "is of class traefik", UP),
    Case("a rival", "route", rival, f"Ingress immich/rival serves {HOST}, too", "kubectl edit ingress -n immich rival",
         removed(replace(INGRESS, name="rival"))),
    Case("no record", "dns-record", record_gone, f"coultonf.com has no record {HOST}", UP),
    Case("a record elsewhere", "dns-record", record_elsewhere, "elsewhere.example.com", UP),
    Case("no connectors", "tunnel", connectors([]), "no connector of the tunnel homelab is connected",
         "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared",
         connectors(WORLD.connectors[HOMELAB])),
    Case("no rule", "tunnel-rule", ingress(lambda rules: [rule for rule in rules if not is_ours(rule)]),
         "It has of ours: none", UP),
    Case("another service", "tunnel-rule",
         ingress(lambda rules: [{**rule, "service": "http://else:80"} if is_ours(rule) else rule for rule in rules]),
         f"It has of ours: {HOST} → http://else:80", UP),
    Case("a rule is shadowed", "tunnel-rule",
         ingress(lambda rules: [{"hostname": "*.coultonf.com", "service": "http://else:80"}, *rules]),
         "before it stands *.coultonf.com → http://else:80", UP),
    Case("no session", "icloud-session", session_gone, "said so", f"{LOGIN} && {SYNC}"),
    Case("suspended", "sync-schedule", replaced(CRON_JOB, "/spec/suspend", value=True),
         "CronJob icloud-sync-coulton is suspended",
         "kubectl patch cronjob -n photo-sync icloud-sync-coulton --type=merge "
         """-p '{"spec": {"suspend": false}}'"""),
    Case("an import path is gone", "library", path_gone, "does not import /external/icloud/icloud-import", UP),
    Case("Immich does not watch", "library", no_watching, '"watch": {"enabled": true}', UP),
    Case("the library is renamed", "library", library_renamed, "the API key's user has no library", UP),
    Case("another schedule", "drift", replaced(CRON_JOB, "/spec/schedule", "0 3 1 * *"),
         f"{CRON_JOB}: spec.schedule is 0 3 1 * *, not 0 2 1 * *", UP),
    Case("no network policy", "drift", removed(POLICY), f"{POLICY} does not exist", UP),
    Case("ArgoCD states our volume", "argocd", partial(another_manager, spec={"volumes": [OUR_VOLUME]}),
         "argocd-application-controller states", SHOWN,
         another_manager),
    Case("the claim is gone", "volume", claim_gone, f"{VOLUME} is tied to a claim that was deleted",
         "kubectl patch pv icloud-photos-shared --type=json "
         """-p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'"""),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_named_first_and_repaired(bench: Bench, case: Case) -> None:
    case.breaks(bench)
    try:
        verdict = until_seen(bench)
        name, found = first(verdict)
        assert (name, found.command) == (case.check, case.command), failures(verdict)
        assert case.words in found.evidence
    finally:
        (case.repair or (lambda there: obey(there, case.command)))(bench)
    repair_the_rest(bench, {found.command})


def until_seen(bench: Bench) -> Verdict:
    """What is said of a fault: a controller may take a moment to see it."""
    said: list[Verdict] = []

    def is_seen() -> bool:
        said.append(verify(stack(bench), None))
        return any(isinstance(one, Failed) for one in said[-1].values())

    until(is_seen, "a fault is seen")
    return said[-1]


def repair_the_rest(bench: Bench, done: set[str]) -> None:
    """Do, once each, what is printed of that which followed from the fault, until all is well."""

    def is_repaired() -> bool:
        left = failures(verify(stack(bench), None))
        printed = [one.command for _, one in left if isinstance(one, Failed)]
        # Of what is not checked, a sync tells: so it is said.
        for command in (printed or [SYNC])[: len(left[:1])]:
            if command not in done and command.startswith("make "):
                done.add(command)
                obey(bench, command)
        return not left

    until(is_repaired, "all is well again")


def test_a_disk_without_room(bench: Bench) -> None:
    asked = stack(bench)
    photo_sync = asked.settings.photo_sync.model_copy(update={"min_free_space": "900P"})
    settings = asked.settings.model_copy(update={"photo_sync": photo_sync})
    name, found = first(verify(replace(asked, settings=settings), None))
    assert (name, found.command) == ("photo-space", SYNC)


@pytest.mark.parametrize(
    ("check", "manners", "words"),
    [
        ("dns", {"addresses": ()}, f"no address of {HOST} is known here"),
        ("dns", {"addresses": ("93.184.215.14",)}, "it is 93.184.215.14, which is not Cloudflare's"),
        ("https", {"pong": False}, "the answer is 404: welcome to nginx"),
        ("http-redirect", {"redirects": False}, "http is answered with 200"),
        ("web-socket", {"upgrades": False}, "the upgrade is answered with 404"),
        ("access", {"signs_in": True}, "the answer leads to coultonf.cloudflareaccess.com"),
    ],
    ids=["not propagated", "elsewhere", "not Immich", "in plain", "no upgrade", "somebody's guard"],
)
def test_a_fault_outside(bench: Bench, outside: Outside, check: str, manners: dict[str, Any], words: str) -> None:
    well = vars(outside.manners).copy()
    vars(outside.manners).update(manners)
    try:
        found = [
            (name, one) for name, one in failures(verify(stack(bench), outside.internet)) if isinstance(one, Failed)
        ]
    finally:
        vars(outside.manners).update(well)
    (name, one) = found[0]
    assert name == check
    assert words in one.evidence
    if check == "dns" and not manners["addresses"]:
        assert one.cause.startswith("the record is right at Cloudflare and has not reached this machine's resolver")


def test_a_certificate_that_nobody_vouches_for(bench: Bench, outside: Outside) -> None:
    name, found = first(verify(stack(bench), outside.trusting_nobody()))
    assert name == "https"
    assert "certificate" in found.evidence


def test_uploads_are_tried_when_asked_for(bench: Bench, outside: Outside) -> None:
    verdict = verify(stack(bench), outside.internet, upload=True)
    assert is_well(verdict), failures(verdict)
    assert {check.name: one for check, one in verdict.items()}["upload"] == Passed(
        "100 MB reach Immich, more is refused"
    )


def test_a_program_is_told(bench: Bench) -> None:
    (bench.home / "rehearsal.json").write_text(json.dumps({"world": "found"}))
    told = subprocess.run(
        [sys.executable, "-m", "lab", "exec", "--", "python", "-m", "ops.verify", "{stack}", "--json"],
        cwd=bench.project, env=os.environ | {"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout)["passed"]


def test_its_role_is_enough_and_lets_it_change_nothing(bench: Bench, tmp_path: Path) -> None:
    asked, core = stack(bench), client.CoreV1Api(bench.api)
    for manifest in manifests(asked.settings, asked.name):
        bench.cluster.apply(manifest, "somebody")
    made = core.create_namespaced_service_account_token(ACCOUNT, "photo-sync", {"spec": {}})
    kubeconfig = yaml.safe_load(bench.plane.kubeconfig.read_text())
    for user in kubeconfig["users"]:
        user["user"] = {"token": made.status.token}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(kubeconfig))
    cluster = asked.settings.cluster.model_copy(update={"kubeconfig": str(file)})
    verdict = verify(replace(asked, settings=asked.settings.model_copy(update={"cluster": cluster})), None)
    assert is_well(verdict), failures(verdict)

    reader = ClusterApi(cluster)
    for namespace in ("immich", "photo-sync", "default", "kube-system"):
        for verb, resource in allowed(reader, namespace):
            assert verb in {"get", "list"} or (verb, resource) == ("create", "pods/portforward"), (verb, resource)
            assert resource not in {"secrets", "*"}


def allowed(reader: ClusterApi, namespace: str) -> Iterator[tuple[str, str]]:
    """What it may do there, beside what everybody may ask of itself."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "metadata": {"name": ""},
        "spec": {"namespace": namespace},
    }
    for rule in reader.create(review, "somebody").object["status"]["resourceRules"]:
        if not {"authorization.k8s.io", "authentication.k8s.io"} & set(rule["apiGroups"]):
            yield from ((verb, resource) for verb in rule["verbs"] for resource in rule["resources"])
