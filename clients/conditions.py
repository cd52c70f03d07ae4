"""How an object is: its conditions, as controllers write them into its status, and whether it is at its end."""

from clients.kubernetes import Manifest


def holding(thing: Manifest) -> dict[str, Manifest]:
    """Return the conditions that hold, by their type."""
    return {one["type"]: one for one in _stated(thing) if one["status"] == "True"}


def unmet(thing: Manifest) -> dict[str, Manifest]:
    """Return the conditions that are stated and do not hold, or are unknown, by their type."""
    return {one["type"]: one for one in _stated(thing) if one["status"] != "True"}


def _stated(thing: Manifest) -> list[Manifest]:
    return thing.get("status", {}).get("conditions") or []


def end_of_job(job: Manifest) -> Manifest | None:
    """Find the condition that ends a Job; None while it runs."""
    held = holding(job)
    return held.get("Complete") or held.get("Failed")


def is_going(thing: Manifest) -> bool:
    """Whether an object is being deleted."""
    return "deletionTimestamp" in thing["metadata"]


def is_over(pod: Manifest) -> bool:
    """Whether a pod has ended, or was evicted."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_ready(pod: Manifest) -> bool:
    """Whether a pod is ready, and not being deleted."""
    return "Ready" in holding(pod) and not is_going(pod)
