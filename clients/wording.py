"""Why the inputs of a dynamic resource cannot be applied: each situation with its code and its message."""

from typing import Final

from text.finding import Severity, Situation

_ADOPT: Final = "To adopt it, set immich-icloud:adoptExisting to true for one `up`"
_LOST: Final = "If its state is lost, set immich-icloud:adoptExisting to {from: $stack} for one `up`"

# entries of an object

OBJECT_MISSING = Situation("object-missing", "$subject does not exist")
ENTRIES_UNOWNED = Situation("entries-unowned", "$subject: $entries exists, and its owner is unknown", _ADOPT)
ENTRIES_OF_ANOTHER = Situation(
    "entries-of-another",
    '$subject: "$manager" already states $entries',
    "Remove it there, or choose another name or path here",
)
ENTRIES_OF_ANOTHER_STACK = Situation(
    "entries-of-another-stack",
    "$subject: the stack $stack states $entries",
    f"Remove that stack first. {_LOST}",
)
ENTRIES_BY_HAND = Situation("entries-by-hand", '$subject: $entries was set by hand ("$manager")', _ADOPT)
ENTRIES_REFUSED = Situation("entries-refused", "$subject: the API server refuses this stack's entries: $reason")
CLAIM_GOES_WITH_POD = Situation(
    "claim-goes-with-pod",
    "$subject is being deleted, and only the pods of $workload keep it: their restart would remove the claim, and its "
    "data where the volume's reclaim policy is Delete",
    "Copy its data to a claim that stays, and have Immich mount that one",
)

# a library

_OTHER_NAME = "choose another immich.library.name"
USER_MISSING = Situation("user-missing", "Immich has no user $user", "It has: $has")
LIBRARIES_ALIKE = Situation(
    "libraries-alike", '$user has $count libraries "$name" in Immich ($ids)', "Rename all but one of them"
)
LIBRARY_OF_ANOTHER_STACK = Situation(
    "library-of-another-stack",
    'the library "$name" of $user in Immich belongs to the stack $stack',
    f"Remove that stack first, or {_OTHER_NAME}. {_LOST}",
)
LIBRARY_NOT_OURS = Situation(
    "library-not-ours",
    '$user has a library "$name" in Immich that is not managed by this stack',
    f"{_ADOPT}, or {_OTHER_NAME}",
)
_TWICE = (
    'the libraries "$name" ($id) and "$other" ($other_id) of $user in Immich both import $path: every photo is there '
    "twice"
)
FOLDER_SHARED = Situation(
    "folder-shared",
    _TWICE,
    "Keep $id. Remove from $other_id the import paths that overlap $path, then run `up`; no file is deleted",
)
FOLDER_IMPORTED_TWICE = Situation(
    "folder-imported-twice",
    _TWICE,
    "Keep $id. Delete the other one, with an administrator's API key that has library.delete (its photos leave their "
    "albums, no file is deleted), then run `up`: kubectl port-forward -n $namespace service/$service 2283:$port and, "
    'beside it, curl -X DELETE -H "x-api-key: $$KEY" http://localhost:2283/api/libraries/$other_id',
)
PHOTOS_TWICE = Situation(
    "photos-twice",
    'the library "$name" of $user in Immich imports $theirs: the photos in $path would be there twice',
    "Remove that import path in Immich first (its photos leave their albums, the files stay), or name that library "
    "and its owner in immich.library",
)
PHOTOS_MOVED = Situation(
    "photos-moved",
    'the library "$name" in Immich has photos from $theirs',
    "Set immich-icloud:immich.mount.path back. From $path Immich would import each as a new photo, in no album, and "
    "move the old ones to its trash",
)

# rules of a tunnel

TUNNEL_GONE = Situation("tunnel-gone", "the tunnel $subject does not exist", "Name another one")
TUNNEL_INVALID = Situation(
    "tunnel-invalid", "the configuration of tunnel $subject $fault", "Correct it in the dashboard first"
)
TUNNEL_DELETED = Situation(
    "tunnel-deleted", "the tunnel $subject ($id) was deleted", "Name another one, or use kind ownTunnel"
)
TUNNEL_LOCAL = Situation(
    "tunnel-local",
    "$reason",
    "Set immich-icloud:cloudflare to {kind: localTunnel, tunnel: $id}; `preview` then prints the lines for it",
)
TUNNEL_UNCLEAR = Situation("tunnel-unclear", "$reason")
RULE_OF_ANOTHER_STACK = Situation(
    "rule-of-another-stack",
    "the stack $stack leads $host through the same tunnel, and a host has one route: remove it there first, or "
    "choose another immich-icloud:host",
    f"{_LOST}. If that stack no longer exists: kubectl delete lease -n $namespace $lease",
)
RULE_NOT_OURS = Situation(
    "rule-not-ours",
    "the tunnel has a rule for this host that is not managed by this stack: $subject",
    f"{_ADOPT}, or remove it in the dashboard",
)
RULE_PLACED = Situation("rule-placed", "the rule $subject goes before $other", severity=Severity.NEWS)
REQUESTS_MOVED = Situation(
    "requests-moved",
    "requests for $host whose path matches $path move from $other to this stack's rule",
    severity=Severity.NEWS,
)

# a rule in the file of a locally managed tunnel

FILE_KEPT = Situation(
    "file-kept", "the rule cannot be written: $reason", "`preview` prints the lines for the file's owner to add"
)
FILE_INVALID = Situation(
    "file-invalid",
    "$subject: the document $fault, so nothing is written or restarted",
    "Correct it first: cloudflared would not start with it. `cloudflared tunnel ingress validate` says what is wrong",
)
FILE_RULE_NOT_OURS = Situation(
    "file-rule-not-ours",
    "key $key of $holder has a rule for this host that is not managed by this stack: $subject",
    f"{_ADOPT}, or remove it from the file",
)
FILE_RULE_PASSED = Situation(
    "file-rule-passed",
    "the rule $subject gets no requests, as this stack's rule precedes it",
    "It stays in the file, and takes effect again when this stack is removed",
    Severity.WARNING,
)
FILE_APPLIED = Situation(
    "file-applied",
    "$subject is applied from a file with kubectl: the next `kubectl apply` takes the rule out",
    "Add the lines to that file, or run `up` after each `kubectl apply`",
    Severity.WARNING,
)
CONNECTOR_PAUSED = Situation(
    "connector-paused",
    "the rollout of $subject is paused, so cloudflared would not read the rule",
    "Run `kubectl rollout resume` first",
)
CONNECTOR_RESTARTS = Situation(
    "connector-restarts",
    "$subject restarts to read the rule for $host. Interrupted meanwhile: $hosts",
    severity=Severity.WARNING,
)
PATHS_UNJUDGED = Situation(
    "paths-unjudged",
    "$subject: whether cloudflared accepts the path expressions $paths is unknown: they are in Go's syntax",
    "`cloudflared tunnel ingress validate` checks them",
    Severity.WARNING,
)
