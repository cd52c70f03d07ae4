"""The photo disk's id, drawn once and kept for as long as any of its ConfigMaps is.

The state has no id: `make mark-disk` draws another one, and a lost state loses nothing.
"""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi import dynamic

from clients import disk_identity
from clients.disk_identity import ForeignError
from clients.kubernetes import ClusterError, Manifest, Ref
from providers.cluster_provider import ClusterProvider


class DiskIdentityProvider(ClusterProvider):
    """Draws the id, and later records that it is on a disk."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Refuse, at preview, a ConfigMap that is another stack's."""
        try:
            disk_identity.known(self._api(), _places(news), _former(news))
        except ClusterError as error:
            return dynamic.CheckResult(news, [dynamic.CheckFailure("", str(error))])
        return dynamic.CheckResult(news, [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        """Report a change exactly when a ConfigMap would be written."""
        places, marked = _places(_news), bool(_news["marked"])
        try:
            settled = disk_identity.is_settled(self._api(), places, _former(_news), marked=marked)
        except ForeignError:  # a refresh compares what the state has, and the other resource has renamed both
            settled = False
        return dynamic.DiffResult(changes=not settled or _marks(_olds) != _marks(_news))

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Draw an id where there is none yet."""
        disk_identity.settle(self._api(), _places(props), former=_former(props), marked=bool(props["marked"]))
        return dynamic.CreateResult(Ref.of(_places(props)[-1]).path, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        """Bring the ConfigMaps to one id."""
        places, earlier = _places(_news), _places(_olds)
        # Of a stack that is renamed, either ConfigMap may have its new name by now.
        former = {*_former(_news), *(value for marks in _marks(_news) for value in marks.values())}
        disk_identity.settle(self._api(), places, earlier, former, marked=bool(_news["marked"]))
        return dynamic.UpdateResult(_news)

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Find whether there is an id at all."""
        there = dynamic.ReadResult(id_, props, dict(props))
        try:
            return there if disk_identity.known(self._api(), _places(props)).id else dynamic.ReadResult("", {})
        except ForeignError:  # likewise; `check` knows both names
            return there

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


class DiskIdentity(dynamic.Resource, module="kubernetes", name="DiskIdentity"):
    """The id in its two ConfigMaps."""

    def __init__(
        self,
        name: str,
        places: tuple[Manifest, Manifest],
        former: Sequence[str],
        opts: pulumi.ResourceOptions,
        *,
        marked: bool,
    ) -> None:
        super().__init__(DiskIdentityProvider(), name, self.properties(places, former, marked=marked), opts)

    @staticmethod
    def properties(places: tuple[Manifest, Manifest], former: Sequence[str] = (), *, marked: bool) -> dict[str, Any]:
        """Build the inputs: the mirror and the directory ConfigMap, without data, as text; other names of the stack."""
        more = {"former": [*former]} if former else {}
        return {"places": json.dumps(places), "marked": marked, **more}


def _marks(props: dict[str, Any]) -> list[dict[str, str]]:
    return [one["metadata"]["annotations"] for one in _places(props)]


def _former(props: dict[str, Any]) -> list[str]:
    return [*props.get("former", ())]


def _places(props: dict[str, Any]) -> list[Manifest]:
    places: list[Manifest] = json.loads(props["places"])
    return places
