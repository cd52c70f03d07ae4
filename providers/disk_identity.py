"""The photo disk's id, drawn once and kept for as long as any of its ConfigMaps is.

The state has no id: `make mark-disk` draws another one, and a lost state loses nothing.
"""

import json
from typing import Any

import pulumi
from pulumi import dynamic

from clients import disk_identity
from clients.kubernetes import ClusterApi, ClusterError, Manifest, Ref
from settings.cluster import Cluster


class DiskIdentityProvider(dynamic.ResourceProvider):
    """Draws the id, and later says that it is on a disk."""

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Keep where the cluster is; it is asked only when there is something to ask."""
        self._cluster = Cluster.model_validate_json(req.config.require("immich-icloud:cluster"))

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, a ConfigMap that is another stack's."""
        try:
            disk_identity.known(self._api(), _places(news))
        except ClusterError as error:
            return dynamic.CheckResult(news, [dynamic.CheckFailure("", str(error))])
        return dynamic.CheckResult(news, [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when a ConfigMap would be written."""
        settled = disk_identity.is_settled(self._api(), _places(_news), marked=bool(_news["marked"]))
        return dynamic.DiffResult(changes=not settled)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Draw an id where there is none yet."""
        disk_identity.settle(self._api(), _places(props), marked=bool(props["marked"]))
        return dynamic.CreateResult(Ref.of(_places(props)[-1]).path, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the ConfigMaps to one id."""
        disk_identity.settle(self._api(), _places(_news), _places(_olds), marked=bool(_news["marked"]))
        return dynamic.UpdateResult(_news)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find whether there is an id at all."""
        found = disk_identity.known(self._api(), _places(props))
        return dynamic.ReadResult(id_, props, dict(props)) if found.id else dynamic.ReadResult("", {})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Keep the mirror of an id that is on a disk: the next `up` must know that disk from any other."""
        if props["marked"]:
            return
        api = self._api()
        mirror, directory = _places(props)
        for place in (directory,) if disk_identity.known(api, [mirror]).marked else (directory, mirror):
            live = api.get(Ref.of(place))
            if live is not None:
                api.delete(live)

    def _api(self) -> ClusterApi:
        return ClusterApi(self._cluster)


class DiskIdentity(dynamic.Resource, module="kubernetes", name="DiskIdentity"):
    """The id in its two ConfigMaps."""

    def __init__(
        self, name: str, places: tuple[Manifest, Manifest], opts: pulumi.ResourceOptions, *, marked: bool
    ) -> None:
        super().__init__(DiskIdentityProvider(), name, self.properties(places, marked=marked), opts)

    @staticmethod
    def properties(places: tuple[Manifest, Manifest], *, marked: bool) -> dict[str, Any]:
        """Build the inputs: the mirror and the directory ConfigMap, without data, as text."""
        return {"places": json.dumps(places), "marked": marked}


def _places(props: dict[str, Any]) -> list[Manifest]:
    places: list[Manifest] = json.loads(props["places"])
    return places
