"""Who owns an object: annotations that outlive the state, and what happens to it when the stack is removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clients.claim import Claim
from clients.kubernetes import OBJECT_MANAGER, Manifest, Ref
from text.command import Command

STACK_MARK = "immich-icloud/stack"
ADOPTED_MARK = "immich-icloud/adopted"
# Without it each upsert adds a field manager of a random name, and the old one stays co-owner.
_MANAGER_OF_PROVIDER = "pulumi.com/patchFieldManager"


@dataclass(frozen=True)
class Ownership:
    """What this stack owns.

    Attributes:
        stack: `<project>/<stack>`, the value of our mark.
        adopted: objects that were made by hand and this stack adopted: they are kept when it is removed.
        adopting: whether what was set by hand may be adopted in this `up`.
        former: names that this stack had before it was renamed, or its project was.
        held: ids of the objects that its state holds.
        lost: a stack whose state is lost, and whose objects are this one's; empty when there is none.

    """

    stack: str
    adopted: frozenset[Ref] = frozenset()
    adopting: bool = False
    former: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    lost: str = ""

    @property
    def stack_name(self) -> str:
        """The stack's name, as in `make up STACK=...`."""
        return self.stack.rpartition("/")[2]

    def command(self, target: str, account: str = "") -> str:
        """Name a command of the Makefile on this stack, and on one of its accounts."""
        return str(Command(target, self.stack_name, account))

    @property
    def manager(self) -> str:
        """Field manager of this stack's fragments: one for each stack, so that no stack owns another's entries."""
        return self.stack

    @property
    def other_names(self) -> tuple[str, ...]:
        """The names besides its own by which this stack's entries, rules and libraries may still be known."""
        return tuple(sorted({*self.former, *filter(None, [self.lost])} - {self.stack}))

    def whole(
        self,
        ref: Ref,
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        **parts: Any,
    ) -> Manifest:
        """Build an object that this stack deploys whole."""
        place = {"name": ref.name, "namespace": ref.namespace} if ref.namespace else {"name": ref.name}
        # In the same write as our claim: an adoption that is interrupted must not look like a creation.
        marks = self.adoption_marks() if ref in self.adopted else {STACK_MARK: self.stack}
        stated = {"annotations": {**(annotations or {}), **marks, _MANAGER_OF_PROVIDER: OBJECT_MANAGER}}
        metadata = {**place, **stated, **({} if labels is None else {"labels": dict(labels)})}
        return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, **parts}

    def owns(self, live: Manifest) -> bool:
        """Whether an object carries this stack's mark; one of a former name only where the state holds the object."""
        mark = marked_by(live)
        return bool(mark) and (mark in {self.stack, self.lost} or (mark in self.former and self._holds(live)))

    def _holds(self, live: Manifest) -> bool:
        return not self.held.isdisjoint({live["metadata"].get("uid", ""), Ref.of(live).path})

    def lost_its_mark(self, live: Manifest) -> bool:
        """Whether a namespace that this project made has lost its mark. To adopt it would be to delete it."""
        managers = {entry.get("manager") for entry in live["metadata"].get("managedFields", [])}
        return live["kind"] == "Namespace" and OBJECT_MANAGER in managers and marked_by(live) is None

    def adopts(self, live: Manifest) -> bool:
        """Whether an object was made by hand and this stack adopted it, or adopts it now."""
        if self.owns(live):
            return ADOPTED_MARK in live["metadata"]["annotations"]
        return self.adopting and not self.lost_its_mark(live)

    def claim(self, fragment: Manifest, policy: Manifest | None = None) -> Claim:
        """Claim entries of an object that this stack does not manage; `policy`: what denies pods without them."""
        return Claim(fragment, self.manager, self.adopting, policy, self.other_names)

    def marks_on(self, manifest: Manifest) -> Manifest:
        """Build the fragment that marks an adopted object, and that removal takes from it, though the object stays."""
        metadata = manifest["metadata"]
        ours = {key: value for key, value in metadata["annotations"].items() if key.startswith("pulumi.com/")}
        place = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
        marked = {**place, "annotations": {**ours, **self.adoption_marks()}}
        return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": marked}

    def adoption_marks(self) -> dict[str, str]:
        """Build the annotations of an adopted object."""
        return {STACK_MARK: self.stack, ADOPTED_MARK: "true"}


def marked_by(live: Manifest) -> str | None:
    """Name the stack whose mark an object carries; None for one without."""
    mark: str | None = (live["metadata"].get("annotations") or {}).get(STACK_MARK)
    return mark
