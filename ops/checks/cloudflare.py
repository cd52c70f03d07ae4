"""Cloudflare leads the host to the cluster: its record, the tunnel, and our rule in it."""

from clients.ingress_rules import spoken
from ops.checks.check import (
    ON_CLOUDFLARE,
    PREVIEW,
    SHARING,
    TUNNELLED,
    UP,
    Check,
    Fault,
    NotChecked,
    Passed,
    Result,
    failed,
)
from ops.facts import Facts
from ops.facts.cloudflare import CloudflareFacts
from ops.facts.part import there
from settings.cloudflare import OwnTunnel, Tunnelled

_NO_ZONE = Fault(
    "the API token may not read the host's zone, or the host lies in no zone of the account",
    "pulumi config set --secret --stack $stack immich-icloud:cloudflareToken",
)
_NO_RECORD = Fault("the host's DNS record was removed", UP)
_OTHER_RECORD = Fault("the host's DNS record was changed", UP)
_NO_TUNNEL = Fault("the tunnel was deleted, or has another name: cloudflare.tunnel", PREVIEW)
_NO_CONNECTORS = Fault(
    "no cloudflared runs the tunnel, or it has no way out to Cloudflare (port 7844)",
    "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cloudflared",
)
_OUR_CONNECTORS = Fault(
    "this stack's cloudflared does not run, or has no way out to Cloudflare (port 7844)",
    "kubectl rollout restart -n $namespace deployment/cloudflared",
)
_NO_RULE = Fault("somebody removed or changed this stack's rule in the tunnel", UP)
_SHADOWED = Fault("somebody put a rule before this stack's that takes its requests", UP)
_IMPOSSIBLE = Fault("the tunnel's other rules leave no place for this stack's", PREVIEW)


def _record(facts: Facts) -> Result:
    found = there(facts.cloudflare)
    if found.zone is None:
        return failed(facts, _NO_ZONE, f"the Cloudflare API token sees no zone that {facts.settings.host} lies in")
    if found.way_in is None or found.target is None:
        return NotChecked("what the record should point at is not there")
    wanted = found.way_in.record
    if not found.records:
        return failed(facts, _NO_RECORD, f"{found.zone.name} has no record {wanted.name} of type A, AAAA or CNAME")
    right = [one for one in found.records if _same(one.content, found.target) and one.type == wanted.type]
    shown = "; ".join(f"{one}{'' if one.proxied else ', not proxied'}" for one in found.records)
    if len(found.records) > 1 or not right or right[0].proxied != wanted.proxied:
        how = "" if wanted.proxied else ", not proxied"
        return failed(facts, _OTHER_RECORD, f"it is {shown}; it should be {wanted.type} → {found.target}{how}")
    return Passed(shown)


def _same(one: str, other: str) -> bool:
    return one.rstrip(".").lower() == other.rstrip(".").lower()


def _tunnel(facts: Facts) -> Result:
    found, cloudflare = _in_zone(facts), facts.settings.cloudflare
    if found is None:
        return NotChecked("the API token sees no zone, hence no account")
    if found.tunnel is None:
        named = cloudflare.tunnel if isinstance(cloudflare, Tunnelled) else ""
        return failed(facts, _NO_TUNNEL, f"the account has no tunnel {named}")
    connected = [one for one in found.connectors if one.connections]
    if not connected:
        evidence = f"no connector of the tunnel {found.tunnel.name} is connected"
        if isinstance(cloudflare, OwnTunnel):
            return failed(facts, _OUR_CONNECTORS, evidence, namespace=cloudflare.namespace)
        return failed(facts, _NO_CONNECTORS, evidence)
    versions = ", ".join(sorted({one.version for one in connected}))
    count = sum(one.connections for one in connected)
    return Passed(f"connectors: {len(connected)} (cloudflared {versions}), with connections: {count}")


def _rule(facts: Facts) -> Result:
    found = _in_zone(facts)
    if found is None or found.trial is None or found.way_in is None or found.way_in.rules is None:
        return NotChecked("there is no tunnel whose rules could be read")
    trial, wanted = found.trial, found.way_in.rules.rules
    if trial.covering:
        return failed(facts, _SHADOWED, f"before it stands {'; '.join(map(spoken, trial.covering))}")
    if trial.problems:
        return failed(facts, _IMPOSSIBLE, "; ".join(map(str, trial.problems)))
    if trial.changes or not trial.ours:
        has = "; ".join(map(spoken, trial.ours)) or "none"
        return failed(
            facts, _NO_RULE, f"the tunnel should have {'; '.join(map(spoken, wanted))}. It has of ours: {has}"
        )
    return Passed("; ".join(map(spoken, trial.ours)))


def _in_zone(facts: Facts) -> CloudflareFacts | None:
    found = there(facts.cloudflare)
    return found if found.zone else None


RECORD = Check(
    "dns-record",
    "the host's record at Cloudflare points where it should",
    _record,
    (_NO_ZONE, _NO_RECORD, _OTHER_RECORD),
    ON_CLOUDFLARE,
)
TUNNEL = Check(
    "tunnel",
    "the tunnel is there, and connectors run it",
    _tunnel,
    (_NO_TUNNEL, _NO_CONNECTORS, _OUR_CONNECTORS),
    TUNNELLED,
)
RULE = Check(
    "tunnel-rule",
    "this stack's rule is in the tunnel, and no other one takes its requests",
    _rule,
    (_SHADOWED, _IMPOSSIBLE, _NO_RULE),
    SHARING,
)
