"""Where the photos are written."""

from typing import Annotated

from pydantic import AfterValidator, Field

from settings.model import Label, Model, not_allowed

_SYSTEM = ("default", "kube-system", "kube-public", "kube-node-lease")


def _not_a_system_namespace(namespace: str) -> str:
    if namespace in _SYSTEM:
        raise not_allowed('a namespace of its own (it is removed with the stack), e.g. "photo-sync"')
    return namespace


class PhotoSync(Model):
    """The namespace of everything that writes photos; it is ours alone."""

    namespace: Annotated[
        Label, AfterValidator(_not_a_system_namespace), Field(description="Made by this stack, and removed with it.")
    ] = "photo-sync"
