"""Why what a dynamic resource is asked for cannot be applied: each situation with its code and its words."""

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
    "Two owners would fight over it: remove it there, or choose another name or path here",
)
ENTRIES_OF_ANOTHER_STACK = Situation(
    "entries-of-another-stack",
    "$subject: the stack $stack states $entries",
    f"Remove that stack first. {_LOST}",
)
ENTRIES_BY_HAND = Situation("entries-by-hand", '$subject: $entries was set by hand ("$manager")', _ADOPT)
ENTRIES_REFUSED = Situation("entries-refused", "$subject: the API server refuses this stack's entries: $reason")

# a library

_OTHER_NAME = "choose another immich.library.name"
USER_MISSING = Situation("user-missing", "Immich has no user $user whose photos these could be", "It has: $has")
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
    '$user has a library "$name" in Immich, which was not made by this stack',
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
    "Keep $id. Delete the other one, with an administrator's API key that has library.delete (its places in albums go, "
    "no file is deleted), then run `up`: kubectl port-forward -n $namespace service/$service 2283:$port and, beside "
    'it, curl -X DELETE -H "x-api-key: $$KEY" http://localhost:2283/api/libraries/$other_id',
)
PHOTOS_TWICE = Situation(
    "photos-twice",
    'the library "$name" of $user in Immich imports $theirs: the photos in $path would be there twice',
    "Remove that import path in Immich first (their places in albums go with it, the files stay), or name that library "
    "and its owner in immich.library",
)
PHOTOS_MOVED = Situation(
    "photos-moved",
    'the library "$name" in Immich has photos from $theirs',
    "From $path it would take each for a new one, in no album, and move the old ones to its trash: set "
    "immich-icloud:immich.mount.path back",
)

# rules of a tunnel

TUNNEL_GONE = Situation("tunnel-gone", "there is no tunnel $subject", "It may have been deleted: name another one")
TUNNEL_INVALID = Situation(
    "tunnel-invalid", "the configuration of tunnel $subject $fault", "Correct it in the dashboard first"
)
TUNNEL_DELETED = Situation(
    "tunnel-deleted", "the tunnel $subject ($id) was deleted", "Name another one, or use kind ownTunnel"
)
TUNNEL_LOCAL = Situation(
    "tunnel-local",
    "$reason",
    "Let immich-icloud:cloudflare be {kind: localTunnel, tunnel: $id}, and `preview` prints the lines for it",
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
    "the tunnel has a rule for this host already, which was not made by this stack: $subject",
    f"{_ADOPT}, or remove it in the dashboard",
)
RULE_PLACED = Situation("rule-placed", "the rule $subject goes before $other", severity=Severity.NEWS)
REQUESTS_MOVED = Situation(
    "requests-moved",
    "requests for $host whose path matches $path went by $other",
    "They move to this stack's rule",
    Severity.NEWS,
)

# a rule in the file of a locally managed tunnel

FILE_KEPT = Situation(
    "file-kept", "the rule cannot be written: $reason", "`preview` prints the lines for the file's owner to add"
)
FILE_INVALID = Situation(
    "file-invalid",
    "$subject: the document $fault, so that nothing is written and nothing restarted",
    "Correct it first: cloudflared would not start with it. `cloudflared tunnel ingress validate` says what is wrong",
)
FILE_RULE_NOT_OURS = Situation(
    "file-rule-not-ours",
    "key $key of $holder has a rule for this host already, which was not made by this stack: $subject",
    f"{_ADOPT}, or remove it from the file",
)
FILE_RULE_PASSED = Situation(
    "file-rule-passed",
    "the rule $subject gets no request while this stack's stands before it",
    "It stays in the file, and gets them again when this stack is removed",
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
    "the rollout of $subject is paused, so that cloudflared would not read the rule",
    "`kubectl rollout resume` it first",
)
CONNECTOR_RESTARTS = Situation(
    "connector-restarts",
    "$subject restarts to read the rule for $host. Interrupted meanwhile: $hosts",
    severity=Severity.WARNING,
)
PATHS_UNJUDGED = Situation(
    "paths-unjudged",
    "$subject: whether cloudflared takes the path expressions $paths is unknown: they are Go's",
    "`cloudflared tunnel ingress validate` checks them",
    Severity.WARNING,
)
