"""What a stack adopts in one `up`: what was made by hand, or what a stack whose state is lost has made."""

from typing import Annotated

from pydantic import Field
from pydantic_core import PydanticCustomError

from settings.model import Allowed, Model

StackId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$"),
    Allowed("PROJECT/STACK, as in the annotation immich-icloud/stack of its objects", "immich-icloud/homelab"),
]


class Adoption(Model):
    """What another stack made, whose state is lost: its objects, entries, rules and libraries become this stack's."""

    stack: Annotated[StackId, Field(alias="from")]


_MADE_BY_HAND = Adoption.model_construct(stack="")


def read_adoption(stated: object) -> object:
    """Read what a stack file says: true, false, or a mapping."""
    if stated is None:
        raise PydanticCustomError("no_value", "no value")
    if stated is True or stated == "true":
        return _MADE_BY_HAND
    return None if stated is False or stated == "false" else stated
