"""A fake of ClusterApi in which Jobs run, as a test tells."""

from collections.abc import Iterator
from typing import Any

from clients.kubernetes import Answer, ClusterRefusedError, Manifest, Ref, UnreachableError
from tests.fake_cluster import FakeCluster
from tests.objects import manifest

COMPLETE = [{"type": "Complete", "status": "True"}]
FAILED = [{"type": "Failed", "status": "True", "message": "Job has reached the specified backoff limit"}]


def ended(code: int, message: str = "", reason: str = "Error") -> Manifest:
    terminated = {"exitCode": code, "reason": reason} | ({"message": message} if message else {})
    return {"containerStatuses": [{"name": "look", "state": {"terminated": terminated}}]}


RUNNING: Manifest = {"containerStatuses": [{"name": "look", "state": {"running": {}}}]}
WAITING: Manifest = {
    "phase": "Pending",
    "containerStatuses": [{"name": "look", "state": {"waiting": {"reason": "ContainerCreating"}}}],
}


def step(
    pod: Manifest | None = None, conditions: list[Manifest] | None = None
) -> tuple[Manifest | None, list[Manifest]]:
    """What one look finds: the pod's status, and the Job's conditions."""
    return pod, conditions or []


class Jobs(FakeCluster):
    """A fake whose Job takes one step at each look; the last one stays."""

    def __init__(self, *steps: Any, lines: tuple[str, ...] = (), event: str = "") -> None:
        super().__init__()
        self.steps, self.lines, self.event = list(steps), list(lines), event
        self.asked: list[str | None] = []
        self.made: list[Manifest] = []

    def get(self, ref: Ref) -> Manifest | None:
        if ref.kind != "Job":
            return super().get(ref)
        now = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(now, BaseException):
            raise now
        if now is None:
            self.objects.clear()
        elif ref in self.objects:
            self._take(ref, *now)
        return super().get(ref)

    def create(self, manifest: Manifest, manager: str) -> Answer:
        if manifest["kind"] == "Job":
            self.made.append(manifest)
        return super().create(manifest, manager)

    def _take(self, ref: Ref, pod: Manifest | None, conditions: list[Manifest]) -> None:
        job = self.objects[ref]
        job["status"] = {"conditions": conditions}
        uid = job["metadata"]["uid"]
        if pod:
            metadata = {"uid": f"pod of {uid}", "labels": {"batch.kubernetes.io/controller-uid": uid}}
            spec = job["spec"]["template"]["spec"]
            made = manifest("v1", "Pod", f"{ref.name}-x", ref.namespace, metadata=metadata, spec=spec, status=pod)
            self.objects[Ref.of(made)] = made
        if self.event:
            about = "job" if pod is None else "pod"
            reason = {"job": "FailedCreate", "pod": "FailedMount"}[about]
            of = {"uid": uid if pod is None else f"pod of {uid}"}
            event = manifest("v1", "Event", "e", ref.namespace, involvedObject=of, reason=reason, message=self.event)
            self.objects[Ref.of(event)] = event

    def log(self, pod: Ref, container: str, since: str | None = None) -> Iterator[str]:
        status = self.objects[pod]["status"]
        begun = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        assert container in [one["name"] for one in begun if "waiting" not in one["state"]]
        self.asked.append(since)
        while self.lines:
            line = self.lines.pop(0)
            if line == "breaks":
                raise UnreachableError("no Kubernetes API server answers")
            if line == "quiet":
                return
            if line == "refused":
                raise ClusterRefusedError(403, "pods/log is forbidden")
            yield line

    @property
    def jobs(self) -> list[str]:
        return [ref.name for ref in self.objects if ref.kind == "Job"]
