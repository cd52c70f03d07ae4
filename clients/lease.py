"""Leases: of all runs against one cluster, one at a time checks and acts; and what each stack has is noted there.

A Lease is for a document or a list outside the cluster that has neither versions nor owners: a tunnel's rules at
Cloudflare, the libraries of an Immich.
"""

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clients.kubernetes import ClusterApi, ClusterError, ClusterRefusedError, Manifest, Ref

_MANAGER = "immich-icloud"
_PATIENCE = 75.0  # seconds, beyond what a holder that died is waited for
_POLL = 1.0  # seconds
_NOT_FOUND, _CONFLICT = 404, 409

Notes = Mapping[str, Any]


class LostError(ClusterError):
    """Another run has acquired the Lease."""


@dataclass(frozen=True)
class LeaseOf:
    """What a Lease is for.

    Attributes:
        name: of the Lease.
        namespace: of the Lease.
        annotation: where each stack's notes are.
        duration: seconds; longer than one write may take.
        doing: what its holder does, as in `the stack a/b is ...`.

    """

    name: str
    namespace: str
    annotation: str
    duration: int
    doing: str

    @property
    def ref(self) -> Ref:
        """The Lease."""
        return Ref("coordination.k8s.io/v1", "Lease", self.name, self.namespace)

    def notes(self, live: Manifest | None) -> Notes:
        """Read each stack's notes."""
        annotations = live["metadata"].get("annotations") or {} if live else {}
        with self.readable():
            notes: Notes = {
                stack: {**each} for stack, each in json.loads(annotations.get(self.annotation, "{}")).items()
            }
        return notes

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Say that notes can't be read, as after a change by hand: without them it is unknown whose what is."""
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
            raise ClusterError(
                f"{self.ref} has notes that can't be read: annotation {self.annotation}, which tells whose each is. "
                f"Restore them: `kubectl -n {self.namespace} edit lease {self.name}`"
            ) from None


class Lease:
    """One Lease, as one run of one stack uses it.

    Args:
        api: the cluster.
        of: what it is for.
        stack: `<project>/<stack>`.
        clock: seconds, monotonic.
        wait: waits for as many seconds.
        former: other names of the stack: what is noted under them is its own.

    """

    def __init__(  # noqa: PLR0913, PLR0917 (whose it is, and how it waits)
        self,
        api: ClusterApi,
        of: LeaseOf,
        stack: str,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        former: Collection[str] = (),
    ) -> None:
        self._api, self.of, self.stack, self._clock, self._wait = api, of, stack, clock, wait
        self._former = former
        self._holder = f"{stack}_{uuid.uuid4()}"

    def notes(self) -> Notes:
        """Read each stack's notes."""
        return _under_one_name(self.of.notes(self._api.get(self.of.ref)), self.stack, self._former)

    @contextmanager
    def held(self) -> Iterator["HeldLease"]:
        """Hold the Lease for a while; no other run against this cluster writes meanwhile.

        Raises:
            ClusterError: when another run keeps it, or the cluster can't be asked.

        """
        held = HeldLease(self._api, self.of, self.stack, self._acquired(), self._former)
        try:
            yield held
        finally:
            held.release()

    def _acquired(self) -> Manifest:
        """Acquire the Lease: when it is free, or its holder has not renewed it for its whole duration.

        As long as this process has seen it unchanged: the holder's clock may be wrong.
        """
        began = since = self._clock()
        seen = ""
        while True:
            live = self._api.get(self.of.ref)
            now = self._clock()
            if live and live["metadata"]["resourceVersion"] != seen:
                seen, since = live["metadata"]["resourceVersion"], now
            spec = live.get("spec") or {} if live else {}
            holder = spec.get("holderIdentity")
            if not live or not holder or now - since > (spec.get("leaseDurationSeconds") or self.of.duration):
                try:
                    return _write(self._api, live or self._fresh(), self._holder, self.of.duration)
                except ClusterRefusedError as refused:
                    if refused.status not in (_NOT_FOUND, _CONFLICT):
                        raise
            if now - began > self.of.duration + _PATIENCE:
                other = (holder or "").rpartition("_")[0] or "another one"
                raise ClusterError(f"the stack {other} is {self.of.doing}. Wait for it, then try again")
            self._wait(_POLL)

    def _fresh(self) -> Manifest:
        ref = self.of.ref
        metadata = {"name": ref.name, "namespace": ref.namespace}
        return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "spec": {}}


class HeldLease:
    """A Lease that this run holds."""

    def __init__(self, api: ClusterApi, of: LeaseOf, stack: str, live: Manifest, former: Collection[str] = ()) -> None:
        self._api, self.of, self.stack, self._live, self._former = api, of, stack, live, former

    def notes(self) -> Notes:
        """Read each stack's notes, as this run has left them."""
        return _under_one_name(self.of.notes(self._live), self.stack, self._former)

    def note(self, note: Any) -> None:
        """Write down what this stack has, and hold the Lease for its whole duration again; a stack with nothing goes.

        Raises:
            LostError: when another run wrote the Lease: nothing more may be written in its name.

        """
        noted = {stack: each for stack, each in sorted({**self.notes(), self.stack: note}.items()) if each}
        metadata = self._live["metadata"]
        annotations = {**(metadata.get("annotations") or {}), self.of.annotation: json.dumps(noted)}
        lease = {**self._live, "metadata": {**metadata, "annotations": annotations}}
        try:
            self._live = _write(self._api, lease, lease["spec"]["holderIdentity"], self.of.duration)
        except ClusterRefusedError as refused:
            if refused.status not in (_NOT_FOUND, _CONFLICT):
                raise
            raise LostError(
                f"{Ref.of(lease)} was changed while this stack, {self.stack}, held it: another stack may be "
                f"{self.of.doing}. Wait for it, then try again"
            ) from None

    def release(self) -> None:
        """Release the Lease; one without notes is deleted. Where that fails, it expires."""
        with suppress(ClusterError):
            if self.notes():
                _write(self._api, self._live, "", self.of.duration)
            else:
                self._api.delete(self._live)


def _under_one_name(notes: Notes, stack: str, former: Collection[str]) -> Notes:
    """Adopt what is noted under a stack's former names."""
    own = [notes[name] for name in (stack, *former) if name in notes]
    others = {name: each for name, each in notes.items() if name not in former}
    return others | ({stack: own[0]} if own else {})


def _write(api: ClusterApi, lease: Manifest, holder: str, duration: int) -> Manifest:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {**(lease.get("spec") or {}), "holderIdentity": holder, "leaseDurationSeconds": duration, "renewTime": now}
    write = api.replace if "resourceVersion" in lease["metadata"] else api.create
    return write({**lease, "spec": spec}, _MANAGER).object
