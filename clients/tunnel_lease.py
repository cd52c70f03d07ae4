"""A Lease for each shared tunnel: one stack of a cluster writes at a time, and each knows which rules the others have.

It is what managedFields are to a Kubernetes object: Cloudflare's document has no place for whose a rule is.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from clients.ingress_rules import Key, Rule, key
from clients.kubernetes import ClusterApi, Manifest
from clients.lease import HeldLease, Lease, LeaseOf, Notes

_DURATION = 45  # seconds; longer than it may take to connect to Cloudflare, write, and get the answer


@dataclass(frozen=True)
class Share:
    """What one stack has of a tunnel's rules.

    Attributes:
        keys: of its rules.
        found: rules made by hand that it adopted, as they were.

    """

    keys: frozenset[Key] = frozenset()
    found: tuple[Rule, ...] = ()


Shares = Mapping[str, Share]


def joined(one: Share, more: Share) -> Share:
    """Join what is known of one stack's share; of two rules with one key the later one counts."""
    found = {key(rule): rule for rule in (*one.found, *more.found)}
    return Share(one.keys | more.keys, tuple(found.values()))


def siblings(shares: Shares, stack: str) -> frozenset[Key]:
    """Return what the other stacks have."""
    return frozenset(one for other, share in shares.items() if other != stack for one in share.keys)


def lease_of(tunnel_id: str) -> LeaseOf:
    """Name the Lease of a tunnel."""
    return LeaseOf(
        name=f"immich-icloud-tunnel-{tunnel_id}",
        # It exists in every cluster, and belongs to no stack: the stacks of one tunnel may share no other namespace.
        namespace="default",
        annotation="immich-icloud/tunnel-rules",
        duration=_DURATION,
        doing="changing rules of the same tunnel",
    )


class TunnelLease:
    """The Lease of one tunnel, as one stack uses it."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    @classmethod
    def of(cls, api: ClusterApi, tunnel_id: str, stack: str, former: Collection[str] = ()) -> Self:
        """Name it for a stack, with other names or without."""
        return cls(Lease(api, lease_of(tunnel_id), stack, former=former))

    def shares(self) -> Shares:
        """Read which stack has what."""
        return _shares(self._lease.of, self._lease.notes())

    @contextmanager
    def held(self) -> Iterator["HeldTunnelLease"]:
        """Hold the Lease; no other stack of this cluster writes meanwhile.

        Raises:
            ClusterError: when another stack keeps it, or the cluster can't be asked.

        """
        with self._lease.held() as held:
            yield HeldTunnelLease(held)


class HeldTunnelLease:
    """A Lease that this stack holds."""

    def __init__(self, held: HeldLease) -> None:
        self._held = held

    @property
    def shares(self) -> Shares:
        """Which stack has what."""
        return _shares(self._held.of, self._held.notes)

    @property
    def share(self) -> Share:
        """What this stack has."""
        return self.shares.get(self._held.stack, Share())

    def note(self, share: Share) -> None:
        """Note down what this stack has, and hold the Lease for its whole duration again.

        Raises:
            LostError: when another client wrote the Lease: nothing more may be written in its name.

        """
        self._held.note(_stated(share) if share != Share() else None)


def _shares(of: LeaseOf, notes: Notes) -> Shares:
    with of.readable():
        return {
            stack: Share(
                frozenset((f"{hostname}", f"{path}") for hostname, path in each["rules"]),
                tuple({**rule} for rule in each["found"]),
            )
            for stack, each in notes.items()
        }


def _stated(share: Share) -> Manifest:
    return {"rules": sorted(map(list, share.keys)), "found": [dict(rule) for rule in share.found]}
