"""A Lease for each shared tunnel: one stack of a cluster writes at a time, and each knows which rules the others have.

It is what managedFields are to a Kubernetes object: Cloudflare's document has no place for whose a rule is.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from clients.ingress_rules import Key, Rule
from clients.kubernetes import ClusterApi, ClusterError, Manifest, Ref, RefusedError

# There in every cluster, and nobody's own: the stacks of one tunnel may share no other namespace.
_NAMESPACE = "default"
_RULES = "immich-icloud/tunnel-rules"
_MANAGER = "immich-icloud"
_DURATION = 45  # seconds; longer than it may take to connect to Cloudflare, write, and get the answer
_PATIENCE = 120.0  # seconds
_POLL = 1.0  # seconds
_NOT_FOUND, _CONFLICT = 404, 409


@dataclass(frozen=True)
class Share:
    """What one stack has of a tunnel's rules.

    Attributes:
        keys: of its rules.
        found: rules made by hand that it took over, as they were.

    """

    keys: frozenset[Key] = frozenset()
    found: tuple[Rule, ...] = ()


Shares = Mapping[str, Share]


class LostError(ClusterError):
    """The Lease is no longer this stack's."""


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

    def shares(self) -> Shares:
        """Read which stack has what."""
        return _shares(self._api.get(self._ref))

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
                    if refused.status not in (_NOT_FOUND, _CONFLICT):
                        raise
            if now - began > _PATIENCE:
                other = (holder or "").rpartition("_")[0] or "another one"
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
    def shares(self) -> Shares:
        """Which stack has what."""
        return _shares(self._live)

    @property
    def share(self) -> Share:
        """What this stack has."""
        return self.shares.get(self._stack, Share())

    def note(self, share: Share) -> None:
        """Note down what this stack has, and hold the Lease for its whole duration again.

        Raises:
            LostError: when somebody else wrote the Lease: nothing more may be written in its name.

        """
        stated = {stack: _stated(each) for stack, each in sorted({**self.shares, self._stack: share}.items())}
        noted = json.dumps({stack: each for stack, each in stated.items() if any(each.values())})
        metadata = self._live["metadata"]
        annotations = {**(metadata.get("annotations") or {}), _RULES: noted}
        lease = {**self._live, "metadata": {**metadata, "annotations": annotations}}
        try:
            self._live = _write(self._api, lease, lease["spec"]["holderIdentity"])
        except RefusedError as refused:
            if refused.status not in (_NOT_FOUND, _CONFLICT):
                raise
            raise LostError(
                f"{Ref.of(lease)} was changed while this stack, {self._stack}, held it: another stack may be changing "
                "rules of the same tunnel. Wait for it, then try again"
            ) from None

    def release(self) -> None:
        """Give it up; when no stack has rules any more, it goes. Where that fails, it ends by itself."""
        with suppress(ClusterError):
            if self.shares:
                _write(self._api, self._live, "")
            else:
                self._api.delete(self._live)


def _shares(live: Manifest | None) -> Shares:
    annotations = live["metadata"].get("annotations") or {} if live else {}
    return {
        stack: Share(frozenset((hostname, path) for hostname, path in each["rules"]), tuple(each["found"]))
        for stack, each in json.loads(annotations.get(_RULES, "{}")).items()
    }


def _stated(share: Share) -> Manifest:
    return {"rules": sorted(map(list, share.keys)), "found": [dict(rule) for rule in share.found]}


def _write(api: ClusterApi, lease: Manifest, holder: str) -> Manifest:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {**lease["spec"], "holderIdentity": holder, "leaseDurationSeconds": _DURATION, "renewTime": now}
    write = api.replace if "resourceVersion" in lease["metadata"] else api.create
    return write({**lease, "spec": spec}, _MANAGER).object
