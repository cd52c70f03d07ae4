"""`make verify` on the real API server: what is deployed is well, and each fault is named first and repaired.

Most faults are repaired by `make up`, which takes its time. Those are there together, and each is named before all that
were there already, as it comes earlier in the data flow; then one `make up` repairs them all.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from clients.jobs import JobError
from clients.kubernetes import ClusterApi, Ref
from components.immich_mount import GUARD
from components.photo_disk import MARK
from lab.engine import SOURCE
from lab.immich.world import API_KEY
from ops.checks.check import DoesNotApply, NotChecked, Passed, Result
from ops.command import Stack
from ops.sync_now import sync_now
from ops.verify import Verdict, is_well, verify
from ops.verify_role import ACCOUNT, manifests
from settings.photo_sync import IMPORT_FOLDER
from tests.rehearsal.account import HOMELAB, WORLD, ZONE
from tests.rehearsal.conftest import (
    CLAIM,
    DEPLOYMENT,
    IMMICH,
    INGRESS,
    JOB,
    PHOTO_SYNC,
    VOLUME,
    Bench,
    MakeBench,
    until,
)
from tests.rehearsal.immich import Server
from tests.rehearsal.obeying import PATH, obey, patch, sign_in, stack
from tests.rehearsal.outside import Outside, serving
from text.finding import Finding

HOST = "immich.coultonf.com"
UP, SYNC = "make up STACK=lab", "make sync-now STACK=lab ACCOUNT=coulton"
MARK_DISK = "make mark-disk STACK=lab"
SERVICE = Ref("v1", "Service", "immich-server", "immich")
CRON_JOB = Ref("batch/v1", "CronJob", "icloud-sync-coulton", "photo-sync")
POLICY = Ref("networking.k8s.io/v1", "NetworkPolicy", "icloud-sync", "photo-sync")
LOGIN = "make icloud-login STACK=lab ACCOUNT=coulton"

Act = Callable[[Bench], None]


@pytest.fixture(scope="module")
def bench(make_bench: MakeBench) -> Iterator[Bench]:
    """The stack with its account signed in and its photos fetched, deployed by who may do nothing else."""
    made = make_bench("found", photos=True)
    # A port that the settings leave out is found, and followed where it changes.
    made.set(lambda s: s["immich"].update(service={"name": "immich-server", "port": 3001}))
    with made.by_role_of_up():
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
    return [(check.name, one) for check, one in verdict.items() if isinstance(one, Finding | NotChecked)]


def first(verdict: Verdict) -> tuple[str, Finding]:
    """The fault that is named first."""
    return next((check.name, one) for check, one in verdict.items() if isinstance(one, Finding))


def test_the_stack_is_well_and_nothing_is_changed(bench: Bench) -> None:
    server, before = Server(bench.immich), bench.everything()
    writes = bench.account.writes(), server.writes()
    verdict = verify(stack(bench), None)
    assert is_well(verdict), failures(verdict)
    not_here = {"dns", "https", "http-redirect", "web-socket", "access", "upload", "notifications"}
    assert {check.name for check, result in verdict.items() if isinstance(result, DoesNotApply)} == not_here
    assert (bench.account.writes(), server.writes()) == writes
    assert bench.everything() == before


def test_the_stack_is_well_from_outside(bench: Bench, outside: Outside) -> None:
    verdict = verify(stack(bench), outside.internet)
    assert is_well(verdict), failures(verdict)
    assert [check.name for check, result in verdict.items() if isinstance(result, DoesNotApply)] == [
        "upload",
        "notifications",
    ]


def replaced(ref: Ref, path: str, value: Any) -> Act:
    return lambda bench: patch(bench, ref, {"op": "replace", "path": path, "value": value})


def removed(ref: Ref) -> Act:
    return lambda bench: bench.delete(ref)


def on_disk(bench: Bench, name: str) -> Path:
    return bench.home / "disk" / PATH.lstrip("/") / name


def mark_gone(bench: Bench) -> None:
    on_disk(bench, MARK).unlink()
    with pytest.raises(JobError, match=re.escape(MARK)):
        sync_now(stack(bench), None, say=lambda _: None)


def no_mark_for_the_job(bench: Bench) -> None:
    on_disk(bench, MARK).unlink()
    made = bench.get(JOB)
    bench.delete(JOB)
    metadata = {key: made["metadata"][key] for key in ("name", "namespace", "annotations")}
    template = {"spec": made["spec"]["template"]["spec"]}
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": 300, "template": template}
    bench.cluster.create({**made, "metadata": metadata, "spec": spec, "status": {}}, "immich-icloud")


def not_let_in(bench: Bench) -> None:
    bench.scale_immich(0)
    patch(bench, IMMICH, {"op": "add", "path": LABEL, "value": "baseline"})
    bench.cluster.patch(DEPLOYMENT, {"spec": {"replicas": 1}}, "kubectl-scale")


def folder_gone(bench: Bench) -> None:
    """Take a folder off the disk; only a key that may do everything asks Immich whether it sees it."""
    Server(bench.immich).give_key(API_KEY, "all")
    on_disk(bench, IMPORT_FOLDER).rename(on_disk(bench, "away"))


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
    """Someone writes the tunnel's rules."""

    def write(bench: Bench) -> None:
        found = bench.account.configuration()
        bench.account.somebody_writes({**found, "ingress": change(found["ingress"])})

    return write


def is_managed(rule: dict[str, Any]) -> bool:
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


LIMITS = Ref("v1", "LimitRange", "small", "photo-sync")
REFUSED = Ref("batch/v1", "Job", "icloud-sync-coulton-refused", "photo-sync")


def no_pod_for_the_sync(bench: Bench) -> None:
    """A run as its CronJob makes it, of which a LimitRange takes no pod."""
    identity = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": "photo-sync"}}
    most = {"type": "Container", "max": {"memory": "1Mi"}}
    bench.cluster.create({**identity, "spec": {"limits": [most]}}, "somebody")
    template = bench.get(CRON_JOB)["spec"]["jobTemplate"]
    metadata = {**template["metadata"], "name": REFUSED.name, "namespace": "photo-sync"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}
    bench.cluster.create(job, "somebody")


def pods_for_the_sync(bench: Bench) -> None:
    bench.delete(LIMITS)
    bench.cluster.delete_with_dependents(REFUSED)
    until(lambda: bench.cluster.get(REFUSED) is None, "its Job is gone")


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


OUR_VOLUME = {"name": "icloud-import", "hostPath": {"path": PATH, "type": "Directory"}}


@dataclass(frozen=True)
class Case:
    """A fault: which check names it first, by which words, and what it prints.

    Attributes:
        repair: what is done in place of the command that is printed, where that only shows something, or asks.
        stays: whether it is left for the command of another one.

    """

    name: str
    check: str
    breaks: Act
    words: str
    command: str
    repair: Act | None = None
    stays: bool = False


def together(*cases: Case) -> list[Case]:
    """Faults in the order of the data flow, which the first one's command repairs: it comes last."""
    return [*(replace(case, stays=True) for case in reversed(cases[1:])), cases[0]]


def service_patched(path: str, value: Any) -> str:
    operation = f'{{"op": "add", "path": "/spec/{path}", "value": {json.dumps(value)}}}'
    return f"kubectl patch service -n immich immich-server --type=json -p '[{operation}]'"


ELSEWHERE = {"service": "http://else:80"}
SELECTOR = {"app.kubernetes.io/instance": "immich", "app.kubernetes.io/name": "server"}
LABEL = "/metadata/labels/pod-security.kubernetes.io~1enforce"
CASES = (
    Case("no pods", "immich-pods", lambda b: b.scale_immich(0), "has no pod that is ready",
         "kubectl scale deployment -n immich immich-server --replicas=1"),
    # Nothing runs in Immich's pod here: that its guard fails is made up, and marking the disk would change nothing.
    Case("Immich's guard fails", "immich-pods", guard_fails, "does not start", MARK_DISK,
         lambda b: patch(b, DEPLOYMENT, {"op": "remove", "path": f"/spec/template/metadata/annotations/{ANNOTATION}"})),
    Case("the mark is gone", "photo-mark", mark_gone, f"marker file {MARK} is missing", f"{MARK_DISK} && {SYNC}"),
    # This stack would follow, as is right where Immich's owner has moved it. Here someone moves it back.
    Case("another port", "service", replaced(SERVICE, "/spec/ports/0/port", 3002), "has no port 3001. It has: 3002",
         f"pulumi config set --stack lab --path immich-icloud:immich.service.port 3002 && {UP}",
         replaced(SERVICE, "/spec/ports/0/port", 3001)),
    Case("another selector", "service", replaced(SERVICE, "/spec/selector", {"app.kubernetes.io/name": "nobody"}),
         "it selects app.kubernetes.io/name=nobody", service_patched("selector", SELECTOR)),
    Case("another target port", "ping", replaced(SERVICE, "/spec/ports/0/targetPort", 9999),
         "the Service leads to port 9999 of the pod, and Immich listens at 2283",
         service_patched("ports/0/targetPort", 2283)),
    Case("a rival", "route", rival, f"Ingress immich/rival serves {HOST}, too", "kubectl edit ingress -n immich rival",
         removed(replace(INGRESS, name="rival"))),
    Case("no connectors", "tunnel", connectors([]), "no connector of the tunnel homelab is connected",
         "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared",
         connectors(WORLD.connectors[HOMELAB])),
    Case("no session", "icloud-session", session_gone, "said so", f"{LOGIN} && {SYNC}"),
    Case("a limit takes no pod", "last-sync", no_pod_for_the_sync, "maximum memory usage per Container is 1Mi",
         "kubectl get events -n photo-sync --field-selector type=Warning --sort-by=.lastTimestamp", pods_for_the_sync),
    Case("suspended", "sync-schedule", replaced(CRON_JOB, "/spec/suspend", value=True),
         "CronJob icloud-sync-coulton is suspended",
         "kubectl patch cronjob -n photo-sync icloud-sync-coulton --type=merge "
         """-p '{"spec": {"suspend": false}}'"""),
    Case("ArgoCD states our volume", "argocd", partial(another_manager, spec={"volumes": [OUR_VOLUME]}),
         "argocd-application-controller states", "make preview STACK=lab",
         another_manager),
    *together(
        Case("the claim is gone", "volume", claim_gone, f"{VOLUME} is tied to a claim that was deleted",
             "kubectl patch pv icloud-photos-shared --type=json "
             """-p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'"""),
        Case("the route is gone", "route", removed(INGRESS), f"there is no {INGRESS}", UP),
        Case("no record", "dns-record", record_gone, f"coultonf.com has no record {HOST}", UP),
        Case("no rule", "tunnel-rule", ingress(lambda rules: [rule for rule in rules if not is_managed(rule)]),
             "This stack's rules in it: none", UP),
        Case("an import path is gone", "library", path_gone, "does not import /external/icloud/icloud-import", UP),
        Case("another schedule", "drift", replaced(CRON_JOB, "/spec/schedule", "0 3 1 * *"),
             f"{CRON_JOB}: spec.schedule is 0 3 1 * *, not 0 2 1 * *", UP),
    ),
    *together(
        Case("pods are not let in", "immich-pods", not_let_in, 'violates PodSecurity "baseline:latest"', UP),
        Case("a label is stricter", "pod-security", replaced(PHOTO_SYNC, LABEL, "baseline"),
             "namespace photo-sync has pod-security.kubernetes.io/enforce: baseline", UP),
        Case("a label is gone", "pod-security", lambda b: patch(b, IMMICH, {"op": "remove", "path": LABEL}),
             "namespace immich has pod-security.kubernetes.io/enforce: unset, and privileged is needed", UP),
        Case("the Job is gone", "photo-directory", removed(JOB), f"there is no {JOB}", UP),
        Case("another backend", "route",
             replaced(INGRESS, "/spec/rules/0/http/paths/0/backend/service/port/number", 2283),
             f"{HOST} → immich-server:2283, not {HOST} → immich-server:3001", UP),
        Case("a record elsewhere", "dns-record", record_elsewhere, "elsewhere.example.com", UP),
        Case("another service", "tunnel-rule",
             ingress(lambda rules: [{**rule, **(ELSEWHERE if is_managed(rule) else {})} for rule in rules]),
             f"This stack's rules in it: {HOST} → http://else:80", UP),
        Case("the library is renamed", "library", library_renamed, "the API key's user has no library", UP),
        Case("Immich does not watch", "library", no_watching, '"watch": {"enabled": true}', UP),
        Case("no network policy", "drift", removed(POLICY), f"{POLICY} does not exist", UP),
    ),
    *together(
        Case("the Job finds no mark", "photo-directory", no_mark_for_the_job, "its marker file is gone",
             f"{MARK_DISK} && {UP}"),
        Case("another class", "route", replaced(INGRESS, "/spec/ingressClassName", "traefik"), "is of class traefik",
             UP),
        Case("a rule is shadowed", "tunnel-rule",
             ingress(lambda rules: [{"hostname": "*.coultonf.com", **ELSEWHERE}, *rules]),
             "before it stands *.coultonf.com → http://else:80", UP),
        # What repairs it is that the Job runs again, as this one does that found no mark.
        Case("the import folder is gone", "library", folder_gone,
             "does not see /external/icloud/icloud-import (Path does not exist (ENOENT))",
             f"kubectl delete job -n photo-sync create-icloud-directory && {UP}"),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_named_first_and_repaired(bench: Bench, case: Case) -> None:
    try:
        case.breaks(bench)
        verdict = until_seen(bench, case)
        name, found = first(verdict)
        assert (name, found.remedy) == (case.check, case.command), failures(verdict)
        assert case.words in found.text, failures(verdict)
    finally:
        if not case.stays:
            (case.repair or (lambda there: obey(there, case.command)))(bench)
            repair_the_rest(bench)


def until_seen(bench: Bench, case: Case) -> Verdict:
    """What is reported of a fault, or at last instead of it: a controller may take a moment to see it."""
    said: list[Verdict] = []

    def is_seen() -> bool:
        said.append(verify(stack(bench), None))
        named = [(check.name, one) for check, one in said[-1].items() if isinstance(one, Finding)][:1]
        return any(name == case.check and case.words in found.text for name, found in named)

    with suppress(AssertionError):
        until(is_seen, case.name)
    return said[-1]


def repair_the_rest(bench: Bench) -> None:
    """Do, once each, what is printed of all that is left, until all is well.

    The case's own command, too: an `up` while Immich is down does not see what its library lacks.
    """
    obeyed, printed = set[str](), ""

    def is_told() -> bool:
        nonlocal printed
        left = failures(verify(stack(bench), None))
        # Of what is not checked, a sync tells: so it is reported.
        commands = [one.remedy for _, one in left if isinstance(one, Finding)] or [SYNC]
        printed = next((one for one in commands[: len(left)] if one.startswith("make ") and one not in obeyed), "")
        return bool(printed) or not left

    until(is_told, "all is well again, or it is said what to do")
    while printed:
        obeyed.add(printed)
        obey(bench, printed)
        until(is_told, "all is well again, or it is said what to do")


def test_a_disk_without_room(bench: Bench) -> None:
    asked = stack(bench)
    photo_sync = asked.settings.photo_sync.model_copy(update={"min_free_space": "900P"})
    settings = asked.settings.model_copy(update={"photo_sync": photo_sync})
    name, found = first(verify(replace(asked, settings=settings), None))
    assert (name, found.remedy) == ("photo-space", SYNC)


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
            (name, one) for name, one in failures(verify(stack(bench), outside.internet)) if isinstance(one, Finding)
        ]
    finally:
        vars(outside.manners).update(well)
    (name, one) = found[0]
    assert name == check
    assert words in one.text
    if check == "dns" and not manners["addresses"]:
        assert one.code == "name-not-yet-known"


def test_an_untrusted_certificate(bench: Bench, outside: Outside) -> None:
    name, found = first(verify(stack(bench), outside.trusting_nobody()))
    assert name == "https"
    assert "certificate" in found.text


def test_uploads_are_tried_when_asked_for(bench: Bench, outside: Outside) -> None:
    verdict = verify(stack(bench), outside.internet, upload=True)
    assert is_well(verdict), failures(verdict)
    assert {check.name: one for check, one in verdict.items()}["upload"] == Passed(
        "100 MB reach Immich, more is refused"
    )


def told(bench: Bench, *arguments: str) -> tuple[int, str]:
    """The exit status of the command as `make verify` runs it, and what it printed."""
    (bench.home / "rehearsal.json").write_text(json.dumps({"world": "found"}))
    ended = subprocess.run(
        [sys.executable, "-m", "lab", "exec", "--", "python", "-m", "ops.verify", "{stack}", *arguments],
        cwd=bench.project, env=os.environ | {"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not ended.stderr
    return ended.returncode, ended.stdout


def test_a_program_is_told(bench: Bench) -> None:
    status, text = told(bench, "--json")
    verdict = json.loads(text)
    assert (status, verdict["stack"], verdict["passed"]) == (0, "lab", True)


def test_a_person_is_told(bench: Bench) -> None:
    connectors([])(bench)
    try:
        status, text = told(bench)
    finally:
        connectors(WORLD.connectors[HOMELAB])(bench)
    assert status == 1
    assert "\ntunnel: no connector of the tunnel homelab is connected\n" in text
    assert "\n  next: kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared\n" in text


def by_its_role(bench: Bench, place: Path) -> Stack:
    """The stack as whoever has only the role of `make verify` sees it."""
    asked, core = stack(bench), client.CoreV1Api(bench.api)
    for manifest in manifests(asked.settings, asked.name):
        bench.cluster.apply(manifest, "somebody")
    made = core.create_namespaced_service_account_token(ACCOUNT, "photo-sync", {"spec": {}})
    kubeconfig = yaml.safe_load(bench.plane.kubeconfig.read_text())
    for user in kubeconfig["users"]:
        user["user"] = {"token": made.status.token}
    file = place / "kubeconfig"
    file.write_text(yaml.safe_dump(kubeconfig))
    cluster = asked.settings.cluster.model_copy(update={"kubeconfig": str(file)})
    return replace(asked, settings=asked.settings.model_copy(update={"cluster": cluster}))


def test_its_role_is_enough_and_lets_it_change_nothing(bench: Bench, tmp_path: Path) -> None:
    asked = by_its_role(bench, tmp_path)
    verdict = verify(asked, None)
    assert is_well(verdict), failures(verdict)

    reader = ClusterApi(asked.settings.cluster)
    for namespace in ("immich", "photo-sync", "default", "kube-system"):
        for verb, resource in allowed(reader, namespace):
            assert verb in {"get", "list"} or (verb, resource) == ("create", "pods/portforward"), (verb, resource)
            assert resource not in {"secrets", "*"}


def test_without_its_port_forward_what_immich_says_is_not_checked(bench: Bench, tmp_path: Path) -> None:
    asked = by_its_role(bench, tmp_path)
    for role in manifests(asked.settings, asked.name):
        if role["kind"] == "Role":
            rules = [rule for rule in role["rules"] if rule["resources"] != ["pods/portforward"]]
            bench.cluster.apply({**role, "rules": rules}, "somebody")
    verdict = verify(asked, None)
    unasked = {name: one.why for name, one in failures(verdict) if isinstance(one, NotChecked)}
    assert len(unasked) == len(failures(verdict)), failures(verdict)
    assert unasked.keys() == {"ping", "library", "library-scan"}
    assert [name for name, why in unasked.items() if "pods/portforward" not in why] == []


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
