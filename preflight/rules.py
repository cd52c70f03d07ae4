"""What would go wrong, in words. Pure: (settings, facts, plan, answers) to sentences; nothing is asked here."""

from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes.utils import parse_quantity

from clients.kubernetes import Manifest, Ref
from components.ownership import STACK_MARK
from components.photo_sync import arrangement
from components.plan import Plan, Whole
from preflight.facts import Answers, Facts
from providers.fragment import set_by_hand
from settings import PROJECT, Settings
from settings.storage import HostPath, OnNode

_TRACKED = "argocd.argoproj.io/tracking-id"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_INSTANCE_LABELS = ("app.kubernetes.io/instance", "argocd.argoproj.io/instance")


def missing(settings: Settings, facts: Facts) -> list[str]:
    """Find what has to be there before anything else can be asked: Immich itself, and the node."""
    return list(_missing(settings, facts))


def problems(settings: Settings, facts: Facts, plan: Plan, answers: Answers) -> list[str]:
    """Find everything that would fail in `up`, or do harm."""
    sentences = [
        *_others_route(settings, facts, plan),
        *(_found_mount(settings, facts, plan) if plan.mount_is_ours else ()),
        *_released(plan, answers),
        *_rearranged(plan, answers),
    ]
    for whole in plan.wholes():
        live = answers.live.get(whole.ref)
        if live is None:
            continue
        about_owner = [*_not_ours(whole, live, plan), *tracked_by_argocd(whole.ref, live)]
        sentences += about_owner
        if not about_owner and not (whole is plan.photo_sync and plan.photo_sync_is_found):
            fixed = list(_cannot_change(whole, live, _settings_of(whole, plan)))
            refusal = answers.refusals.get(whole.ref)
            sentences += fixed or ([_refused(whole, refusal)] if refusal else [])
    for trial in answers.trials.values():
        sentences += trial.problems
    return sentences


def warnings(settings: Settings, facts: Facts, plan: Plan, answers: Answers, *, elsewhere: bool = False) -> list[str]:
    """Find what is worth knowing before `up`; `elsewhere`: whether something outside the cluster is taken over."""
    return [
        *_adoption(settings, plan, answers, elsewhere=elsewhere),
        *_job_by_hand(facts, plan),
        *_elsewhere(settings, facts),
        *(f"{ref}: {warning}" for ref, trial in answers.trials.items() for warning in trial.warnings),
    ]


def _missing(settings: Settings, facts: Facts) -> Iterator[str]:
    immich = settings.immich
    if facts.namespace is None:
        yield (
            f"{PROJECT}:immich.namespace: the cluster has no namespace {immich.namespace}. "
            "Deploy Immich first, or name its namespace"
        )
        return
    if facts.deployment is None:
        yield (
            f"{PROJECT}:immich.deployment: namespace {immich.namespace} has no Deployment {immich.deployment}. "
            f"`kubectl get deployments -n {immich.namespace}` lists those that it has"
        )
    else:
        names = [container["name"] for container in facts.deployment["spec"]["template"]["spec"]["containers"]]
        if immich.mount.container and immich.mount.container not in names:
            yield (
                f"{PROJECT}:immich.mount.container: Deployment {immich.namespace}/{immich.deployment} has no container "
                f"{immich.mount.container}. It has: {', '.join(names)}"
            )
    if facts.service is None:
        yield (
            f"{PROJECT}:immich.service.name: namespace {immich.namespace} has no Service {immich.service.name}. "
            f"`kubectl get services -n {immich.namespace}` lists those that it has"
        )
    else:
        ports = [port["port"] for port in facts.service["spec"].get("ports", [])]
        if immich.service.port not in ports:
            yield (
                f"{PROJECT}:immich.service.port: Service {immich.namespace}/{immich.service.name} has no port "
                f"{immich.service.port}. It has: {', '.join(map(str, ports))}"
            )
    if isinstance(settings.storage, OnNode) and settings.storage.node not in facts.nodes:
        yield (
            f"{PROJECT}:storage.node: the cluster has no node {settings.storage.node} (label kubernetes.io/hostname). "
            f"It has: {', '.join(facts.nodes)}"
        )
    if settings.photo_sync.accounts:
        yield from _missing_storage_class(settings, facts)


def _missing_storage_class(settings: Settings, facts: Facts) -> Iterator[str]:
    names = [found["metadata"]["name"] for found in facts.storage_classes]
    defaults = [
        found["metadata"]["name"]
        for found in facts.storage_classes
        if found["metadata"].get("annotations", {}).get(_DEFAULT_CLASS) == "true"
    ]
    key, volume = f"{PROJECT}:photoSync.cookieVolume.storageClass", settings.photo_sync.cookie_volume
    if volume.storage_class and volume.storage_class not in {*names, *facts.volume_classes}:
        yield (
            f"{key}: the cluster has no StorageClass {volume.storage_class}, and no PersistentVolume of that class. "
            f"It has: {', '.join(names) or 'none'}"
        )
    elif not volume.storage_class and not defaults and names:
        yield f"{key}: the cluster has no default StorageClass. Name one. It has: {', '.join(names)}"
    elif not volume.storage_class and not defaults:
        yield (
            f"{key}: the cluster has no StorageClass. Install one (local-path-provisioner will do), or make a "
            f"PersistentVolume of {volume.capacity} for each account, with a storageClassName of your own, and name "
            "that here"
        )


def _refused(whole: Whole, refusal: str) -> str:
    if whole.ref.kind == "Job":
        return (
            f"{whole.ref} has another template than it would get, and the state does not know it, so it is not made "
            f"anew. It has done its work: `kubectl delete job -n {whole.ref.namespace} {whole.ref.name}`, then go on"
        )
    named = f" (named by {PROJECT}:{whole.setting})" if whole.setting else ""
    return f"{whole.ref}{named}: the API server refuses it: {refusal}"


def _not_ours(whole: Whole, live: Manifest, plan: Plan) -> Iterator[str]:
    from_stack = live["metadata"].get("annotations", {}).get(STACK_MARK)
    if from_stack == plan.ownership.stack:
        return
    mark_it = f"`kubectl annotate --overwrite {whole.ref.kind.lower()} {whole.ref.name}"
    mark_it += f"{f' -n {whole.ref.namespace}' if whole.ref.namespace else ''} {STACK_MARK}={plan.ownership.stack}`"
    if plan.ownership.lost_its_mark(live):
        yield f"{whole.ref} was made by this project and has lost its annotation. Put it back: {mark_it}"
        return
    elsewhere = f", or choose another {PROJECT}:{whole.setting}" if whole.setting else ""
    if from_stack:
        yield (
            f"{whole.ref} belongs to the stack {from_stack}. Remove it there first{elsewhere}. "
            f"If this is that stack under a new name: {mark_it}"
        )
    elif not whole.adoptable:
        yield f"{whole.ref} exists, was not made by this stack, and is not taken over. Remove it{elsewhere}"
    elif not plan.ownership.adopting:
        yield (
            f"{whole.ref} exists and was not made by this stack. To take it over, set {PROJECT}:adoptExisting to true "
            f"for one `up`{elsewhere}"
        )


def tracked_by_argocd(ref: Ref, live: Manifest) -> Iterator[str]:
    """Say that ArgoCD tracks an object that is ours from head to foot, and how it is handed over."""
    metadata = live["metadata"]
    managers = {entry.get("manager", "") for entry in metadata.get("managedFields", [])}
    by_label = any(label in metadata.get("labels", {}) for label in _INSTANCE_LABELS)
    if _TRACKED not in metadata.get("annotations", {}) and not (by_label and "argocd-controller" in managers):
        return
    yield (
        f"{ref} is tracked by ArgoCD, which would undo what we do or remove it. Hand it over in this order: "
        f"1. annotate it in git with argocd.argoproj.io/sync-options: Prune=false and let ArgoCD sync; "
        f"2. take it out of the kustomization and let ArgoCD sync: it stays, untracked "
        f"(if the annotation {_TRACKED} stays, remove it with kubectl annotate); "
        f"3. set {PROJECT}:adoptExisting to true for one `up`"
    )


# What the API server does not let change on an object that exists: the field, and its setting.
_FIXED: dict[str, list[tuple[str, str]]] = {
    "PersistentVolume": [
        ("hostPath.path", "storage.path"),
        ("hostPath.type", "storage.hostPathType"),
        ("local.path", "storage.path"),
        ("nfs.server", "storage.server"),
        ("nfs.path", "storage.path"),
        ("csi.driver", "storage.driver"),
        ("csi.volumeHandle", "storage.volumeHandle"),
        ("claimRef.namespace", "photoSync.namespace"),
        ("claimRef.name", "storage.claim"),
        ("nodeAffinity.required.nodeSelectorTerms", "storage.node"),
    ],
    "PersistentVolumeClaim": [
        ("volumeName", "storage.persistentVolume"),
        ("accessModes", "storage.accessModes"),
        ("resources.requests.storage", "storage.capacity"),
        ("storageClassName", "storage.kind"),
    ],
}
# Of the fields that a volume or a claim has without anybody's having said so.
_API_DEFAULTS = {"volumeMode": "Filesystem", "type": ""}
_SOURCES = ("hostPath", "local", "nfs", "csi")
# May be added to an object that lacks them.
_ADDABLE = {
    "claimRef.namespace",
    "claimRef.name",
    "nodeAffinity.required.nodeSelectorTerms",
    "volumeName",
    "storageClassName",
}
# Where Immich's own volume takes a value from another setting.
_IMMICHS = {"csi.volumeHandle": "storage.immichVolumeHandle", "claimRef.namespace": "immich.namespace"}
# Where a session's claim takes its values from.
_COOKIES = {
    "resources.requests.storage": "photoSync.cookieVolume.capacity",
    "storageClassName": "photoSync.cookieVolume.storageClass",
}


def _settings_of(whole: Whole, plan: Plan) -> Mapping[str, str]:
    if whole is plan.immich_volume:
        return _IMMICHS
    return {} if whole in (plan.volume, plan.claim, plan.immich_claim) else _COOKIES


def _cannot_change(whole: Whole, live: Manifest, settings: Mapping[str, str]) -> Iterator[str]:
    ours, theirs = whole.manifest.get("spec", {}), live.get("spec", {})
    if whole.ref.kind == "PersistentVolume":
        source, found = (next((kind for kind in _SOURCES if kind in spec), "") for spec in (ours, theirs))
        if source != found:
            yield (
                f"{whole.ref} is a volume of kind {found or 'unknown'}, which can't be changed to {source}. "
                f"Set {PROJECT}:storage.kind to {found or 'what it is'}, "
                f"or choose another {PROJECT}:storage.persistentVolume"
            )
            return
    for field, setting in _FIXED.get(whole.ref.kind, []):
        wanted, found = _value(ours, field), _value(theirs, field)
        if wanted is None and whole.ref.kind == "PersistentVolumeClaim":
            continue  # what a claim of ours leaves open, the cluster has filled in
        if wanted == found or (wanted is None and not found) or (found is None and field in _ADDABLE):
            continue
        # The API server stores 1024Gi as 1Ti.
        if field == "resources.requests.storage" and found and parse_quantity(wanted) == parse_quantity(found):
            continue
        yield (
            f"{whole.ref}: {field} is {_shown(found)} and can't be changed to {_shown(wanted)}. "
            f"Set {PROJECT}:{settings.get(field, setting)} to what is there"
        )


def _value(spec: Manifest, path: str) -> Any:
    node: Any = spec
    for step in path.split("."):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):  # node selector terms
        hosts = [v for term in value for match in term.get("matchExpressions", []) for v in match.get("values", [])]
        return ", ".join(hosts) or "set differently"
    return "unset" if value in (None, "") else f'"{value}"' if isinstance(value, str) else str(value)


def _others_route(settings: Settings, facts: Facts, plan: Plan) -> Iterator[str]:
    ours = plan.route.ref if plan.route else None
    for ingress in facts.ingresses:
        hosts = {rule.get("host") for rule in ingress["spec"].get("rules", [])}
        if settings.host in hosts and Ref.of(ingress) != ours and not plan.ownership.is_ours(ingress):
            yield (
                f"{PROJECT}:host: {settings.host} is served by {Ref.of(ingress)} already. "
                f"Choose another host, or name that Ingress in {PROJECT}:route.name to take it over"
            )


def _found_mount(settings: Settings, facts: Facts, plan: Plan) -> Iterator[str]:
    """Find what stands where the mount goes, and would be lost or hidden: Immich's next scan would trash its photos."""
    if facts.deployment is None:
        return
    mount, where = settings.immich.mount, Ref.of(plan.mount)
    pod = facts.deployment["spec"]["template"]["spec"]
    for volume in pod.get("volumes", []):
        path = volume.get("hostPath", {}).get("path")
        if (
            volume["name"] == mount.volume
            and isinstance(settings.storage, OnNode)
            and path not in {None, settings.storage.path}
        ):
            yield (
                f'{where}: its volume {mount.volume} is "{path}" and would become "{settings.storage.path}". '
                f"Set {PROJECT}:storage.path to what is there, or choose another {PROJECT}:immich.mount.volume"
            )
    (ours,) = plan.mount["spec"]["template"]["spec"]["containers"]
    theirs: Manifest = next((c for c in pod["containers"] if c["name"] == ours["name"]), {})
    for found in theirs.get("volumeMounts", []):
        at = found["mountPath"]
        if at == mount.path and (found.get("subPath") or found.get("subPathExpr")):
            yield f"{where}: its mount {at} shows a part of a volume (subPath), ours would show all. Remove it first"
        elif at.startswith(f"{mount.path}/") or mount.path.startswith(f"{at.rstrip('/')}/"):
            yield (
                f"{PROJECT}:immich.mount.path: {mount.path} and Immich's own mount {at} lie within each other. "
                "Choose a path beside it"
            )


def _released(plan: Plan, answers: Answers) -> Iterator[str]:
    """A volume stays tied to a claim that was deleted: the new claim of that name would wait for ever."""
    for volume, claim in ((plan.volume, plan.claim), (plan.immich_volume, plan.immich_claim)):
        if volume is None or claim is None or volume.ref not in answers.live:
            continue
        tied = answers.live[volume.ref]["spec"].get("claimRef", {}).get("uid")
        now = answers.live[claim.ref]["metadata"].get("uid") if claim.ref in answers.live else None
        if tied and tied != now:
            yield (
                f"{volume.ref} is still tied to a claim that was deleted. Its photos are safe. Untie it: "
                f"kubectl patch pv {volume.ref.name} --type=json "
                """-p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'"""
            )


def _rearranged(plan: Plan, answers: Answers) -> Iterator[str]:
    """Photos that would be fetched a second time, beside the first copy. A run sees to it too, by the disk itself."""
    for account in plan.sync.accounts if plan.sync else ():
        ref = Ref.of(account.cron_job)
        live = answers.live.get(ref)
        if live is None or not plan.ownership.is_ours(live) or not live.get("status", {}).get("lastSuccessfulTime"):
            continue
        was, would_be = arrangement(live), arrangement(account.cron_job)
        if was != would_be:
            yield (
                f'{ref} has imported photos to "{was}" and would go on in "{would_be}" (folder, folderStructure, time '
                "zone): every photo would be fetched again, beside the first copy. Set them, and the order of "
                f"{PROJECT}:photoSync.accounts, back"
            )


def _adoption(settings: Settings, plan: Plan, answers: Answers, *, elsewhere: bool) -> Iterator[str]:
    if not settings.adopt_existing:
        return
    foreign = {ref: live for ref, live in answers.live.items() if not plan.ownership.is_ours(live)}
    by_hand = [trial for trial in answers.trials.values() if trial.taken_over]
    if not foreign and not by_hand and not elsewhere:
        yield (
            f"{PROJECT}:adoptExisting has nothing left to take over. Remove it from the stack file: while it is set, a "
            "directory without its mark is marked"
        )
        return
    if isinstance(settings.storage, OnNode):
        yield f"{settings.storage.path} is marked as the disk of the photos, if it exists"
    for whole in plan.wholes():
        if whole.ref in foreign and whole.adoptable:
            yield f"{whole.ref} is taken over, and kept when this stack is removed"
            dropped = _dropped(whole.manifest, foreign[whole.ref])
            if dropped and not (whole is plan.photo_sync and plan.photo_sync_is_found):
                lost = ", ".join(dropped)
                yield f"{whole.ref}: what was set by hand and this stack lacks goes with a later change: {lost}"
    for trial in by_hand:
        yield f"taken over, and removed with this stack: {trial.taken_over}"


def _dropped(manifest: Manifest, live: Manifest) -> list[str]:
    """Fields that kubectl's field managers hold and the manifest lacks."""
    ours = set(_fields({k: v for k, v in manifest.items() if k not in {"apiVersion", "kind"}}))
    theirs = {
        path
        for entry in live["metadata"].get("managedFields", [])
        if set_by_hand(entry.get("manager", "")) and "subresource" not in entry
        for path in _managed(entry.get("fieldsV1", {}))
    }
    lacking = {path for path in theirs if not any(path[: len(own)] == own for own in ours)}
    return sorted(".".join(path) for path in lacking if not _comes_back(path, live))


def _comes_back(path: tuple[str, ...], live: Manifest) -> bool:
    """Whether the API server sets a dropped field again by itself, or nobody misses it."""
    if path[-1] == "kubectl.kubernetes.io/last-applied-configuration":
        return True
    return path[0] == "spec" and _value(live["spec"], ".".join(path[1:])) == _API_DEFAULTS.get(path[-1], object())


def _fields(node: Manifest, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _fields(value, (*way, key))
        else:
            yield (*way, key)


def _managed(node: Manifest, way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if key == ".":
            continue
        here = (*way, key.removeprefix("f:"))
        if any(step != "." for step in value):
            yield from _managed(value, here)
        elif "." not in value or len(way) > 1:
            yield here


def _job_by_hand(facts: Facts, plan: Plan) -> Iterator[str]:
    job = facts.directory_job
    if job is not None and not plan.ownership.is_ours(job):
        yield (
            f"{Ref.of(job)} was made by hand and stays as it is; ours is named {plan.directory_job.ref.name}. "
            "Remove the old one when you like"
        )


def _elsewhere(settings: Settings, facts: Facts) -> Iterator[str]:
    if isinstance(settings.storage, HostPath) and len(facts.nodes) > 1 and facts.deployment:
        pod = facts.deployment["spec"]["template"]["spec"]
        if not pod.get("nodeName") and not pod.get("nodeSelector") and not pod.get("affinity"):
            yield (
                f"the photos lie on {settings.storage.node}, and nothing keeps Immich's pod there: it starts nowhere "
                f"else. Set {PROJECT}:storage.kind to local, which does, or give the Deployment a nodeSelector"
            )
