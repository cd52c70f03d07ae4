"""Where the photos are written."""

from typing import Annotated

from pydantic import Field

from settings.model import Model, OwnNamespace


class PhotoSync(Model):
    """The namespace of everything that writes photos; it is ours alone."""

    namespace: Annotated[OwnNamespace, Field(description="Made by this stack, and removed with it.")] = "photo-sync"
