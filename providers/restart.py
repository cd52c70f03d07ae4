"""A restart of another's workload, which must not cost its owner data."""

from clients import wording
from clients.kubernetes import ClusterApi, Manifest, Ref, permitted
from clients.volumes import claim_names, kept_by_pods
from text.visible import visible


def refuse_losses(api: ClusterApi, workload: Manifest) -> None:
    """Refuse it where a claim is being deleted that only the workload's pods keep; what may not be read is none.

    Raises:
        RuntimeError: with the claims that would be gone.

    """
    ref = Ref.of(workload)
    names = claim_names(workload["spec"]["template"]["spec"], workload)
    refs = [Ref("v1", "PersistentVolumeClaim", name, ref.namespace) for name in sorted(names)]
    found = filter(None, permitted(lambda: list(map(api.get, refs))) or ())
    lost = [wording.CLAIM_GOES_WITH_POD.found(claim, workload=ref) for claim in kept_by_pods(workload, found)]
    if lost:
        raise RuntimeError(visible("; ".join(map(str, lost))))
