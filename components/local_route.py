"""Where the document of a locally managed tunnel leads the host, and the lines that it lacks. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

from clients.ingress_rules import Rule, covers, fault, key, taking
from settings.model import CLUSTER_DOMAIN, Backend
from settings.origin import PORTS

# A Service, or a URL.
Place = Backend | str


class Standing(Enum):
    """How a list of rules treats the host."""

    STATED = "stated"  # by a rule of its own
    COVERED = "covered"  # by a wildcard that leads to the same place
    SHADOWED = "shadowed"  # it has the rule, and another one before it takes requests
    MISSING = "missing"


class Left(Enum):
    """What is left for a person to do with the document."""

    NOTHING = "nothing"
    WRITE = "write"  # the rule into it
    RESTART = "restart"  # cloudflared, which reads it once


DONE = {Standing.STATED, Standing.COVERED}


@dataclass(frozen=True)
class LocalRoute:
    """What a locally managed tunnel does with the host's requests.

    Attributes:
        place: where the document is kept, as text.
        owner: who keeps it, as text; empty where that is unknown.
        lines: the rule as it is to be written, in the document's style.
        before: the rule that it goes before; empty where that is unknown.
        fault: why the document can't be judged, or what cloudflared refuses in it; completes `the document ...`.
        document: how the document treats the host; None where it can't be judged.
        running: how the rules that run do, as cloudflared sent them to Cloudflare; None where that is unknown.
        taking: the rules of the document that take the host's requests, to the first that takes all.
        rules: of the document; empty where it can't be judged.
        rule: as the document is to have it.
        managed: whether this stack may write it.
        kept: why it may not; empty where it may, or nothing is known of the document.

    """

    place: str
    owner: str
    lines: str
    before: str = ""
    fault: str = ""
    document: Standing | None = None
    running: Standing | None = None
    taking: tuple[Rule, ...] = ()
    rules: tuple[Rule, ...] = ()
    rule: Rule = field(default_factory=dict)
    managed: bool = False
    kept: str = ""

    def to_write(self, host: str) -> str:
        """Say where the lines go, as an instruction without its full stop."""
        if self.managed:
            return f"`up` writes the rule for {host} into {self.place}, and restarts cloudflared"
        source = f" in the source of {self.owner}, which may be a template," if self.owner else ""
        before = f" before the rule `{self.before}`" if self.before else ", before any rule that takes its requests"
        return (
            f"Lead {host} through the tunnel: put these lines into `ingress`{before},{source} in {self.place}. "
            "cloudflared reads its file once: restart it"
        )

    @property
    def left(self) -> Left:
        """What is left for a person to do."""
        if (self.document or self.running) not in DONE:
            return Left.WRITE
        return Left.RESTART if self.running and self.running not in DONE else Left.NOTHING


def standing(rules: Sequence[Rule], host: str, wanted: Collection[Place], namespace: str) -> Standing | None:
    """Judge a list of rules; None for one that cloudflared refuses.

    Args:
        rules: the list.
        host: the host.
        wanted: the places of which one has to get its requests.
        namespace: cloudflared's, in which a Service's short name is looked up.

    """
    if fault(rules):
        return None

    def right(rule: Rule) -> bool:
        return place(str(rule.get("service") or ""), namespace) in wanted

    first = taking(rules, host)
    if all(map(right, first)):
        return Standing.STATED if _is_narrow(first[-1]) else Standing.COVERED
    later = any(covers(rule, host) and _is_narrow(rule) and not key(rule)[1] and right(rule) for rule in rules)
    return Standing.SHADOWED if later or right(first[-1]) else Standing.MISSING


def _is_narrow(rule: Rule) -> bool:
    return not key(rule)[0].startswith("*") and key(rule)[0] != ""


def backend(service: str, namespace: str) -> Backend | None:
    """Read the Service that a rule leads to; None where it leads elsewhere than to a Service by its name."""
    found = place(service, namespace)
    return found if isinstance(found, Backend) else None


def place(service: str, namespace: str) -> Place | None:
    """Read where a rule leads: a Service by its name, or another URL in one form; None for all else."""
    try:
        url = urlsplit(service)
        port = url.port or PORTS.get(url.scheme)
    except ValueError:
        return None
    host = (url.hostname or "").removesuffix(".")
    name, *rest = host.split(".")
    if port is None or not name or url.path.strip("/"):
        return None
    if len(rest) > 1 and rest[1] != "svc":
        return f"{url.scheme}://{host}:{port}"
    return Backend(rest[0] if rest else namespace, name, port)


def domains(rules: Sequence[Rule]) -> set[str]:
    """List the cluster domains in which a list of rules names its Services; not those that leave it out."""
    hosts = (urlsplit(str(rule.get("service") or "")).netloc.rpartition(":")[0] for rule in rules)
    return {domain for host in hosts if (domain := host.removesuffix(".").partition(".svc.")[2])} - {CLUSTER_DOMAIN}
