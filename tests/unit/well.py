"""The facts of a stack that is well: every object as planned, every part as it should answer."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from clients.cloudflare import AccessApplication, Connector, Record, Tunnel, Zone
from clients.immich import Library, Statistics
from clients.kubernetes import Manifest, Ref
from clients.pod_end import End
from clients.result import Code, Result
from clients.rule_set import TunnelRulesDiff
from components import external_library
from components.immich_mount import GUARD
from components.ownership import Ownership
from components.plan import Found, plan
from components.public_access import FoundAtCloudflare, application_name, page_application_name, public_access
from observe.cluster import ClusterSeen
from observe.space import Space
from ops.facts import Facts
from ops.facts.cloudflare import CloudflareFacts
from ops.facts.cluster import ClusterFacts
from ops.facts.immich import LibrariesFacts, LibraryFacts
from ops.facts.internet import Page
from ops.facts.photo_sync import AccountFacts, SyncRun
from settings import Settings
from tests.accounts import household
from tests.objects import SERVERS, STACK, deployment, namespace, service

API_KEY = "hush5-of-immich"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
MADE = "2026-11-20T09:00:00Z"
HOUR_AGO = NOW - timedelta(hours=1)
LABELS = {"app.kubernetes.io/name": "server"}
TUNNEL = Tunnel("7c0de5ad", "homelab", config_src="cloudflare", deleted=False)
ZONE = Zone("zone", "example.com", "account", "free")
SYNCED = Result(
    code=Code.SYNCED,
    message="account anna is synchronised",
    free=20000,
    total=100000,
    floor=10240,
    inodesFree=900,
    inodes=1000,
    onNode=False,
    fetched=4,
    present=0,
    errors=0,
    announced=4,
    seen=4,
    sessionEnd=date(2026, 12, 26),
)


def settings(**more: Any) -> Settings:
    """Those of a stack with an account, behind a shared tunnel, shown in Immich."""
    stated = household().model_dump(by_alias=True, exclude_unset=True)
    for account in stated["icloudCredentials"].values():
        for key, value in account.items():
            account[key] = value.get_secret_value()
    stated |= {"immichApiKey": API_KEY, "cloudflare": {"kind": "sharedTunnel", "tunnel": "homelab"}, **more}
    return Settings.model_validate(stated)


def well(**more: Any) -> Facts:
    """Facts of a stack that is well; `more` are settings."""
    stated = settings(**more)
    owner = Ownership(STACK)
    ready = {"type": "Ready", "status": "True"}
    planned = plan(stated, Found(SERVERS), owner)
    live = {
        managed.ref: _live(managed.manifest) for managed in planned.managed_objects() if managed.ref.kind != "Secret"
    }
    assert planned.volume
    assert planned.claim
    live[planned.volume.ref]["spec"]["claimRef"]["uid"] = live[planned.claim.ref]["metadata"]["uid"]
    immich = deployment()
    spec = immich["spec"]["template"]["spec"]
    ours = planned.mounts[0]["spec"]["template"]["spec"]
    spec["volumes"] += ours["volumes"]
    spec["initContainers"] = ours["initContainers"]
    spec["containers"][0]["ports"] = [{"name": "http", "containerPort": 2283}]
    spec["containers"][0]["volumeMounts"] += ours["containers"][0]["volumeMounts"]
    immich["status"]["readyReplicas"] = 1
    done = {"terminated": {"exitCode": 0, "finishedAt": "2026-11-20T10:00:00Z"}}
    pod = {
        "metadata": {"name": "immich-server-1", "labels": LABELS},
        "spec": deepcopy(spec),
        "status": {
            "phase": "Running",
            "conditions": [ready],
            "initContainerStatuses": [{"name": GUARD, "ready": True, "state": done}],
        },
    }
    privileged = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "warn", "audit")}
    made = namespace("photo-sync", privileged)
    made["metadata"] |= live[planned.photo_sync.ref]["metadata"]
    seen = ClusterSeen(
        namespace=namespace("immich", privileged, owner.manager),
        workloads=(immich,),
        services=(service(3001),),
        photo_sync=made,
        directory_job=None,
        live=live,
        ingresses=tuple(live[ref] for ref in live if ref.kind == "Ingress"),
        nodes=("talos-1",),
        space=Space(on_node=False, pressure=False),
    )
    cluster = ClusterFacts(
        seen=seen,
        plan=planned,
        pods=(pod,),
        endpoints=({"endpoints": [{"addresses": ["10.0.0.5"], "conditions": {"ready": True}}]},),
        ingress_classes=("nginx",),
    )
    return Facts(
        settings=stated,
        stack="test",
        now=NOW,
        cluster=cluster,
        accounts=(_account(live),) if stated.photo_sync.accounts else (),
        ping="",
        libraries=_libraries(stated, owner),
        cloudflare=_cloudflare(stated, owner),
        name=("104.21.84.32",),
        page=Page(200, body='{"res":"pong"}'),
        plain=Page(301, "https://immich.example.com/"),
        web_socket=Page(101),
    )


def _live(manifest: Manifest) -> Manifest:
    live = deepcopy(manifest)
    live["metadata"] |= {"uid": f"{manifest['kind']} {manifest['metadata']['name']}", "creationTimestamp": MADE}
    complete = {"type": "Complete", "status": "True", "lastTransitionTime": MADE, "reason": "Done", "message": "done"}
    live["status"] = {"phase": "Bound", "conditions": [complete]}
    return live


def _account(live: dict[Ref, Manifest]) -> AccountFacts:
    cron_job = next(one for ref, one in live.items() if ref.kind == "CronJob")
    run = SyncRun("icloud-sync-anna-1", "complete", HOUR_AGO, HOUR_AGO, End(SYNCED.message, SYNCED))
    return AccountFacts("anna", cron_job, (run,))


def _libraries(stated: Settings, owner: Ownership) -> LibrariesFacts:
    planned = external_library.libraries(stated, owner)
    assert planned
    return LibrariesFacts(
        tuple(
            LibraryFacts(
                wanted,
                Library("1", "2", wanted.name, wanted.import_paths, (), "2026-11-26T11:30:00Z"),
                Statistics(4, 1, 5 << 20),
                {},
            )
            for wanted in planned.wanted
        )
    )


def _cloudflare(stated: Settings, owner: Ownership) -> CloudflareFacts:
    found = public_access(stated, FoundAtCloudflare(ZONE, TUNNEL), owner)
    if found is None:
        return CloudflareFacts(None)
    target = found.record.content or f"{TUNNEL.id}.cfargotunnel.com"
    return CloudflareFacts(
        zone=ZONE,
        tunnel=TUNNEL,
        connectors=(Connector("2026.7.3", 4),),
        trial=TunnelRulesDiff(ours=found.rules.rules, changes=False) if found.rules else None,
        public_access=found,
        records=(Record("1", found.record.type, found.record.name, target, found.record.proxied, STACK),),
        applications=(
            *([AccessApplication("1", application_name(STACK), (stated.host,))] if found.access else []),
            *(AccessApplication("2", page_application_name(STACK, one.account), (one.host,)) for one in found.pages),
        ),
    )


def of_cluster(facts: Facts) -> ClusterFacts:
    """The facts' cluster, which was read."""
    assert isinstance(facts.cluster, ClusterFacts)
    return facts.cluster


def with_cluster(facts: Facts, **changed: Any) -> Facts:
    """The facts with another cluster."""
    return replace(facts, cluster=replace(of_cluster(facts), **changed))
