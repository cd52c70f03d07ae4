"""Which rule of a configuration file is this stack's, and the file as it should be. Pure.

An unmanaged rule for the same host stays where it is: behind ours it gets no request, and when ours goes it gets them
again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from clients.ingress_rules import Key, Rule, key, shuts_out, taking
from clients.tunnel_document import TunnelDocument, as_read


@dataclass(frozen=True)
class OwnRule:
    """Our rule in one document.

    Attributes:
        document: the document as it is.
        wanted: our rule; None where it is to go.
        owned: keys that are known as this stack's, and no sibling's.
        stated: our rule as it was written, and as it is to be.
        passed: unmanaged rules for our hosts, as they were when ours went before them.

    """

    document: TunnelDocument
    wanted: Rule | None
    owned: Collection[Key]
    stated: Sequence[Rule]
    passed: Sequence[Rule] = ()

    @cached_property
    def ours(self) -> list[int]:
        """The places of our rules: of several with one key that which says what ours does, else the first."""
        written, passed = [as_read(rule) for rule in self.stated], [as_read(rule) for rule in self.passed]
        found: dict[Key, int] = {}
        for place, rule in enumerate(self.document.rules):
            own = key(rule)
            if own not in self.owned or rule in passed:
                continue
            if own not in found or (rule in written and self.document.rules[found[own]] not in written):
                found[own] = place
        return sorted(found.values())

    @cached_property
    def others(self) -> list[Rule]:
        """The unmanaged rules."""
        return [rule for place, rule in enumerate(self.document.rules) if place not in self.ours]

    @cached_property
    def in_line(self) -> list[Rule]:
        """Those that would take the host's requests, to the first that takes all that are left."""
        return taking(self.others, key(self.wanted)[0] if self.wanted else "")

    @property
    def rivals(self) -> list[Rule]:
        """Unmanaged rules for the same host, which get no requests behind this stack's."""
        return [rule for rule in self.others if self.wanted and shuts_out(self.wanted, rule)]

    @property
    def losing(self) -> list[Rule]:
        """Those of them that still get requests: this stack's rule does not precede them yet."""
        rules = self.document.rules
        stands = (place for place in self.ours if self.wanted and key(rules[place]) == key(self.wanted))
        behind = rules[next(stands, len(rules)) :]
        return [rule for rule in self.rivals if rule in self.in_line and rule not in behind]

    def settled(self) -> TunnelDocument:
        """Build the document as it should be: itself where it is so already.

        Raises:
            DocumentError: when cloudflared would refuse the document, or it can't be changed.

        """
        if self.wanted and len(self.ours) == 1:
            place = self.ours[0]
            right = self.document.rules[place] == as_read(self.wanted)
            if right and self.document.place(key(self.wanted)[0]) == place:
                return self.document
        document = self.document
        for place in reversed(self.ours):
            document = document.without_rule(place)
        return document.with_rule(self.wanted) if self.wanted else document
