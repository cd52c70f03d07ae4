"""Who keeps the document of a locally managed tunnel: whether this stack may write a rule into it, or why not. Pure.

Only a document whose every writer is known to have no other copy of it is written: what git, Helm or an operator has
would be written back, and a stack that fights the owner restarts the tunnel for all hosts each time.
"""

from collections.abc import Iterator, Sequence

from clients import managed_fields, rollout
from clients.kubernetes import OBJECT_MANAGER, Manifest, Ref
from clients.owners import Tool, owner_of
from text.owner_marks import LAST_APPLIED, MANAGED_BY

# Writers that keep no copy elsewhere: of what they wrote, the live object is the only one.
_HANDS = {"kubectl-create", "kubectl-edit", "kubectl-patch"}
_APPLIES = {"kubectl-client-side-apply"}
# What each tool's objects are part of.
_DEPLOYERS = {
    Tool.ARGOCD: "ArgoCD's Application {owner}",
    Tool.FLUX: "Flux's Kustomization {owner}",
    Tool.FLUX_RELEASE: "Flux's HelmRelease {owner}",
    Tool.HELM: "Helm's release {owner}",
    Tool.TERRAFORM: "Terraform",
    Tool.APPLY_SET: "an ApplySet of kubectl",
    Tool.OTHER: "{tool}",
    Tool.CONTROLLER: "{owner}",
}
_HELM = "Helm"


def deployer(thing: Manifest) -> str:
    """Name who deploys an object; empty where nothing says so."""
    if owner := owner_of(thing):
        return _DEPLOYERS[owner.tool].format(**owner.values)
    # Of a chart that another tool rendered: Helm does not prune it, and yet there is another copy.
    return _HELM if (thing["metadata"].get("labels") or {}).get(MANAGED_BY) == _HELM else ""


def refusal(holder: Manifest, key: str, workloads: Sequence[Manifest], *, edit: bool) -> str:
    """Explain why this stack does not write a document; empty where it may.

    Args:
        holder: the ConfigMap.
        key: the document's key in it.
        workloads: what reads the document, and has to be restarted.
        edit: whether the settings allow to write what `kubectl apply` has in a file.

    """
    return next(_refusals(holder, key, workloads, edit=edit), "")


def is_applied(holder: Manifest, key: str) -> bool:
    """Whether `kubectl apply` has the document in a file: the next one takes out what it does not have."""
    noted = LAST_APPLIED in (holder["metadata"].get("annotations") or {})
    return noted or any(_applies(entry) for entry in _writers(holder, key))


def _refusals(holder: Manifest, key: str, workloads: Sequence[Manifest], *, edit: bool) -> Iterator[str]:
    for thing in (holder, *workloads):
        if owner := deployer(thing):
            yield f"{Ref.of(thing)} is deployed by {owner}"
    if holder.get("immutable"):
        yield f"{Ref.of(holder)} is immutable"
    writers = _writers(holder, key)
    strangers = {str(one.get("manager") or "unnamed") for one in writers if not (_is_hand(one) or _applies(one))}
    if strangers:
        yield f"{Ref.of(holder)} is written by {', '.join(sorted(strangers))}"
    if not writers:
        yield f"who writes {Ref.of(holder)} is unknown"
    if is_applied(holder, key) and not edit:
        yield (
            f"{Ref.of(holder)} is applied from a file with kubectl. With immich-icloud:cloudflare.edit it is written "
            "all the same, until the next `kubectl apply`"
        )
    for workload in workloads:
        if rollout.on_delete(workload):
            yield f"the pods of {Ref.of(workload)} are replaced by hand (OnDelete)"


def _writers(holder: Manifest, key: str) -> list[Manifest]:
    """List the entries of managedFields that hold the document, or all of the ConfigMap's data."""
    path = ("f:data", f"f:{key}")
    return [
        one for one in _entries(holder) if managed_fields.holders([one], [path]) or one["fieldsV1"].get("f:data") == {}
    ]


def _entries(thing: Manifest) -> list[Manifest]:
    return [one for one in thing["metadata"].get("managedFields") or () if "fieldsV1" in one]


def _is_hand(entry: Manifest) -> bool:
    manager = str(entry.get("manager") or "")
    ours = manager == OBJECT_MANAGER or manager.startswith(f"{OBJECT_MANAGER}/")
    return ours or (entry.get("operation") == "Update" and manager in _HANDS)


def _applies(entry: Manifest) -> bool:
    manager = entry.get("manager")
    return manager in _APPLIES or (manager == "kubectl" and entry.get("operation") == "Apply")
