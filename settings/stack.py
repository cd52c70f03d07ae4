"""The whole stack file, as a type."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from settings.cluster import Cluster
from settings.immich import Immich
from settings.model import Hostname, Model, Switch, refuse
from settings.photo_sync import PhotoSync
from settings.route import Route
from settings.storage import Storage


class Settings(Model):
    """Everything that one stack is told. The key of a field is `immich-icloud:<its camelCase name>`."""

    host: Annotated[Hostname, Field(description="Where Immich is reached, over https.")]
    cluster: Cluster
    storage: Storage
    route: Route
    immich: Immich = Immich()
    photo_sync: PhotoSync = PhotoSync()
    adopt_existing: Annotated[
        Switch,
        Field(
            description="For one `up`: take over objects that were made by hand, and mark a directory that exists "
            "as the right disk. Remove it afterwards."
        ),
    ] = False

    @model_validator(mode="after")
    def _namespace_of_its_own(self) -> Self:
        if self.photo_sync.namespace == self.immich.namespace:
            raise refuse(
                "photoSync.namespace",
                self.photo_sync.namespace,
                "any namespace but immich.namespace: it is removed with the stack, and Immich's database with it",
            )
        return self
