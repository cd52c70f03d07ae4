"""A Lease for each shared tunnel: one stack of a cluster writes at a time, and each knows the others' rules.

It is what managedFields are to a Kubernetes object: Cloudflare's document has no place for whose a rule is.
"""

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from providers.cluster_api import ClusterApi, ClusterError, Manifest, Ref, RefusedError
from providers.ingress_rules import Key

# There in every cluster, and nobody's own: the stacks of one tunnel may share no other namespace.
_NAMESPACE = "default"
_RULES = "immich-icloud/tunnel-rules"
_MANAGER = "immich-icloud"
_DURATION = 30  # seconds; longer than a read and a write of the tunnel's configuration may take together
_PATIENCE = 120.0  # seconds
_POLL = 1.0  # seconds
_CONFLICT = 409

Keys = frozenset[Key]


def ref(tunnel_id: str) -> Ref:
    """Name the Lease of a tunnel."""
    return Ref("coordination.k8s.io/v1", "Lease", f"immich-icloud-tunnel-{tunnel_id}", _NAMESPACE)


class TunnelLease:
    """The Lease of one tunnel, as one stack uses it.

    Args:
        api: the cluster.
        tunnel_id: the tunnel.
        stack: `<project>/<stack>`.
        clock: seconds, monotonic.
        wait: waits for as many seconds.

    """

    def __init__(
        self,
        api: ClusterApi,
        tunnel_id: str,
        stack: str,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api, self._stack, self._clock, self._wait = api, stack, clock, wait
        self._ref = ref(tunnel_id)
        self._holder = f"{stack}_{uuid.uuid4()}"

    def owners(self) -> dict[str, Keys]:
        """Read which stack owns which rules."""
        return _owners(self._api.get(self._ref))

    @contextmanager
    def held(self) -> Iterator["HeldLease"]:
        """Hold the Lease for a while; nobody else of this cluster writes meanwhile.

        Raises:
            ClusterError: when another stack keeps it, or the cluster can't be asked.

        """
        held = HeldLease(self._api, self._stack, self._acquired())
        try:
            yield held
        finally:
            held.release()

    def _acquired(self) -> Manifest:
        """Take the Lease: when nobody holds it, or its holder has not renewed it for as long as it lasts.

        As long as this process has seen it unchanged: the holder's clock may be wrong.
        """
        began = since = self._clock()
        seen = ""
        while True:
            live = self._api.get(self._ref)
            now = self._clock()
            if live and live["metadata"]["resourceVersion"] != seen:
                seen, since = live["metadata"]["resourceVersion"], now
            holder = live["spec"].get("holderIdentity") if live else ""
            if not live or not holder or now - since > live["spec"]["leaseDurationSeconds"]:
                try:
                    return _write(self._api, live or self._fresh(), self._holder)
                except RefusedError as refused:
                    if refused.status != _CONFLICT:
                        raise
                    continue
            if now - began > _PATIENCE:
                other = holder.rpartition("_")[0]
                raise ClusterError(
                    f"the stack {other} is changing rules of the same tunnel. Wait for it, then try again"
                )
            self._wait(_POLL)

    def _fresh(self) -> Manifest:
        metadata = {"name": self._ref.name, "namespace": self._ref.namespace}
        return {"apiVersion": self._ref.api_version, "kind": self._ref.kind, "metadata": metadata, "spec": {}}


class HeldLease:
    """A Lease that this stack holds."""

    def __init__(self, api: ClusterApi, stack: str, live: Manifest) -> None:
        self._api, self._stack, self._live = api, stack, live

    @property
    def owners(self) -> dict[str, Keys]:
        """Which stack owns which rules."""
        return _owners(self._live)

    def renew(self) -> None:
        """Hold it for its whole duration again.

        Raises:
            RefusedError: when it was lost to somebody else.

        """
        self._live = _write(self._api, self._live, self._live["spec"]["holderIdentity"])

    def note(self, keys: Collection[Key]) -> None:
        """Note down which rules are this stack's."""
        owners: Mapping[str, Collection[Key]] = {**self.owners, self._stack: keys}
        stated = {stack: sorted(map(list, own)) for stack, own in sorted(owners.items()) if own}
        self._live["metadata"]["annotations"] = {
            **self._live["metadata"].get("annotations", {}),
            _RULES: json.dumps(stated),
        }
        self.renew()

    def release(self) -> None:
        """Give it up; when no stack has rules any more, it goes. Where that fails, it ends by itself."""
        with suppress(ClusterError):
            if self.owners:
                _write(self._api, self._live, "")
            else:
                self._api.delete(self._live)


def _owners(live: Manifest | None) -> dict[str, Keys]:
    annotations = live["metadata"].get("annotations") or {} if live else {}
    stated = json.loads(annotations.get(_RULES, "{}"))
    return {stack: frozenset((hostname, path) for hostname, path in keys) for stack, keys in stated.items()}


def _write(api: ClusterApi, lease: Manifest, holder: str) -> Manifest:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {**lease["spec"], "holderIdentity": holder, "leaseDurationSeconds": _DURATION, "renewTime": now}
    write = api.replace if "resourceVersion" in lease["metadata"] else api.create
    return write({**lease, "spec": spec}, _MANAGER).object
