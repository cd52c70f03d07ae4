"""What admission makes of an object of this stack: values that a webhook or a policy of the cluster writes are kept.

An image mirror rewrites the image of a Job, and each `up` would replace the Job to write it back. So the API server is
asked, in a dry run, what it would make of what this stack states. What it makes, and has already, is stated as it is.
"""

from collections.abc import Mapping
from typing import Any

import pulumi

from clients.kubernetes import Manifest, Ref
from clients.likeness import same_quantity

_CORE = "core/"


def as_admitted(stated: Any, admitted: Any, live: Any) -> Any:
    """Return what is stated, with the values that admission puts in their place and that are there.

    Args:
        stated: a value of this stack.
        admitted: the same of the object as the API server would take it; None where it has none.
        live: the same of the object as it is.

    """
    if isinstance(stated, dict) and isinstance(admitted, dict) and isinstance(live, dict):
        return {
            key: as_admitted(value, admitted.get(key), live.get(key))
            for key, value in stated.items()
            if not value or key in admitted or key in live  # else it is taken out, and stated in vain
        }
    if isinstance(stated, list) and isinstance(admitted, list) and isinstance(live, list):
        if len(stated) <= len(admitted) == len(live) and _begin_alike(stated, live):
            return [as_admitted(*values) for values in zip(stated, admitted, live, strict=False)]
    elif live is None or stated == live or same_quantity(stated, live):
        return stated
    return live if admitted == live else stated


def _begin_alike(stated: list[Any], live: list[Any]) -> bool:
    """Whether items have the places in which they are stated: a sidecar may come first."""
    return all(
        not isinstance(one, dict) or not isinstance(other, dict) or one.get("name") == other.get("name")
        for one, other in zip(stated, live, strict=False)
    )


def keeping(mutated: Mapping[Ref, Manifest]) -> pulumi.ResourceTransformation:
    """State the objects that admission has changed as they are."""

    def transformed(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith("kubernetes:"):
            return None
        _, version, kind = args.type_.split(":")
        metadata: Any = args.props["metadata"]
        ref = Ref(version.removeprefix(_CORE), kind, metadata["name"], metadata.get("namespace"))
        kept = mutated.get(ref, {})
        props = {key: kept.get(key, value) for key, value in args.props.items()}
        return pulumi.ResourceTransformationResult(props, args.opts)

    return transformed
