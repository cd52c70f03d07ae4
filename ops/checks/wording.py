"""What `make verify` can find to be wrong: each situation with its code, its likely cause and the next command.

What was seen is the check's to say, as `$evidence`. In a command `$stack` and such differ from stack to stack.
"""

from settings import PROJECT
from text.command import Command, ConfigSet
from text.finding import Situation


def make(target: str, account: str = "") -> str:
    """Name a command of the Makefile on the stack that is checked."""
    return str(Command(target, "$stack", account))


def store(key: str, value: str = "") -> str:
    """Name the command that sets a key of the stack file; without a value, a secret that Pulumi asks for."""
    return str(ConfigSet("$stack", f"{PROJECT}:{key}", value, secret=not value))


UP, PREVIEW, MARK_DISK, SYNC = make("up"), make("preview"), make("mark-disk"), make("sync-now", "$account")


def _fault(code: str, cause: str, command: str, snippet: str = "") -> Situation:
    return Situation(code, "$evidence", command, cause=cause, snippet=snippet)


# Immich

IMMICH_MISSING = _fault(
    "immich-missing",
    "Immich is not deployed there, or has another name: immich.namespace and immich.deployment",
    "kubectl get deployments,statefulsets,daemonsets --all-namespaces",
)
DISK_NOT_MOUNTED = _fault(
    "disk-not-mounted",
    "the photo disk is not mounted on its node: mount it, and Immich starts by itself. Mark it only if it is mounted, "
    "with its photos: with a marker file on an empty directory, Immich would move every photo to its trash",
    MARK_DISK,
)
POD_NOT_READY = _fault("pod-not-ready", "see the pod's events", "kubectl describe pod -n $immich $pod")
POD_NOT_ADMITTED = _fault(
    "pod-not-admitted", "the PodSecurity labels of the namespace were removed or made stricter", UP
)
POD_REFUSED = _fault(
    "pod-refused",
    "see the API server's reason",
    "kubectl get events -n $immich --field-selector reason=FailedCreate",
)
SCALED_DOWN = _fault("scaled-down", "Immich was scaled down", "kubectl scale $kind -n $immich $workload --replicas=1")
PHOTOS_NOT_MOUNTED = _fault(
    "photos-not-mounted", "the entries of this stack in Immich's workload were changed or removed", UP
)
CHART_LACKS_MOUNT = _fault(
    "chart-lacks-mount",
    "Immich's chart was given the mount (immich.mount: chart) and lacks these values, or they are not deployed yet",
    make("chart-values"),
)

# the photo disk

LABELS_TOO_STRICT = _fault(
    "labels-too-strict", "the PodSecurity labels of the namespace were removed or made stricter", UP
)
NODE_MISSING = _fault(
    "node-missing",
    "the node has left the cluster, or has another name: storage.node",
    "kubectl get nodes -L kubernetes.io/hostname",
)
DIRECTORY_JOB_MISSING = _fault(
    "directory-job-missing", "the Job that makes the directory was removed, or never ran", UP
)
DIRECTORY_JOB_FAILED = _fault("directory-job-failed", "see the Job's message", UP)
DIRECTORY_UNMARKED = _fault(
    "directory-unmarked",
    f"the right disk is not mounted on its node: mount it, then `{UP}`. If it is mounted, the directory was there "
    "before, or another disk was marked since, and this one was not confirmed",
    f"{MARK_DISK} && {UP}",
)
OWNER_CHANGED = _fault("owner-changed", "storage.owner was changed since the last `up`", UP)
DIRECTORY_NOT_OWNED = _fault(
    "directory-not-owned",
    "storage.owner was changed, or the directory was there before: see what is in it, and give it to that owner",
    f"{MARK_DISK} && {UP}",
)
FOLDER_NOT_WRITABLE = _fault(
    "folder-not-writable",
    "the owner of a folder on the disk was changed: see what is in it, and give it to storage.owner",
    MARK_DISK,
)
# Only a sync looks again.
MARK_MISSING = _fault(
    "mark-missing",
    f"the photo disk is not mounted on its node: mount it, then `{SYNC}`. If it is mounted, with its photos, it "
    "has lost its marker file, or another disk was marked since",
    f"{MARK_DISK} && {SYNC}",
)
DISK_FULL = _fault(
    "disk-full",
    "photos or something else fill the disk, and photoSync.minFreeSpace says what stays free: make room there, then",
    SYNC,
)
NODE_UNDER_PRESSURE = _fault(
    "node-under-pressure",
    "the node's own filesystem is full, so that it evicts pods; photos that are on it belong on a disk or a Talos user "
    "volume of their own",
    "kubectl describe node -l kubernetes.io/hostname=$node",
)
VOLUME_MISSING = _fault("volume-missing", "the volume or its claim was removed", UP)
VOLUME_RELEASED = _fault(
    "volume-released",
    "the claim was deleted, and the volume still waits for that one. The photos are safe",
    """kubectl patch pv $volume --type=json -p '[{"op": "remove", "path": "/spec/claimRef/uid"}]'""",
)
CLAIM_UNBOUND = _fault(
    "claim-unbound", "the claim requests what the volume does not offer", "kubectl describe pvc -n $namespace $claim"
)

# Immich's Service

_PATCH = (
    "kubectl patch service -n $immich $service --type=json "
    """-p '[{"op": "add", "path": "/spec/%s", "value": $value}]'"""
)
SERVICE_MISSING = _fault(
    "service-missing", "Immich's Service has another name: immich.service.name", "kubectl get services -n $immich"
)
# Its port is its owner's to choose, and others may use it: this stack follows.
PORT_MISSING = _fault(
    "port-missing",
    "Immich's Service listens elsewhere than immich.service.port says",
    f"{store('immich.service.port', '$value')} && {UP}",
)
SELECTOR_CHANGED = _fault(
    "selector-changed", "the Service's selector was changed: it selects no pod of Immich", _PATCH % "selector"
)
TARGET_PORT_CHANGED = _fault(
    "target-port-changed",
    "the Service's targetPort was changed: nothing listens there in Immich's pod",
    _PATCH % "ports/$place/targetPort",
)
NO_ENDPOINTS = _fault(
    "no-endpoints",
    "the pods that the Service selects are not ready, or were a moment ago",
    "kubectl describe service -n $immich $service",
)
IMMICH_SILENT = _fault(
    "immich-silent",
    "nothing listens at the Service's targetPort in the pod, or what does is not Immich, or hangs: its log says which",
    "kubectl logs -n $immich $kind/$workload --tail=50",
)

# the route

ROUTE_MISSING = _fault("route-missing", "the route was removed", UP)
ROUTE_CHANGED = _fault("route-changed", "the route was changed", UP)
CLASS_MISSING = _fault(
    "class-missing",
    "the ingress controller is not installed, or its class has another name: route.className",
    "kubectl get ingressclasses",
)
CLASS_RENAMED = _fault(
    "class-renamed",
    "the ingress controller's class has another name than route.className",
    f"{store('route.className', '$ingress_class')} && {UP}",
)
HOST_SERVED_TWICE = _fault(
    "host-served-twice",
    "another route serves the same host, and the controller takes the older one: take its rule out",
    "kubectl edit $kind -n $namespace $name",
)
ROUTE_NOT_ACCEPTED = _fault(
    "route-not-accepted",
    "the Gateway does not take the route: its listeners, or allowedRoutes",
    "kubectl describe httproute -n $immich $name",
)

# Cloudflare

ZONE_MISSING = _fault(
    "zone-missing",
    "the API token may not read the host's zone, or the host lies in no zone of the account",
    store("cloudflareToken"),
)
RECORD_MISSING = _fault("record-missing", "the host's DNS record was removed", UP)
RECORD_CHANGED = _fault("record-changed", "the host's DNS record was changed", UP)
TUNNEL_MISSING = _fault("tunnel-missing", "the tunnel was deleted, or has another name: cloudflare.tunnel", PREVIEW)
NO_CONNECTORS = _fault(
    "no-connectors",
    "no cloudflared runs the tunnel, or it cannot reach Cloudflare (port 7844)",
    "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared",
)
OWN_CONNECTORS_DOWN = _fault(
    "own-connectors-down",
    "this stack's cloudflared does not run, or cannot reach Cloudflare (port 7844)",
    "kubectl rollout restart -n $namespace deployment/cloudflared",
)
RULE_MISSING = _fault("rule-missing", "this stack's rule in the tunnel was removed or changed", UP)
RULE_SHADOWED = _fault("rule-shadowed", "another rule before this stack's takes its requests", UP)
RULE_IMPOSSIBLE = _fault("rule-impossible", "the tunnel's other rules leave no place for this stack's", PREVIEW)
TUNNEL_FILE_INVALID = _fault(
    "tunnel-file-invalid",
    "cloudflared refuses the file at its next start, and then serves no host; the evidence says why",
    "cloudflared tunnel --config FILE ingress validate",
)
FILE_RULE_SHADOWED = _fault(
    "file-rule-shadowed",
    "a rule before this stack's takes its requests: move it behind, and restart cloudflared",
    PREVIEW,
)
FILE_RULE_MISSING = _fault(
    "file-rule-missing",
    "the lines are not in cloudflared's file yet: put them into its source, then restart cloudflared",
    PREVIEW,
    "$lines\n",
)
FILE_RULE_NOT_RUNNING = _fault(
    "file-rule-not-running",
    "cloudflared reads its file once: restart the workload that the evidence names",
    "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared",
)

# the host as the internet sees it

NAME_MISSING = _fault(
    "name-missing", "the host has no DNS record at the name servers of its zone", "dig +short $host @1.1.1.1"
)
NAME_NOT_YET_KNOWN = _fault(
    "name-not-yet-known",
    "the record is right at Cloudflare and has not reached this machine's resolver: resolvers cache a "
    "missing name for up to half an hour",
    "dig +short $host @1.1.1.1",
)
ADDRESS_CHANGED = _fault(
    "address-changed",
    "an older record is still cached, or the zone's name servers are not Cloudflare's",
    "dig +trace $host",
)
HOST_SILENT = _fault(
    "host-silent",
    "the request never reaches Immich: look at the first failure above, then",
    "curl -v https://$host/api/server/ping",
)
CERTIFICATE_INVALID = _fault(
    "certificate-invalid",
    "there is no valid certificate for this host: a name two levels below the zone is not in Cloudflare's own, and one "
    "that is not proxied needs the ingress controller's",
    "curl -v https://$host/",
)
NOT_IMMICH = _fault(
    "not-immich", "something else than Immich answers for the host", "curl -i https://$host/api/server/ping"
)
ORIGIN_UNREACHABLE = _fault(
    "origin-unreachable",
    "Cloudflare cannot reach a connector, or the connector cannot reach the Service",
    "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared",
)
SERVED_IN_PLAIN = _fault(
    "served-in-plain",
    '"Always Use HTTPS" is off for the zone (SSL/TLS, Edge Certificates), and passwords of Immich are sent unencrypted',
    "curl -i http://$host/",
)
NO_WEB_SOCKET = _fault(
    "no-web-socket",
    "web sockets are off for the zone (Network), or a proxy on the way drops the upgrade: pages do not refresh"
    " by themselves",
    "curl -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' 'https://$host/api/socket.io/?EIO=4&transport=websocket'",
)
UPLOAD_TOO_LARGE = _fault(
    "upload-too-large",
    "the ingress controller takes less than Cloudflare does: route.annotations, and on ingress-nginx",
    f"""{store('route.annotations["nginx.ingress.kubernetes.io/proxy-body-size"]', "0")} && {UP}""",
)
UPLOAD_BROKEN_OFF = _fault(
    "upload-broken-off",
    "the line or a proxy on the way is too slow for an upload of that size: its time-outs, as in route.annotations",
    "kubectl get ingress -n $immich -o yaml",
)
ACCESS_MISSING = _fault("access-missing", "the Access application was removed or changed: Immich is public", UP)
PAGE_OPEN = _fault(
    "page-open",
    "Access does not protect the page to sign in at Apple: whoever knows its host sees an account's settings there",
    UP,
)
ACCESS_UNEXPECTED = _fault(
    "access-unexpected",
    "an unmanaged Access application covers the host, and the mobile app has no access. Remove it in the dashboard, "
    "or set cloudflare.access",
    "curl -i https://$host/",
)

# the sync

# Only what a sync says of the session can be seen, so that one has to follow.
_LOGIN = f"{make('icloud-login', '$account')} && {SYNC}"
SIGNED_OUT = _fault("signed-out", "Apple's session of the account has ended, or never began", _LOGIN)
SESSION_ENDS = _fault(
    "session-ends", "Apple's sessions last 30 to 60 days; this one does not last until the next scheduled sync", _LOGIN
)
CRON_JOB_MISSING = _fault("cron-job-missing", "the account's CronJob was removed", UP)
CRON_JOB_SUSPENDED = _fault(
    "cron-job-suspended",
    "the account's CronJob is suspended",
    """kubectl patch cronjob -n $sync $cron_job --type=merge -p '{"spec": {"suspend": false}}'""",
)
SYNC_NOT_STARTED = _fault(
    "sync-not-started",
    "see the reason of the API server, scheduler or kubelet: a quota, a LimitRange or an admission policy of the "
    "namespace, no node with room, a missing volume or image",
    "kubectl get events -n $sync --field-selector type=Warning --sort-by=.lastTimestamp",
)
SYNC_FAILED = _fault("sync-failed", "see the sync's message; the next sync continues from there", SYNC)
SYNC_OVERDUE = _fault(
    "sync-overdue", "the CronJob's runs were missed: the cluster was down, or the runs before did not end", SYNC
)
NOT_SENT = _fault(
    "notification-not-sent",
    "the URL is wrong, its server is down, or the cluster's network blocks its port",
    make("notify-test"),
)

# Immich's libraries

LIBRARY_MISSING = _fault(
    "library-missing", "the library was removed or renamed in Immich, or given to another user", UP
)
IMPORT_PATH_MISSING = _fault("import-path-missing", "the import path was removed from the library in Immich", UP)
FOLDER_UNSEEN = _fault(
    "folder-unseen",
    "the folder was removed from the disk, where the Job recreates it when it runs again, or Immich's container may "
    "not read it",
    f"kubectl delete job -n $sync $job && {UP}",
)
SETTINGS_CHANGED = _fault(
    "settings-changed", "they were changed in Immich (Administration, Settings, External Library)", UP
)
NEVER_SCANNED = _fault(
    "never-scanned",
    "Immich has not scanned the library, or found none of its import paths when it did",
    SYNC,
)
NEVER_SCANNED_WITHOUT_SYNC = _fault(
    "never-scanned-without-sync",
    "Immich has not scanned the library. Start it there (Administration, External Libraries), then see what it says",
    "kubectl logs -n $immich $kind/$workload --tail=50",
)
SCAN_OVERDUE = _fault(
    "scan-overdue",
    "Immich's own scan is off, its server did not run when it was time, or it saw none of the library's folders then",
    SYNC,
)

PHOTOS_MISSING = _fault(
    "photos-missing",
    "Immich's scan skipped the files, or could not read or import them; its log may say why. Then scan again",
    "kubectl logs -n $immich $kind/$workload --tail=200",
)

# drift

DRIFT = _fault(
    "drift", "what this stack states was changed or removed, or its stack file was changed since the last `up`", UP
)
TRACKED_BY_ARGOCD = _fault(
    "tracked-by-argocd",
    "ArgoCD still tracks an object that this stack adopted, and would undo or remove it. Preview says how to hand "
    "it over",
    PREVIEW,
)
MANAGED_ELSEWHERE = _fault(
    "managed-elsewhere",
    "another tool still manages an object that this stack adopted, and would undo or remove it. Preview says how "
    "to hand it over",
    PREVIEW,
)
ENTRIES_STATED_TWICE = _fault(
    "entries-stated-twice",
    "$manager states entries of this stack, too, and replaces them at its next sync. Take them out of "
    "its source, or have ArgoCD ignore them in its Application",
    "kubectl get $resource $place -o yaml --show-managed-fields",
    """\
spec:
  ignoreDifferences:
    - group: "$group"
      kind: $kind
      name: $name
      managedFieldsManagers:
        - $ours
  syncPolicy:
    syncOptions:
      - RespectIgnoreDifferences=true
""",
)
MOUNT_STATED_TWICE = _fault(
    "mount-stated-twice",
    "$manager states the photos' mount, too. Leave it to Immich's chart with immich.mount: chart, or have it here "
    "alone: preview says how, so that Immich never misses it",
    PREVIEW,
)
