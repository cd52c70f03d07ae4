"""A Lease for each shared tunnel: one stack of a cluster writes at a time, and each knows which rules the others have.

It is what managedFields are to a Kubernetes object: Cloudflare's document has no place for whose a rule is.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clients.ingress_rules import Key, Rule, key
from clients.kubernetes import ClusterApi
from clients.lease import HeldLease, Lease, LeaseOf

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


def lease_for(api: ClusterApi, tunnel_id: str, stack: str, former: Collection[str] = ()) -> Lease:
    """Make the Lease of a tunnel, as one stack, with other names or without, uses it."""
    return Lease(api, lease_of(tunnel_id), stack, former=former)


def shares(lease: Lease | HeldLease) -> Shares:
    """Read which stack has what."""
    with lease.of.readable():
        return {
            stack: Share(
                frozenset((f"{hostname}", f"{path}") for hostname, path in each["rules"]),
                tuple({**rule} for rule in each["found"]),
            )
            for stack, each in lease.notes().items()
        }


def share(held: HeldLease) -> Share:
    """Read what this stack has."""
    return shares(held).get(held.stack, Share())


def note(held: HeldLease, share: Share) -> None:
    """Note down what this stack has, and hold the Lease for its whole duration again."""
    stated = {"rules": sorted(map(list, share.keys)), "found": [dict(rule) for rule in share.found]}
    held.note(stated if share != Share() else None)
