"""What ties a PersistentVolume to a claim."""

from clients.kubernetes import Manifest, Ref


def is_released(volume: Manifest, claim: Ref, live: Manifest | None) -> bool:
    """Whether a volume waits for a claim that was deleted. One that another claim has, which may be in use, does not.

    Args:
        volume: the volume.
        claim: the claim that it is meant for.
        live: that claim as it is; None when it does not exist.

    """
    tied = volume["spec"].get("claimRef", {})
    if not tied.get("uid") or (live and live["metadata"].get("uid") == tied["uid"]):
        return False
    meant = (tied.get("namespace"), tied.get("name")) == (claim.namespace, claim.name)
    return meant or volume.get("status", {}).get("phase") == "Released"
