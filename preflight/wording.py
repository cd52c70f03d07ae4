"""All findings of preflight: each situation with its code and its message."""

from typing import Final

from clients.cloudflare import ACCESS_READ, CERTIFICATES_READ, ZONE_READ
from clients.immich import PERMISSIONS, PERMISSIONS_SINCE_3_2
from components.free_space import EVICTS_BELOW, EVICTS_BELOW_INODES
from settings import PROJECT
from settings.load import API_KEY
from text.finding import Severity, Situation
from text.owner_marks import ARGOCD_INSTANCE, ARGOCD_TRACKING

_WARNING, _NEWS = Severity.WARNING, Severity.NEWS
_KEY = f"{PROJECT}:$setting"
_ADOPT = f"set {PROJECT}:adoptExisting to true for one `up`"
_OWN_DISK = "Give the photos a disk or a Talos user volume of their own (docs/photos.md#a-disk-of-its-own)"
_EVICTED = "the kubelet evicts every pod of its node if the photos are on its own filesystem"


def elsewhere(setting: str) -> str:
    """Offer another name, where a setting gives it."""
    return f", or choose another {PROJECT}:{setting}" if setting else ""


# as an API words it

UNREADABLE = Situation("unreadable", "$reason")
NOT_KNOWN = Situation(
    "not-known",
    "preview could not read everything that it checks: $reason",
    "Grant the permission, or check it yourself",
    _WARNING,
)

# what is missing

NAMESPACE_MISSING = Situation(
    "namespace-missing",
    f"{_KEY}: the cluster has no namespace $name",
    "Deploy Immich first, or name its namespace",
    setting="immich.namespace",
)
WORKLOAD_MISSING = Situation(
    "workload-missing",
    f"{_KEY}: namespace $namespace has no Deployment, StatefulSet or DaemonSet $name",
    "`kubectl get deployments,statefulsets,daemonsets -n $namespace` lists the existing ones",
    setting="immich.deployment",
)
SERVER_MISSING = Situation(
    "server-missing",
    f"{_KEY}: no Deployment, StatefulSet or DaemonSet of namespace $namespace runs the image $image",
    "Name the one that runs Immich's server: `kubectl get deployments,statefulsets,daemonsets -n $namespace -o wide` "
    "lists them with their images",
    setting="immich.deployment",
)
CONTAINER_MISSING = Situation(
    "container-missing",
    f"{_KEY}: $workload has no container $name",
    "It has: $has",
    setting="immich.mount.container",
)
CONTAINER_UNCLEAR = Situation(
    "container-unclear",
    f"{_KEY}: no container of $workload runs the image $image, and several could be Immich's server",
    "Name it. The containers are: $has",
    setting="immich.mount.container",
)
SERVICE_MISSING = Situation(
    "service-missing",
    f"{_KEY}: namespace $namespace has no Service $name",
    "`kubectl get services -n $namespace` lists the existing ones",
    setting="immich.service.name",
)
SERVICE_UNKNOWN = Situation(
    "service-unknown",
    f"{_KEY}: namespace $namespace has no Service that selects the pods of Immich's server",
    "Name it, and its port: `kubectl get services -n $namespace` lists the existing ones",
    setting="immich.service",
)
SERVICES_SEVERAL = Situation(
    "services-several",
    f"{_KEY}: namespace $namespace has several Services that select the pods of Immich's server",
    "Name one, and its port. They are: $has",
    setting="immich.service",
)
PORT_MISSING = Situation(
    "port-missing",
    f"{_KEY}: $service has no port $port",
    "It has: $has",
    setting="immich.service.port",
)
PORT_UNCLEAR = Situation(
    "port-unclear",
    f"{_KEY}: the port of $service that leads to Immich is unknown",
    "Name it. The Service has: $has",
    setting="immich.service.port",
)
NODE_MISSING = Situation(
    "node-missing",
    f"{_KEY}: the cluster has no node $name (label kubernetes.io/hostname)",
    "It has: $has",
    setting="storage.node",
)
CLAIM_MISSING = Situation(
    "claim-missing",
    f"{_KEY}: PersistentVolumeClaim $subject does not exist",
    "`kubectl get pvc -n $namespace` lists the existing ones",
)
CLAIM_WITHOUT_FILES = Situation(
    "claim-without-files",
    f"{_KEY}: PersistentVolumeClaim $subject is a block device (volumeMode Block), and photos need a filesystem",
    "Name another claim",
    setting="storage.claim",
)
CLAIM_OF_ONE_POD = Situation(
    "claim-of-one-pod",
    f"{_KEY}: only one pod at a time can mount PersistentVolumeClaim $subject (ReadWriteOncePod), and Immich and the "
    "sync both do",
    "Name another claim",
    setting="storage.claim",
)
CLAIM_NOT_WRITABLE = Situation(
    "claim-not-writable",
    f"{_KEY}: PersistentVolumeClaim $subject is read-only, and the sync writes to it",
    "Name a claim with access mode ReadWriteMany, or ReadWriteOnce on Immich's node",
    setting="storage.claim",
)
CLAIM_NODE_UNCLEAR = Situation(
    "claim-node-unclear",
    f"{_KEY}: PersistentVolumeClaim $subject can be mounted on one node at a time (ReadWriteOnce), and the node of "
    "the sync is unclear",
    "Run the pods that mount it, or Immich, on exactly one node. They run on: $has. "
    "`kubectl get pods -n $namespace -o wide` shows them",
    setting="storage.claim",
)
VOLUME_DELETED_WITH_CLAIM = Situation(
    "volume-deleted-with-claim",
    "PersistentVolume $subject has the reclaim policy Delete: deleting its claim deletes the photos",
    """Set it to Retain: kubectl patch pv $subject -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'""",
    _WARNING,
)
_CLASS = "photoSync.cookieVolume.storageClass"
CLASS_MISSING = Situation(
    "class-missing",
    f"{_KEY}: the cluster has no StorageClass $name, and no PersistentVolume of that class",
    "It has: $has",
    setting=_CLASS,
)
NO_DEFAULT_CLASS = Situation(
    "no-default-class",
    f"{_KEY}: the cluster has no default StorageClass",
    "Name one. It has: $has",
    setting=_CLASS,
)
NO_PROMETHEUS_OPERATOR = Situation(
    "no-prometheus-operator",
    f"{_KEY}: the API server has no PrometheusRule (monitoring.coreos.com/v1)",
    "Install the Prometheus operator, or remove the key",
    setting="monitoring",
)
NO_CLASS = Situation(
    "no-class",
    f"{_KEY}: the cluster has no StorageClass",
    "Install one, such as local-path-provisioner. Or create a PersistentVolume of $capacity for each account, with "
    "a storageClassName of your own, and set the key to that name",
    setting=_CLASS,
)

# who owns an object

MARK_LOST = Situation(
    "mark-lost", "$subject was created by this project and lacks its owner annotation", "Restore it: $command"
)
ANOTHER_STACKS = Situation(
    "of-another-stack",
    "$subject belongs to the stack $stack",
    f"Remove it there first$elsewhere. If the state of that stack is lost, set {PROJECT}:adoptExisting to "
    "{from: $stack} for one `up`",
)
IMMICH_OF_ANOTHER_STACK = Situation(
    "immich-of-another-stack",
    "$subject has the photos of the stack $stack, and one Immich is of one stack",
    f"Add these accounts to {PROJECT}:photoSync.accounts there, each with its immichUser. If that stack's state is "
    f"lost, set {PROJECT}:adoptExisting to {{from: $stack}} for one `up`",
)
NOT_ADOPTABLE = Situation(
    "not-adoptable",
    "$subject exists, is not managed by this stack, and cannot be adopted",
    "Remove it$elsewhere",
)
NOT_OURS = Situation("not-ours", "$subject exists and is not managed by this stack", f"To adopt it, {_ADOPT}$elsewhere")
_HANDED_OVER = "Hand it over in this order:"
TRACKED_BY_ARGOCD = Situation(
    "tracked-by-argocd",
    "$subject is tracked by ArgoCD, which would undo changes of this stack, or remove it",
    f"{_HANDED_OVER} 1. annotate it in git with argocd.argoproj.io/sync-options: Prune=false and let "
    "ArgoCD sync; 2. take it out of git and let ArgoCD sync: it stays; 3. remove ArgoCD's tracking metadata, which "
    f"stays, too: `kubectl annotate $object {ARGOCD_TRACKING}-` and `kubectl label $object {ARGOCD_INSTANCE}- "
    f"app.kubernetes.io/instance-`; 4. {_ADOPT}",
)
_KEEP_FROM_HELM = (
    f"{_HANDED_OVER} 1. `kubectl annotate $object helm.sh/resource-policy=keep`; 2. disable it in the values of the "
)
_UNMARK_HELM = (
    "`kubectl annotate $object helm.sh/resource-policy- meta.helm.sh/release-name- meta.helm.sh/release-namespace-` "
    "and `kubectl label $object app.kubernetes.io/managed-by-"
)
MANAGED_BY_FLUX = Situation(
    "managed-by-flux",
    "$subject is managed by Flux (Kustomization $place/$owner), which would undo changes of this stack, or prune it",
    f"{_HANDED_OVER} 1. annotate it in git with kustomize.toolkit.fluxcd.io/prune: disabled, and `flux reconcile "
    "kustomization $owner -n $place --with-source`; 2. take it out of git and reconcile again: it stays; 3. `kubectl "
    f"label $object kustomize.toolkit.fluxcd.io/name- kustomize.toolkit.fluxcd.io/namespace-`; 4. {_ADOPT}",
)
MANAGED_BY_HELM_RELEASE = Situation(
    "managed-by-helm-release",
    "$subject is managed by Flux (HelmRelease $place/$owner), whose next upgrade would change or delete it",
    f"{_KEEP_FROM_HELM}HelmRelease, in git, and `flux reconcile helmrelease $owner -n $place --with-source`: it stays; "
    f"3. {_UNMARK_HELM} helm.toolkit.fluxcd.io/name- helm.toolkit.fluxcd.io/namespace-`; 4. {_ADOPT}",
)
MANAGED_BY_HELM = Situation(
    "managed-by-helm",
    "$subject is part of the Helm release $place/$owner, whose next upgrade would change or delete it",
    f"{_KEEP_FROM_HELM}chart, and `helm upgrade $owner -n $place` with them: it stays; 3. {_UNMARK_HELM}`; 4. {_ADOPT}",
)
MANAGED_BY_TERRAFORM = Situation(
    "managed-by-terraform",
    '$subject is managed by Terraform (field manager "$manager"), whose next apply would change it back, or delete it',
    f"{_HANDED_OVER} 1. `terraform state rm` its resource, and remove the resource from the configuration before the "
    "next apply (or use a removed block with destroy = false); 2. `kubectl patch $object --type=merge -p "
    """'{"metadata": {"managedFields": [{}]}}'` clears its field managers; """
    f"3. {_ADOPT}",
)
MANAGED_BY_APPLY_SET = Situation(
    "managed-by-apply-set",
    "$subject is part of an ApplySet, and `kubectl apply --prune` deletes it once it is taken out of its files",
    f"{_HANDED_OVER} 1. `kubectl label $object applyset.kubernetes.io/part-of-`; 2. take it out of the files, or the "
    f"kustomization, before they are applied again; 3. {_ADOPT}",
)
MANAGED_BY_TOOL = Situation(
    "managed-by-tool",
    "$subject is managed by $tool ($mark=$value), which would change it back, or delete it",
    f"{_HANDED_OVER} 1. `kubectl $verb $object $mark-`; 2. take it out of the files and the state of $tool, before it "
    f"runs again; 3. {_ADOPT}",
)
OWNED_BY_OBJECT = Situation(
    "owned-by-object",
    "$subject is owned by $owner (ownerReferences), and is deleted with it",
    "Change $owner so that it does not create the object, or choose another name",
)
APPLIED_WITH_KUBECTL = Situation(
    "applied-with-kubectl",
    "$subject: the next `kubectl apply` of the manifests reverts the changes of this stack",
    "Take it out of the manifests before `up`. If they are applied with --prune, first remove the annotation "
    "kubectl.kubernetes.io/last-applied-configuration, by which `kubectl apply --prune` deletes",
    _WARNING,
)
NOTHING_TO_ADOPT = Situation(
    "nothing-to-adopt",
    f"{_KEY} has nothing left to adopt",
    "Remove it from the stack file$otherwise",
    _WARNING,
    "adoptExisting",
)
MARKS_ALL: Final = ": while it is set, an unmarked directory is marked"
RENAMED = Situation(
    "renamed",
    "$subject: the owner annotation names this stack by its former name, $stack, and will be updated",
    severity=_NEWS,
)
TAKEN_FROM = Situation("taken-from", "$subject will be adopted from the stack $stack", severity=_WARNING)
DISK_MARKED = Situation(
    "disk-marked", "$subject will be marked as the photo disk, if it exists", severity=_WARNING, setting="storage"
)
ADOPTED = Situation("adopted", "$subject will be adopted, and retained when this stack is removed", severity=_WARNING)
FIELDS_DROPPED = Situation(
    "fields-dropped",
    "$subject: a later change removes fields that were set by hand and are not in the stack file: $fields",
    severity=_WARNING,
)
ENTRIES_ADOPTED = Situation(
    "entries-adopted", "these fields will be adopted, and removed with this stack: $entries", severity=_WARNING
)
JOB_BY_HAND = Situation(
    "job-by-hand",
    "$subject was created by hand and is left unchanged; this stack's Job is named $ours",
    "Remove the old Job at any time",
    _WARNING,
)

# conflicts with existing objects

REFUSED = Situation("refused", "$subject$named: the API server refuses it: $reason")
JOB_REFUSED = Situation(
    "job-refused",
    "$subject exists with another template, which cannot be changed, and is not in the state",
    "The Job has completed: `kubectl delete job -n $namespace $name`, then run the command again",
)
LEVEL_HELD = Situation(
    "level-held",
    f'$subject: "$manager" states $entries, and {_KEY} hostPath needs the level privileged there: Immich mounts a '
    "directory of its node",
    "Choose local, nfs or csi, which leave the level as it is, or set these labels to privileged where they are stated",
    setting="storage.kind",
)
MOVING = ". To move photos to another disk: docs/photos.md#moving-to-another-disk"
VOLUME_KIND_FIXED = Situation(
    "volume-kind-fixed",
    "$subject is a volume of kind $found, which can't be changed to $wanted",
    f"Choose another {_KEY}, or set {PROJECT}:storage.kind to existing to use its claim as it is{MOVING}",
    setting="storage.persistentVolume",
)
FIELD_FIXED = Situation(
    "field-fixed",
    "$subject: $field is $found and can't be changed to $wanted",
    f"Set {_KEY} to the existing value$moving",
)
VOLUME_RELEASED = Situation(
    "volume-released",
    "$subject is still tied to a claim that was deleted",
    "Its photos are safe. Untie it: kubectl patch pv $name --type=json "
    """-p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'""",
)
OTHER_WRITER = Situation(
    "other-writer",
    "$subject writes to the photo disk, too",
    "If this stack replaces it, retire it: $retire",
    _WARNING,
)
SECOND_ICLOUDPD = Situation(
    "second-icloudpd",
    f"{_KEY}: $subject runs $client on the folder that this stack syncs to, or on a volume that has it: photos would "
    "be fetched twice, overwritten or deleted",
    "Retire it first, which keeps its photos: $retire",
    setting="photoSync.accounts",
)
FETCHED_AGAIN = Situation(
    "fetched-again",
    '$subject has imported photos to "$was" and would continue in "$now" (folder, folderStructure, time zone): every '
    "photo would be fetched again, beside the first copy",
    f"Restore these settings; an account that has moved in {_KEY} keeps its folder with the key folder: $folder",
    setting="photoSync.accounts",
)
HOST_TAKEN = Situation(
    "host-taken",
    f"{_KEY}: $host is served by $subject already",
    f"Choose another host, ${{otherwise}} leave the route to it: {PROJECT}:route with kind: none",
    setting="host",
)
HOST_SHARED = Situation(
    "host-shared",
    "$subject serves $paths of $host: where one controller reads both routes, Immich does not get these requests",
    severity=_NEWS,
    setting="host",
)
HOST_SHADOWED = Situation(
    "host-shadowed",
    f"{_KEY}: $subject serves $pattern, and Traefik prefers the longer rule: requests for $host may go there",
    f"Give this stack's route a priority: {PROJECT}:route.annotations with "
    'traefik.ingress.kubernetes.io/router.priority (e.g. "1000")',
    _WARNING,
    "host",
)
HOST_COVERED = Situation(
    "host-covered",
    "$subject serves $pattern: requests for $host go to this stack's route, which names the host",
    severity=_NEWS,
    setting="host",
)
ADOPT_ROUTE: Final = f"name it in {PROJECT}:route.name to adopt it, or"
REMOVE_ROUTE: Final = "remove it before `up`, or"
_NO_ROUTE = f"set {PROJECT}:route to kind: none where a tunnel leads straight to Immich"
INGRESS_CLASS_MISSING = Situation(
    "ingress-class-missing",
    f"{_KEY}: the cluster has no IngressClass $name",
    f"It has: $has. Name one of them, or {_NO_ROUTE}",
    setting="route.className",
)
INGRESS_CLASS_UNSERVED = Situation(
    "ingress-class-unserved",
    f"{_KEY}: the controller of IngressClass $name ($controller) has no running pod, so nothing serves the Ingress",
    f"Install it, name another class, or {_NO_ROUTE}",
    _WARNING,
    "route.className",
)
READ_TIME_LIMITED = Situation(
    "read-time-limited",
    f"{_KEY}: Traefik breaks off an upload that takes longer than a minute (respondingTimeouts.readTimeout)",
    "Set it to 0 for the entry points in Traefik's own settings: docs/routes.md, Body size and timeouts",
    _WARNING,
    "route.className",
)
ISSUER_UNREADY = Situation(
    "issuer-unready",
    f"{_KEY}: $kind $name is not ready, so the Secret $secret is not written: $reason",
    "See `kubectl describe $kind $name`, or name another issuer",
    _WARNING,
    "route.tls.issuer",
)
TLS_SECRET_MISSING = Situation(
    "tls-secret-missing",
    f"{_KEY}: Secret $namespace/$secret does not exist, and no issuer is named that writes it: controllers serve a "
    "certificate of their own, which browsers and Immich's apps refuse",
    f"Create it, name an issuer of cert-manager ({PROJECT}:route.tls.issuer), or leave the setting out",
    _WARNING,
    "route.tls.secret",
)
GATEWAY_API_MISSING = Situation(
    "gateway-api-missing",
    f"{_KEY}: the API server has no HTTPRoute (gateway.networking.k8s.io/v1)",
    f"Install Gateway API 1.0 or later with its controller, set kind: ingress, or {_NO_ROUTE}",
    setting="route.kind",
)
GATEWAY_MISSING = Situation(
    "gateway-missing",
    f"{_KEY}: the cluster has no Gateway $name",
    "It has: $has",
    setting="route.gateway",
)
GATEWAY_UNSERVED = Situation(
    "gateway-unserved",
    f"{_KEY}: the Gateway $name is not served: $reason",
    "Start the controller of its GatewayClass, or name another Gateway",
    _WARNING,
    "route.gateway",
)
GATEWAY_LACKS_LISTENER = Situation(
    "gateway-lacks-listener",
    f"{_KEY}: the Gateway $name has no listener $listener",
    "It has: $has",
    setting="route.sectionName",
)
GATEWAY_LACKS_HOST = Situation(
    "gateway-lacks-host",
    f"{_KEY}: the Gateway $name has no HTTP or HTTPS listener for $host",
    "Its listeners serve: $has. Add one for the host, or name another Gateway",
    setting="route.gateway",
)
GATEWAY_REFUSES_NAMESPACE = Situation(
    "gateway-refuses-namespace",
    f"{_KEY}: the Gateway $name admits no routes from namespace $namespace",
    "Allow them in a listener: allowedRoutes.namespaces, with from: All or a Selector",
    setting="route.gateway",
)
ENTRIES_WARNED = Situation("entries-warned", "$subject: $warning", severity=_WARNING)
IMMICH_ON_ANY_NODE = Situation(
    "immich-on-any-node",
    "the photos are on $node, and Immich's pod may be scheduled on another node, where it does not start",
    f"Set {_KEY} to local, or give $workload a nodeSelector",
    _WARNING,
    "storage.kind",
)

# objects being deleted, and nodes that accept no pods

BEING_DELETED = Situation(
    "being-deleted",
    "$subject is being deleted, and waits for: $held",
    "Wait until it is gone; `kubectl describe` shows what it waits for",
)
WORKLOAD_PAUSED = Situation(
    "workload-paused",
    "$subject is paused, and its pods would not get the photos' mount",
    "`kubectl rollout resume deployment -n $namespace $name`, or remove spec.paused from its source",
)
WORKLOAD_PARTITIONED = Situation(
    "workload-partitioned",
    "$subject updates only pods from number $partition on (updateStrategy.rollingUpdate.partition), and the others "
    "would not get the photos' mount",
    "Set the partition to 0 in its source",
)
OLD_POD_HOLDS = Situation(
    "old-pod-holds",
    "$subject starts its new pod beside the old one (RollingUpdate), which holds $what: the new one would never start",
    "Set its strategy to Recreate in Immich's chart or manifests",
)
NODE_EXCLUDED = Situation(
    "node-excluded",
    "$subject cannot run on the node $node, where the photos are ($reason)",
    f"Allow it there, or set {_KEY} to a node where it runs",
    setting="storage.node",
)
CLAIM_ELSEWHERE = Situation(
    "claim-elsewhere",
    "$subject is bound to $volume, which is on another node than the photos ($node): no node has both for $workload",
    f"Move that volume, or the photos ({_KEY})",
    setting="storage.node",
)
NODE_CLOSED = Situation(
    "node-closed",
    "$subject would start a pod on the node $node, which accepts no pods: $reason",
    "`kubectl uncordon $node` or remove the taint; `kubectl describe node $node` shows whether it is ready",
)
POD_REFUSED = Situation(
    "pod-refused",
    "$subject: the API server refuses its pod: $reason",
    f"Adjust the namespace's quota or LimitRange, or set resources that fit: {PROJECT}:photoSync.resources for the "
    f"sync, {PROJECT}:storage.resources for the directory Job and the startup check",
)
NODE_CLOSED_TO_SYNC = Situation(
    "node-closed-to-sync",
    "$subject: the next sync will wait, because the node $node accepts no pods: $reason",
    "`kubectl describe node $node` shows why",
    _WARNING,
)

# the photos' mount in Immich

STARTS_UNGUARDED = Situation(
    "starts-unguarded",
    "the API server has no ValidatingAdmissionPolicy (Kubernetes before 1.30): when the mount is dropped between two "
    "`up`s, Immich starts without its photos, and its next scan moves them to its trash",
    "Upgrade Kubernetes, or run `up` after each upgrade of Immich",
    _WARNING,
)
STOPPED_BY_POLICY = Situation(
    "stopped-by-policy",
    "$subject replaces its pod without keeping the old one: once its owner drops the mount, the admission policy of "
    "this stack denies the new pod, and Immich is down",
    "`$command` restores the mount then",
    _NEWS,
)
ADMISSION_MISSING = Situation(
    "admission-missing",
    f"{_KEY}: the API server has no MutatingAdmissionPolicy (Kubernetes before 1.36)",
    "Set it to entries, or upgrade Kubernetes",
    setting="immich.mount",
)
ADMISSION_ADVISED = Situation(
    "admission-advised",
    f"{_KEY}: this API server can add the mount when a pod of Immich is created, so that the stack owns no field of "
    "$workload, and no change of its owner drops the mount",
    "Set the key to admission (docs/fits.md)",
    _NEWS,
    "immich.mount",
)
MOUNT_IN_THE_WAY = Situation(
    "mount-in-the-way",
    "$subject: its template states part of the mount itself. With what admission adds, $lacks",
    f"Remove that part, choose another {PROJECT}:immich.mount.path or volume, or set {_KEY} to entries",
    setting="immich.mount",
)

_CHART_SYNC = (
    "have it applied server-side (ArgoCD: syncOptions: [ServerSideApply=true], Flux: upgrade.serverSideApply: enabled, "
    "Helm 4: --server-side=true)"
)
_VALUES = "what `$command` prints"
MOUNT_REPOINTED = Situation(
    "mount-repointed",
    '$subject: its volume $volume is "$found" and would become "$wanted"',
    f"Set {PROJECT}:storage.path to what is there, or choose another {_KEY}",
    setting="immich.mount.volume",
)
MOUNT_OF_A_PART = Situation(
    "mount-of-a-part",
    "$subject: its mount $at has a subPath, and this stack's mount has none",
    "Remove that mount first",
)
MOUNT_WITHIN_ANOTHER = Situation(
    "mount-within-another",
    f"{_KEY}: $path and Immich's own mount $at overlap",
    "Choose a path outside of it",
    setting="immich.mount.path",
)
MOUNT_GIVEN_UP = Situation(
    "mount-given-up",
    "$subject: this stack would relinquish the photos' mount, which no other field manager owns yet. Then $lacks",
    f"Immich's next scan would trash every photo. Set {_KEY} back to entries, and hand it over in this order: 1. put "
    f"{_VALUES} into the values of Immich's chart; 2. {_CHART_SYNC}, so that its field manager owns the mount, too; "
    f"3. set {_KEY} to chart",
    setting="immich.mount",
)
MOUNT_NOT_IN_CHART = Situation(
    "mount-not-in-chart",
    f"$subject: $lacks, and {_KEY} says that the chart states it",
    f"A library is made and scanned only with its photos there. Put {_VALUES} into the values of Immich's chart and "
    f"deploy them. For a new stack, run `up` first with {_KEY} set to entries: that creates the disk",
    setting="immich.mount",
)
MOUNT_OF_ANOTHER = Situation(
    "mount-of-another",
    f'{_KEY}: "$manager" mounts the photos in Immich. If it removed that mount first, the next scan would trash them',
    "Set the key to chart to leave the mount there. To move it here, let both state it for a while: put "
    f"{_VALUES} into the values of Immich's chart, and {_CHART_SYNC}",
    setting="immich.mount",
)
MOUNT_SHARED = Situation(
    "mount-shared",
    "$shared",
    f"Remove it there, and this stack keeps it. Or leave it there, with {_KEY}: chart",
    _WARNING,
    "immich.mount",
)
CHART_LACKS_MOUNT = Situation(
    "chart-lacks-mount",
    "$subject: $lacks",
    f"Put {_VALUES} into the values of Immich's chart, and deploy them",
    _WARNING,
    "immich.mount",
)
CHART_HAS_OLD_CHECK = Situation(
    "chart-has-old-check",
    "$subject: its startup check $guard is outdated",
    f"Put {_VALUES} into the values of Immich's chart",
    _WARNING,
    "immich.mount",
)
IMMICH_RESTARTS = Situation(
    "immich-restarts",
    "$subject: the mount or the startup check changes. Immich restarts once, after the disk is marked",
    severity=_NEWS,
)
MOUNT_STAYS = Situation(
    "mount-stays", "$subject keeps the photos' mount: another field manager owns it, too", severity=_NEWS
)

# room for photos

NODE_UNDER_PRESSURE = Situation(
    "node-under-pressure", "node $subject reports DiskPressure: it evicts pods", "Free space on the node", _WARNING
)
DISK_SHARED = Situation(
    "disk-shared",
    f"the photos are on the kubelet's own filesystem: below {EVICTS_BELOW} % free space it evicts every pod of the "
    "node, Immich too",
    _OWN_DISK,
    _WARNING,
)
_MIN_FREE = "photoSync.minFreeSpace"
_MAKE_ROOM = f"Free up space, or lower {_KEY}"
_STOPS = "next sync will stop: $free of $total MiB are free, and the sync keeps $kept MiB free"
SYNC_STOPS = Situation("sync-stops", f"the {_STOPS}", _MAKE_ROOM, _WARNING, _MIN_FREE)
SYNC_MAY_STOP = Situation(
    "sync-may-stop",
    f"if the photos are on the node's own filesystem, the {_STOPS}",
    _MAKE_ROOM,
    _WARNING,
    _MIN_FREE,
)
FLOOR_TOO_LOW = Situation(
    "floor-too-low",
    f"{_KEY}: $stated is $share % of the filesystem. Below {EVICTS_BELOW} % {_EVICTED}",
    f"Set at least 20%, or leave it out. {_OWN_DISK}",
    _WARNING,
    _MIN_FREE,
)
INODES_LOW = Situation(
    "inodes-low",
    f"$free of the filesystem's $total inodes are free. Below {EVICTS_BELOW_INODES} % {_EVICTED}",
    _OWN_DISK,
    _WARNING,
)
DISK_UNKNOWN = Situation(
    "disk-unknown",
    "whether the photos are on the node's own filesystem is unknown until the directory Job has run",
    severity=_NEWS,
)

# Immich itself

IMMICH_DOWN = Situation(
    "immich-down",
    "Immich is not running, so its libraries are checked only during `up`: $reason",
    severity=_WARNING,
)
KEY_LACKS_PERMISSIONS = Situation(
    "key-lacks-permissions",
    f"{_KEY}: the API key of Immich lacks the permissions $lacking",
    "Add them in Immich (Account Settings, API Keys), or store another key",
    setting="immichApiKey",
)
USER_NAMED_TWICE = Situation(
    "user-named-twice",
    f"{_KEY}: accounts of $user have different values of immichUser: $named",
    "Set immichUser: $user for all of them, or for none",
    setting="photoSync.accounts",
)
CONFIGURED_BY_FILE = Situation(
    "configured-by-file",
    "Immich reads its settings from a file (IMMICH_CONFIG_FILE), so its API cannot change them",
    f"Put $entries into that file, or remove scanSchedule and watch from {_KEY}",
    setting="immich.library",
)
LIBRARY_ADOPTED = Situation(
    "library-adopted",
    'the library "$subject" in Immich will be adopted, and retained when this stack is removed',
    severity=_WARNING,
)
PHOTOS_EXCLUDED = Situation(
    "photos-excluded",
    'the library "$subject" excludes $pattern from now on: its next scan moves matching photos to Immich\'s trash',
    severity=_WARNING,
)
WATCHED = Situation(
    "watched",
    f"{_KEY}: while Immich watches, a photo whose file vanishes is deleted from Immich at once, with its place in "
    "albums, in every library of the server",
    "Set it to false if that is not intended",
    _WARNING,
    "immich.library.watch",
)
WATCHED_IN_VAIN = Situation(
    "watched-in-vain",
    f"{_KEY}: on storage of kind $kind, Immich detects no change between scans",
    severity=_WARNING,
    setting="immich.library.watch",
)
NO_API_KEY = Situation(
    "no-api-key",
    f"no library is created in Immich: {API_KEY} is not stored",
    f"Create an administrator's key with {', '.join(PERMISSIONS)} (from Immich 3.2 on also "
    f"{', '.join(PERMISSIONS_SINCE_3_2)}), and store it (docs/photos.md)",
    _NEWS,
    "immichApiKey",
)
LIBRARY_CREATED = Situation(
    "library-created",
    'the library "$subject" of $owner in Immich will be created and will import $paths; a first scan follows',
    severity=_NEWS,
)
LIBRARY_IMPORTS = Situation(
    "library-imports",
    'the library "$subject" of $owner in Immich will import $paths; a first scan follows',
    severity=_NEWS,
)
SERVER_WIDE_CHANGE = Situation(
    "server-wide-change",
    "Immich's server-wide setting $subject changes from $found to $wanted",
    severity=_NEWS,
)

# Cloudflare

ZONE_MISSING = Situation(
    "zone-missing",
    f"{_KEY}: the Cloudflare API token cannot read the zone of $host",
    f"Give the token the permission {ZONE_READ} for that zone, or set {PROJECT}:cloudflare.zoneId and accountId",
    setting="host",
)
ZONE_OF_ANOTHER_DOMAIN = Situation(
    "zone-of-another-domain",
    f"{_KEY}: $host is not in this zone, which is $name",
    "Remove zoneId and accountId",
    setting="cloudflare.zoneId",
)
PAGE_OUTSIDE_ZONE = Situation(
    "page-outside-zone",
    f"{_KEY}: $host does not lie in the zone of the stack's host, which is $zone",
    "Choose a host directly below $zone",
    setting="photoSync.signIn.host",
)
ZONE_OF_ANOTHER_ACCOUNT = Situation(
    "zone-of-another-account",
    f"{_KEY}: the zone $name belongs to another account, $account",
    "Set that one, or remove zoneId and accountId",
    setting="cloudflare.accountId",
)
ZONE_UNKNOWN = Situation(
    "zone-unknown",
    f"{_KEY}: whether $host is in this zone is unknown: the API token may not read its name, and its DNS records "
    "have $has in common",
    f"Give the token the permission {ZONE_READ}",
    _WARNING,
    "cloudflare.zoneId",
)
ZONE_INACTIVE = Situation(
    "zone-inactive",
    f"{_KEY}: the zone $subject is $status at Cloudflare, and its DNS records are not published",
    "Finish its setup in the dashboard (Overview: name servers)",
    setting="host",
)
ZONE_PAUSED = Situation(
    "zone-paused",
    f"{_KEY}: the zone $subject is paused, and $host needs its proxy",
    "Enable Cloudflare in the dashboard (Overview, Advanced Actions)",
    setting="host",
)
CERTIFICATE_MISSING = Situation(
    "certificate-missing",
    f"{_KEY}: no certificate of the zone covers $subject. Universal SSL covers $zone and *.$zone",
    "Choose a host directly below $zone, or order a certificate in the dashboard (SSL/TLS, Edge Certificates)",
    setting="host",
)
CERTIFICATE_UNKNOWN = Situation(
    "certificate-unknown",
    CERTIFICATE_MISSING.text.replace(
        "no certificate of the zone covers $subject", "$subject is more than one label below its zone"
    ),
    f"{CERTIFICATE_MISSING.remedy}. If there is one, give the API token the permission {CERTIFICATES_READ}",
    setting="host",
)
TUNNEL_MISSING = Situation(
    "tunnel-missing",
    f"{_KEY}: the account has no tunnel $name",
    f"It has: $has. For one of this stack's own, set {PROJECT}:cloudflare.kind to ownTunnel",
    setting="cloudflare.tunnel",
)
TUNNEL_REMOTE = Situation(
    "tunnel-remote",
    f"{_KEY}: the rules of tunnel $subject are managed at Cloudflare, and its cloudflared ignores those in a file",
    "Set it to sharedTunnel",
    setting="cloudflare.kind",
)
CONNECTOR_MISSING = Situation(
    "connector-missing",
    f"{_KEY} is not set, and no workload of the cluster runs cloudflared with a configuration file",
    "Name the tunnel: the dashboard lists yours under Zero Trust, Networks, Tunnels",
    setting="cloudflare.tunnel",
)
CONNECTORS_SEVERAL = Situation(
    "connectors-several",
    f"{_KEY}: several workloads run cloudflared with a configuration file",
    "Name the ConfigMap of the one that this stack uses, or its tunnel. They read: $has",
    setting="cloudflare.config",
)
TUNNEL_UNNAMED = Situation(
    "tunnel-unnamed",
    f"{_KEY}: the tunnel of $subject is unknown: neither its arguments nor its file name one that can be read",
    "Name it: the dashboard lists yours under Zero Trust, Networks, Tunnels",
    setting="cloudflare.tunnel",
)
CONNECTOR_ELSEWHERE = Situation(
    "connector-of-another-tunnel",
    f"{_KEY}: the pods of $subject run another tunnel than $name, so that their file is not its file",
    "Name the tunnel that they run, or leave it out",
    setting="cloudflare.tunnel",
)
MANAGER_UNKNOWN = Situation(
    "manager-unknown",
    "whether the rules of tunnel $subject are managed at Cloudflare or in a file is unknown: Cloudflare's API does "
    "not say",
    "If the dashboard lists public hostnames under the tunnel, set cloudflare.kind to sharedTunnel",
    _WARNING,
)
DOCUMENT_INVALID = Situation(
    "document-invalid",
    "$subject: the document $fault, so that cloudflared refuses it at its next start, or this stack can't judge it",
    "`cloudflared tunnel ingress validate` says what is wrong",
    _WARNING,
)
RULE_TO_WRITE = Situation(
    "rule-to-write",
    "no rule leads $host through the tunnel, or none that this stack can read",
    "$how",
    _WARNING,
    snippet="$lines",
)
RULE_SHADOWED = Situation(
    "rule-behind-others",
    "$subject has a rule that leads $host to Immich, but earlier rules take its requests: $taking",
    "Move it before them, and restart cloudflared",
    _WARNING,
)
RULE_NOT_RUNNING = Situation(
    "rule-not-running",
    "$subject leads $host to Immich, but the running cloudflared does not: it reads the file only at its start",
    "Restart the cloudflared pods that read it",
    _WARNING,
)
DOCUMENT_KEPT = Situation("document-kept", "$subject is not written by this stack: $reason", severity=_NEWS)
CONNECTORS_ELSEWHERE = Situation(
    "connectors-elsewhere",
    "the tunnel has $count connectors, and $pods pods read $subject: any other cloudflared has a file of its own, "
    "without the rule for the host",
    "Stop it, or give it the same ConfigMap. If cloudflared has just been restarted, wait a minute",
)
RUNNING_UNKNOWN = Situation(
    "running-unknown",
    "the rules that cloudflared runs are unknown: only this stack has checked $subject",
    "`cloudflared tunnel ingress validate` checks it",
    _NEWS,
)
RESTART_CHANGES = Situation(
    "restart-changes",
    "restarting cloudflared also activates earlier changes to $subject: $changes",
    severity=_WARNING,
)
ORIGIN_MISSING = Situation(
    "origin-missing",
    f"{_KEY}: the cluster has no $subject",
    "`kubectl get services -A` lists what it has",
    setting="cloudflare.origin.service",
)
ORIGIN_PORT_MISSING = Situation(
    "origin-port-missing",
    f"{_KEY}: $subject has no TCP port $port",
    "It has: $has",
    setting="cloudflare.origin.port",
)
ORIGIN_OF_SERVICE = Situation(
    "origin-is-a-service",
    f"{_KEY}: this is the address of $subject, and the connector's NetworkPolicy admits only Services that are named",
    "Set namespace, service and port of that Service instead",
    setting="cloudflare.origin.url",
)
ORIGIN_SCHEME = Situation(
    "origin-scheme-differs",
    f"{_KEY}: port $port of $subject speaks $speaks, and the tunnel would call it over $called",
    "Set it to $speaks, or name another port",
    setting="cloudflare.origin.scheme",
)
ORIGIN_CERTIFICATE = Situation(
    "origin-certificate-unverified",
    f"{_KEY}: cloudflared checks that the certificate of $subject is for that name, and answers 502 where it is not",
    "Set it to a name in the certificate, or matchSNItoHost: true where it has one for the host, or noTLSVerify: true",
    _WARNING,
    "cloudflare.origin.originServerName",
)
ORIGIN_SERVER_NAME = Situation(
    "origin-server-name",
    f"{_KEY}: the Gateway's listener is chosen by the server name, and cloudflared asks for that of $subject",
    "Set it to $host, or matchSNItoHost: true",
    _WARNING,
    "cloudflare.origin.originServerName",
)
ORIGIN_REDIRECTS = Situation(
    "origin-redirects",
    f"{_KEY}: $subject serves the host over https alone, and over http redirects without end or answers 404: $reason",
    "Set it to https with originServerName or noTLSVerify, or have http served there",
    _WARNING,
    "cloudflare.origin.scheme",
)
CONNECTOR_OUTSIDE = Situation(
    "connector-outside",
    f"{_KEY}: the tunnel $subject is connected, and no pod of the cluster runs cloudflared: $service is not reached "
    "from outside the cluster",
    "Set it to what that cloudflared reaches, such as http://192.168.1.10 or https://192.168.1.10",
    _WARNING,
    "cloudflare.origin.url",
)
CLUSTER_DOMAIN = Situation(
    "cluster-domain-unknown",
    f"{_KEY}: the cluster's domain is assumed to be $assumed, and rules of the tunnel lead to Services in $subject",
    "Set it to the cluster's own, which `kubectl get configmap -n kube-system coredns -o yaml` shows",
    _WARNING,
    "cluster.domain",
)
CONNECT_TIMEOUT = Situation(
    "connect-timeout",
    "the tunnel $subject sets a connectTimeout for all its rules, which makes cloudflared fail connections at once "
    "(cloudflared issue 1702)",
    "Remove it from the tunnel's originRequest",
    _WARNING,
)
SIBLING_AMBIGUOUS = Situation(
    "sibling-ambiguous",
    f"{_KEY}: $sibling needs one record of type A, AAAA or CNAME, in the zone of $host",
    "It has: $has",
    setting="cloudflare.sameAs",
)
SIBLING_IS_THE_HOST = Situation(
    "sibling-is-the-host",
    f"{_KEY}: $sibling points at $host itself",
    "Name another host",
    setting="cloudflare.sameAs",
)
SIBLING_INTO_TUNNEL = Situation(
    "sibling-into-tunnel",
    f"{_KEY}: the record of $sibling leads into a tunnel and is not proxied, which never works",
    "Set target and proxied: true in place of sameAs",
    setting="cloudflare.sameAs",
)
SIBLING_UNPROXIED = Situation(
    "sibling-unproxied",
    f"{_KEY}: $sibling is not proxied, and Cloudflare Access protects only proxied hosts",
    setting="cloudflare.sameAs",
)
RECORD_NOT_OURS = Situation(
    "record-not-ours",
    f"{_KEY}: a DNS record exists that is not managed by this stack: $subject",
    f"To adopt it, {_ADOPT}, or remove it at Cloudflare",
    setting="host",
)
RECORD_IN_THE_WAY = Situation(
    "record-in-the-way",
    f"{_KEY}: the DNS record $subject conflicts with the $type record that this stack creates for the host",
    "Remove it at Cloudflare",
    setting="host",
)
COMMENT_TOO_LONG = Situation(
    "comment-too-long",
    "the DNS record's comment would name the stack $subject, and Cloudflare takes at most $limit characters",
    "Choose a shorter name: pulumi stack rename --stack $stack NAME",
)
_KEPT = "Its comment and tags stay. Its former target is restored on destroy, unless the record is changed meanwhile"
RECORD_ADOPTED = Situation("record-adopted", "the DNS record $subject will be adopted", _KEPT, _WARNING)
RECORD_ADOPTED_AND_CHANGED = Situation(
    "record-adopted-and-changed", "the DNS record $subject will be adopted, and becomes $becomes", _KEPT, _WARNING
)
RULE_ADOPTED = Situation(
    "rule-adopted", "this rule will be adopted, and restored when this stack is removed: $subject", severity=_WARNING
)
TUNNEL_TAKEN = Situation(
    "tunnel-taken",
    f"{_KEY}: the account has a tunnel $subject ($id) that is not managed by this stack",
    "Choose another name, or use it with kind sharedTunnel. If an interrupted `up` left it, delete it in the dashboard",
    setting="cloudflare.tunnel",
)
OWN_TUNNEL_DELETED = Situation(
    "own-tunnel-deleted",
    "the tunnel $subject of this stack was deleted at Cloudflare, which Pulumi's provider does not notice",
    "To have it recreated, take it out of the state, then run `up`: pulumi state delete --stack $stack --force "
    "--target-dependents '$urn'",
    setting="cloudflare.tunnel",
)
_LEFT = "an interrupted `up` left the $kind $subject ($id)"
LEFT_IN_THE_WAY = Situation(
    "left-in-the-way", f"{_KEY}: {_LEFT}", "Delete it in the dashboard", setting="cloudflare.access"
)
LEFT_BEHIND = Situation("left-behind", _LEFT, "Delete it in the dashboard (Zero Trust, Access)", _WARNING)
APPLICATION_NOT_OURS = Situation(
    "application-not-ours",
    f"{_KEY}: the Access application $subject protects $host already",
    "Remove it in the dashboard, or leave access out here",
    setting="cloudflare.access",
)
APPLICATION_BEFORE = Situation(
    "application-before",
    "the Access application $subject protects $domain, and blocks Immich's mobile app at $host",
    f"Set {_KEY} for the whole host, or remove that application in the dashboard (Zero Trust, Access, Applications)",
    _WARNING,
    "cloudflare.access",
)
PAGE_NOT_GUARDED = Situation(
    "page-not-guarded",
    f"{_KEY}: the Access application $subject protects $domain, and controls who can open the sign-in page",
    "Remove it in the dashboard (Zero Trust, Access, Applications), or choose another host",
    setting="photoSync.signIn.host",
)
APPLICATIONS_UNREADABLE = Situation(
    "applications-unreadable",
    "the API token may not read the applications of Cloudflare Access: whether one protects the host is unknown",
    f"It needs the permission {ACCESS_READ}",
    _NEWS,
    "cloudflare.access",
)
UPLOADS_LIMITED = Situation(
    "uploads-limited",
    "Cloudflare takes at most $limit MB in one request ($plan) and answers 413 to more, though $reason",
    "Immich does not upload in parts: upload larger videos at home, past Cloudflare. A response that takes longer "
    "than $seconds s ends in 524",
    _WARNING,
)
SERVICE_TOKEN_ENDS = Situation(
    "service-token-ends",
    "the mobile app's service token expires on $end, and the app loses access then",
    "Refresh it in the dashboard (Zero Trust, Access, Service auth): its id and secret stay as they are",
    _WARNING,
)
HOST_CHANGES = Situation(
    "host-changes",
    "the host changes from $subject to $host: the new DNS record is created, then $writes is changed, then the old DNS "
    "record is removed",
    "One of the two hosts is always served",
    _NEWS,
    "host",
)
HOST_CHANGES_WITH_A_GAP = Situation(
    "host-changes-with-a-gap",
    HOST_CHANGES.text,
    "Neither host is served between the changes of $between, for a few seconds",
    _NEWS,
    "host",
)

# removal

_NO_POD = (
    "Otherwise Immich's next pod does not start: its claim is deleted, or its namespace no longer admits pods that "
    "mount a directory of the node"
)
REMOVED_UNDER_CHART = Situation(
    "removed-under-chart",
    f"Immich's chart still mounts the photos ({_KEY}: chart)",
    f"Before you remove this stack, take what `$command` prints out of the chart's values, and deploy them. {_NO_POD}",
    _WARNING,
    "immich.mount",
)
MOUNT_REMAINS = Situation(
    "mount-remains",
    '$subject: "$manager" states the mount of the photos, too, and leaves it there',
    f"Remove it there before you remove this stack. {_NO_POD}",
    _WARNING,
    "immich.mount",
)
CLAIM_HELD = Situation(
    "claim-held",
    "$subject cannot be removed: pod $pod mounts it, and goes on doing so",
    "Take the mount out where the warning says, and deploy that. Then remove this stack",
)
PHOTOS_UNSEEN = Situation(
    "photos-unseen",
    "Immich keeps its libraries and no longer sees their photos",
    "Its next scan (each midnight, unless it was set otherwise before this stack) moves them to its trash, which is "
    "emptied after 30 days by default; then they leave their albums. The files stay. Deploy again before that, or "
    "turn the scan off in Immich at once (Administration, Settings, External Library)",
    _WARNING,
)
