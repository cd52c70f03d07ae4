"""Cloudflare leads the host to the cluster: its record, the tunnel, and our rule in it."""

from clients.ingress_rules import spoken
from components.local_route import Left, LocalRoute, Standing
from ops.checks import wording
from ops.checks.check import ON_CLOUDFLARE, SHARING, TUNNELLED, Check, NotChecked, Passed, Result, failed
from ops.facts import Facts
from ops.facts.cloudflare import CloudflareFacts
from ops.facts.part import there
from settings.cloudflare import OwnTunnel, Tunnelled
from text.hostname import normal


def _record(facts: Facts) -> Result:
    found = there(facts.cloudflare)
    if found.zone is None:
        return failed(
            facts, wording.ZONE_MISSING, f"the Cloudflare API token can read no zone of {facts.settings.host}"
        )
    if found.public_access is None or found.target is None:
        return NotChecked("what the record should point at is not there")
    wanted = found.public_access.record
    if not found.records:
        return failed(
            facts, wording.RECORD_MISSING, f"{found.zone.name} has no record {wanted.name} of type A, AAAA or CNAME"
        )
    right = [one for one in found.records if _same(one.content, found.target) and one.type == wanted.type]
    shown = "; ".join(f"{one}{'' if one.proxied else ', not proxied'}" for one in found.records)
    if len(found.records) > 1 or not right or right[0].proxied != wanted.proxied:
        how = "" if wanted.proxied else ", not proxied"
        return failed(facts, wording.RECORD_CHANGED, f"it is {shown}; it should be {wanted.type} → {found.target}{how}")
    return Passed(shown)


def _same(one: str, other: str) -> bool:
    return normal(one) == normal(other)


def _tunnel(facts: Facts) -> Result:
    found, cloudflare = _in_zone(facts), facts.settings.cloudflare
    if found is None:
        return NotChecked("the API token can read no zone, and so no account")
    if found.tunnel is None:
        named = cloudflare.tunnel if isinstance(cloudflare, Tunnelled) else ""
        return failed(facts, wording.TUNNEL_MISSING, f"the account has no tunnel {named}")
    connected = [one for one in found.connectors if one.connections]
    if not connected:
        evidence = f"no connector of the tunnel {found.tunnel.name} is connected"
        if isinstance(cloudflare, OwnTunnel):
            return failed(facts, wording.OWN_CONNECTORS_DOWN, evidence, namespace=cloudflare.namespace)
        return failed(facts, wording.NO_CONNECTORS, evidence)
    versions = ", ".join(sorted({one.version for one in connected}))
    count = sum(one.connections for one in connected)
    return Passed(f"connectors: {len(connected)} (cloudflared {versions}), with connections: {count}")


def _rule(facts: Facts) -> Result:
    found = _in_zone(facts)
    if found and found.public_access and found.public_access.local:
        return _local_rule(facts, found.public_access.local)
    if found is None or found.trial is None or found.public_access is None or found.public_access.rules is None:
        return NotChecked("there is no tunnel whose rules could be read")
    trial, wanted = found.trial, found.public_access.rules.rules
    if trial.covering:
        return failed(facts, wording.RULE_SHADOWED, f"before it stands {'; '.join(map(spoken, trial.covering))}")
    if trial.problems:
        return failed(facts, wording.RULE_IMPOSSIBLE, "; ".join(map(str, trial.problems)))
    if trial.changes or not trial.ours:
        has = "; ".join(map(spoken, trial.ours)) or "none"
        return failed(
            facts,
            wording.RULE_MISSING,
            f"the tunnel should have {'; '.join(map(spoken, wanted))}. This stack's rules in it: {has}",
        )
    return Passed("; ".join(map(spoken, trial.ours)))


def _local_rule(facts: Facts, local: LocalRoute) -> Result:
    host = facts.settings.host
    if local.fault:
        return failed(facts, wording.TUNNEL_FILE_INVALID, f"{local.place}: the document {local.fault}")
    if local.document is Standing.SHADOWED:
        taking = "; ".join(map(spoken, local.taking))
        return failed(facts, wording.FILE_RULE_SHADOWED, f"{local.place}: before the rule for {host} stands {taking}")
    if local.left is Left.WRITE:
        missing = wording.RULE_MISSING if local.managed else wording.FILE_RULE_MISSING
        return failed(facts, missing, local.to_write(host), lines=local.lines.rstrip("\n"))
    if local.left is Left.RESTART:
        evidence = f"{local.place} leads {host} to Immich, and the rules that cloudflared sent to Cloudflare do not"
        return failed(facts, wording.FILE_RULE_NOT_RUNNING, evidence)
    if local.running is None:
        return NotChecked(f"{local.place} leads {host} to Immich; whether cloudflared has read that is unknown")
    return Passed(f"{local.place}: {'; '.join(map(spoken, local.taking))}")


def _in_zone(facts: Facts) -> CloudflareFacts | None:
    found = there(facts.cloudflare)
    return found if found.zone else None


RECORD = Check(
    "dns-record",
    "the host's record at Cloudflare points where it should",
    _record,
    (wording.ZONE_MISSING, wording.RECORD_MISSING, wording.RECORD_CHANGED),
    ON_CLOUDFLARE,
)
TUNNEL = Check(
    "tunnel",
    "the tunnel is there, and connectors run it",
    _tunnel,
    (wording.TUNNEL_MISSING, wording.NO_CONNECTORS, wording.OWN_CONNECTORS_DOWN),
    TUNNELLED,
)
RULE = Check(
    "tunnel-rule",
    "this stack's rule is in the tunnel, and no other one takes its requests",
    _rule,
    (
        wording.RULE_SHADOWED,
        wording.RULE_IMPOSSIBLE,
        wording.RULE_MISSING,
        wording.TUNNEL_FILE_INVALID,
        wording.FILE_RULE_SHADOWED,
        wording.FILE_RULE_MISSING,
        wording.FILE_RULE_NOT_RUNNING,
    ),
    SHARING,
    follows=("tunnel",),
)
