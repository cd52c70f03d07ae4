"""What an adopted volume or claim keeps of its own: everything but which disk it is.

Most of these fields are immutable: class, access modes, the type of a hostPath, volumeMode, node affinity.
"""

from collections.abc import Mapping

from clients.kubernetes import Manifest, Ref
from clients.likeness import same_quantity, value_at
from clients.nodes import HOST_NAME
from clients.volumes import directory, source
from components.ownership import ADOPTED_MARK, Ownership

# On what this stack made again with the values of an object that it had adopted: it goes with the stack.
VALUES_MARK = "immich-icloud/values"


def keeps(known: Manifest, owner: Ownership) -> bool:
    """Whether an object of this stack keeps values that others set."""
    annotations = known["metadata"].get("annotations") or {}
    return owner.owns(known) and not annotations.keys().isdisjoint({ADOPTED_MARK, VALUES_MARK})


def keeping(wanted: Manifest, kept: Mapping[Ref, Manifest], *, adopted: bool) -> Manifest:
    """Return the volume or claim with the values that it keeps, where it does.

    Args:
        wanted: the object as the settings alone would have it.
        kept: objects that keep their values, as they are, or as the state knows one that is gone.
        adopted: whether the object is there.

    """
    found = kept.get(Ref.of(wanted))
    if found is None:
        return wanted
    merged = _volume if wanted["kind"] == "PersistentVolume" else _claim
    metadata = wanted["metadata"]
    if not adopted:
        metadata = metadata | {"annotations": metadata["annotations"] | {VALUES_MARK: "kept"}}
    return wanted | {"metadata": metadata, "spec": merged(wanted["spec"], found["spec"])}


def _volume(ours: Manifest, theirs: Manifest) -> Manifest:
    same_disk = directory(ours) == directory(theirs)
    kept = theirs if same_disk else {key: value for key, value in theirs.items() if key != source(theirs)}
    stated = {key: ours[key] for key in ("claimRef", "persistentVolumeReclaimPolicy")}
    if not same_disk:
        stated[source(ours)] = ours[source(ours)]
    if not _lets_in(theirs.get("nodeAffinity"), ours.get("nodeAffinity")):
        stated["nodeAffinity"] = ours["nodeAffinity"]
    return _as_written({**kept, **stated}, ours)


def _claim(ours: Manifest, theirs: Manifest) -> Manifest:
    stated = {"volumeName": ours["volumeName"]}
    return _as_written({"storageClassName": ours["storageClassName"], **theirs, **stated}, ours)


def _as_written(spec: Manifest, ours: Manifest) -> Manifest:
    """Leave out what the API server fills in by itself, and write a quantity as the settings do."""
    stated = dict(spec)
    if stated.get("volumeMode") == "Filesystem":
        del stated["volumeMode"]
    if "hostPath" in stated:
        stated["hostPath"] = {key: value for key, value in stated["hostPath"].items() if value}
    if same_quantity(value_at(ours, "capacity.storage"), value_at(spec, "capacity.storage")):
        stated["capacity"] = ours["capacity"]
    if same_quantity(value_at(ours, "resources.requests.storage"), value_at(spec, "resources.requests.storage")):
        stated["resources"] = ours["resources"]
    return stated


def _lets_in(theirs: Manifest | None, ours: Manifest | None) -> bool:
    """Whether a volume's affinity may lead to the node that is wanted; one without any may be given ours."""
    if ours is None:
        return True
    (node,) = leads_to(ours)
    terms = ((theirs or {}).get("required") or {}).get("nodeSelectorTerms") or []
    return any(not (hosts := _hosts(term)) or node in hosts for term in terms)


def leads_to(affinity: Manifest | None) -> frozenset[str]:
    """Name the nodes that a volume's affinity leads to, by their host name; none where it leaves that open."""
    terms = ((affinity or {}).get("required") or {}).get("nodeSelectorTerms") or []
    hosts = [_hosts(term) for term in terms]
    return frozenset().union(*hosts) if all(hosts) else frozenset()


def _hosts(term: Manifest) -> frozenset[str]:
    named = [
        frozenset(one.get("values", []))
        for one in term.get("matchExpressions") or []
        if one["key"] == HOST_NAME and one["operator"] == "In"
    ]
    return frozenset.intersection(*named) if named else frozenset()
