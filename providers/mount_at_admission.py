"""A mount that the API server adds to each pod of a workload, and that the pods which run have.

Policy and binding are one resource with the restart of the workloads: a rollout that fails removes the policy before
the pods that were found start again. A restart is that of `kubectl rollout restart`, an annotation of the pod template,
which is relinquished: nothing of the workload belongs to this stack.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pulumi
from pulumi import dynamic

from clients import admission, managed_fields, pod_start, rollout
from clients.conditions import is_going, is_over
from clients.kubernetes import OBJECT_MANAGER, ClusterApi, ClusterError, ClusterRefusedError, Manifest, Ref
from clients.likeness import unlike
from providers.cluster_provider import ClusterProvider
from providers.fragment import integers
from providers.report import report
from providers.restart import refuse_losses

STAMP = "immich-icloud/mount"
_MANAGER = "immich-icloud-restart"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
_OWNED: managed_fields.Path = ("f:spec", "f:template", "f:metadata", "f:annotations", f"f:{_RESTARTED}")
_SECONDS = 30  # until each API server knows of a policy; it takes less than one


@dataclass(frozen=True)
class AdmittedMount:
    """What is asked for.

    Attributes:
        objects: the mutating policy and its binding.
        stamp: the value of the annotation by which a pod shows that it has this mount.
        fragments: the entries that each workload's pods get.
        policy: the policy that will deny pods without the mount; None where there is none.

    """

    objects: list[Manifest]
    stamp: str
    fragments: list[Manifest]
    policy: Manifest | None = None


class MountAtAdmissionProvider(ClusterProvider):
    """Puts the policy into force, and restarts what runs without it."""

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change where the policy differs from what it should be, or pods run without the mount."""
        api, mount = self._api(), _mount(_news)
        differs = any(_differs(api, one) for one in mount.objects)
        return dynamic.DiffResult(changes=differs or any(_outdated(api, mount)))

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Put the policy into force."""
        self._apply(_mount(props), "")
        return dynamic.CreateResult(Ref.of(_mount(props).objects[0]).path, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the policy to what is asked for."""
        self._apply(_mount(_news), _mount(_olds).stamp)
        return dynamic.UpdateResult(_news)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Remove the policy, and restart what has the mount by it."""
        api, mount = self._api(), _mount(_props)
        for workload, _ in _having(api, mount):
            refuse_losses(api, workload)
        _remove(api, mount.objects)
        for workload, having in _having(api, mount):
            _await(api, workload, "")
            if _own_restart(workload):
                _annotate(api, workload, None)
            else:  # nothing of the template is to stay: its pods are replaced as they are
                for pod in having:
                    api.delete_with_dependents(Ref.of(pod))
            try:
                rollout.wait(api, Ref.of(workload), report)
            except (rollout.RolloutError, ClusterRefusedError) as error:
                report(f"the mount is removed, but {error}")

    def _apply(self, mount: AdmittedMount, stamp_before: str) -> None:
        api = self._api()
        found = [api.get(Ref.of(one)) for one in mount.objects]
        if mount.policy:  # the one in force may deny the new mount, and a narrow one that which is restored
            admission.widen(api, mount.policy)
        for one in mount.objects:
            api.apply(one, OBJECT_MANAGER, force=True)
        restarted: list[Manifest] = []
        try:
            for workload in _outdated(api, mount):
                _await(api, workload, mount.stamp)
                restarted.append(workload)
                _annotate(api, workload, _now())
                rollout.wait(api, Ref.of(workload), report)
        except (rollout.RolloutError, ClusterRefusedError) as error:
            report(f"the rollout failed, going back to what was found: {error}")
            _restore(api, mount, found)
            for workload in restarted:
                _await(api, workload, stamp_before)
                _restart_as_found(api, workload)
            raise RuntimeError(f"{error}. Rolled back to the previous configuration") from None


class MountAtAdmission(dynamic.Resource, module="kubernetes", name="MountAtAdmission"):
    """A mount that the API server adds to pods."""

    def __init__(self, name: str, mount: AdmittedMount, opts: pulumi.ResourceOptions) -> None:
        super().__init__(MountAtAdmissionProvider(), name, asdict(mount), opts)


def _mount(props: Mapping[str, Any]) -> AdmittedMount:
    return AdmittedMount(**integers({one.name: props.get(one.name) for one in fields(AdmittedMount)}))


def _differs(api: ClusterApi, wanted: Manifest) -> bool:
    live = api.get(Ref.of(wanted))
    return live is None or any(unlike(wanted, live))


def _workloads(api: ClusterApi, mount: AdmittedMount) -> Iterator[tuple[Manifest, Manifest]]:
    for fragment in mount.fragments:
        live = api.get(Ref.of(fragment))
        if live and not rollout.on_delete(live):  # the pods of others are replaced by hand
            yield live, fragment


def _outdated(api: ClusterApi, mount: AdmittedMount) -> Iterator[Manifest]:
    """List the workloads with pods that were created without the mount."""
    for workload, fragment in _workloads(api, mount):
        if not _stated(workload, fragment) and any(_stamp_of(pod) != mount.stamp for pod in _pods(api, workload)):
            yield workload


def _having(api: ClusterApi, mount: AdmittedMount) -> Iterator[tuple[Manifest, list[Manifest]]]:
    """List the workloads with pods that have a mount by the policy, and those pods."""
    for workload, fragment in _workloads(api, mount):
        having = [pod for pod in _pods(api, workload) if _stamp_of(pod)]
        if having and not _stated(workload, fragment):
            yield workload, having


def _stated(workload: Manifest, fragment: Manifest) -> bool:
    """Whether the template itself has the mount, whoever states it there."""
    shown = {
        one["name"]: {mount["mountPath"] for mount in one.get("volumeMounts", [])}
        for one in workload["spec"]["template"]["spec"]["containers"]
    }
    wanted = fragment["spec"]["template"]["spec"]["containers"]
    return all(one["volumeMounts"][0]["mountPath"] in shown.get(one["name"], ()) for one in wanted)


def _pods(api: ClusterApi, workload: Manifest) -> list[Manifest]:
    return [pod for pod in rollout.pods(api, workload) if not is_going(pod) and not is_over(pod)]


def _stamp_of(pod: Manifest) -> str:
    return str(pod["metadata"].get("annotations", {}).get(STAMP, ""))


def _await(api: ClusterApi, workload: Manifest, stamp: str) -> None:
    """Wait until the API server adds the mount of this stamp to the workload's pods, or none."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            if _stamp_of(api.apply(_next_pod(workload), _MANAGER, dry_run=True).object) == stamp:
                return
        except ClusterRefusedError as refused:
            if "AdmissionPolicy" not in str(refused):
                return  # the rollout reports what prevents the attempt
        except ClusterError:
            return
        time.sleep(pod_start.POLL)


def _next_pod(workload: Manifest) -> Manifest:
    """Build a pod of a workload's template."""
    template, metadata = workload["spec"]["template"], workload["metadata"]
    claims = [one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])]
    volumes = [*template["spec"].get("volumes", []), *({"name": name, "emptyDir": {}} for name in claims)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **{key: value for key, value in template["metadata"].items() if key in {"labels", "annotations"}},
            "namespace": metadata["namespace"],
            "name": f"{metadata['name']}-dry-run",
        },
        "spec": {**template["spec"], "volumes": volumes},
    }


def _annotate(api: ClusterApi, workload: Manifest, value: str | None) -> None:
    """Restart a workload by the annotation of its pods, and relinquish that."""
    ref = Ref.of(workload)
    template = {"metadata": {"annotations": {_RESTARTED: value}}}
    live = api.patch(ref, {"spec": {"template": template}}, _MANAGER).object
    for _ in range(_SECONDS):
        metadata = live["metadata"]
        managed = [one for one in metadata.get("managedFields", []) if one.get("manager") != _MANAGER]
        changed = {"resourceVersion": metadata["resourceVersion"], "managedFields": managed}
        try:
            api.patch(ref, {"metadata": changed}, _MANAGER)
        except ClusterRefusedError as refused:
            if refused.status != HTTPStatus.CONFLICT:  # a controller has written its status in between
                raise
            live = api.get(ref) or live
        else:
            return


def _own_restart(workload: Manifest) -> bool:
    """Whether the last restart was this stack's: no other manager owns its annotation."""
    managed, found = workload["metadata"].get("managedFields", []), workload["spec"]["template"]["metadata"]
    owners = managed_fields.holders(managed, [_OWNED]).keys()
    return _RESTARTED in found.get("annotations", {}) and owners <= {_MANAGER}


def _restore(api: ClusterApi, mount: AdmittedMount, found: list[Manifest | None]) -> None:
    """Go back to the policy that was found, or to none."""
    _remove(api, [one for one, before in zip(mount.objects, found, strict=True) if before is None])
    for before in (one for one in found if one):
        metadata = {key: before["metadata"][key] for key in ("name", "annotations")}
        api.apply({**before, "metadata": metadata}, OBJECT_MANAGER, force=True)


def _restart_as_found(api: ClusterApi, workload: Manifest) -> None:
    _annotate(api, workload, workload["spec"]["template"]["metadata"].get("annotations", {}).get(_RESTARTED))
    try:
        rollout.wait(api, Ref.of(workload), report, forced=True)
    except (rollout.RolloutError, ClusterRefusedError) as error:
        report(f"what was found does not come up either: {error}")


def _remove(api: ClusterApi, objects: list[Manifest]) -> None:
    """Remove the binding, and then the policy."""
    for one in reversed(objects):
        try:
            api.delete_with_dependents(Ref.of(one))
        except ClusterRefusedError as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
