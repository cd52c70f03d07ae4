"""A pod's volumes as folders: those of the node's disk, and those that the kubelet fills itself."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.node import ownership
from lab.node.container import Manifest
from lab.plugins.cluster import Cluster

_MODE: Final = 0o644


class NotMountedError(Exception):
    """A volume can't be mounted (yet). Its text is the kubelet's."""


@dataclass(frozen=True)
class Disk:
    """A folder that plays the node's root directory."""

    root: Path

    def path(self, on_node: str) -> Path:
        """Where a path of the node lies here."""
        return self.root / on_node.lstrip("/")

    def host_path(self, source: Manifest) -> Path:
        """Find a hostPath as kubelet and container runtime do. Raises NotMountedError where its type isn't met."""
        place, kind = self.path(source["path"]), source.get("type", "")
        if kind in ("", "DirectoryOrCreate") and not place.exists():
            place.mkdir(parents=True)
        if kind in ("Directory", "DirectoryOrCreate") and not place.is_dir():
            raise NotMountedError(f"hostPath type check failed: {source['path']} is not a directory")
        return place

    def persistent(self, volume: Manifest) -> Path:
        """Find what a PersistentVolume is about; a share on the network is a folder beside the node's own.

        Raises NotMountedError.
        """
        match volume["spec"]:
            case {"hostPath": source}:
                return self.host_path(source)
            case {"local": {"path": path}}:
                if not (place := self.path(path)).exists():
                    raise NotMountedError(f'path "{path}" does not exist')
                return place
            case {"nfs": {"server": server, "path": path}}:
                return self._share("nfs", server, path)
            case {"csi": {"driver": driver, "volumeHandle": handle}}:
                return self._share("csi", driver, handle)
        raise NotMountedError("the rehearsal's node mounts hostPath, local, nfs and csi volumes only")

    def _share(self, *names: str) -> Path:
        place = self.root.joinpath(*(name.strip("/").replace("/", "_") for name in names))
        place.mkdir(parents=True, exist_ok=True)
        return place


@dataclass(frozen=True)
class Volumes:
    """The volumes of one pod."""

    disk: Disk
    cluster: Cluster
    namespace: str
    own: Path
    """Where those lie that go with the pod."""

    def places(self, pod: Manifest) -> Mapping[str, Path]:
        """Return the folder of each volume by its name. Raises NotMountedError, in the kubelet's words."""
        found = {}
        for volume in pod.get("volumes", []):
            name = volume["name"]
            try:
                found[name] = self._place(volume, pod.get("securityContext", {}))
            except (NotMountedError, OSError) as error:
                raise NotMountedError(f'MountVolume.SetUp failed for volume "{name}" : {error}') from error
        return found

    def read(self, kind: str, name: str, *, optional: bool) -> dict[str, bytes]:
        """Return a ConfigMap's or Secret's content. Raises NotMountedError."""
        found = self.cluster.get({"apiVersion": "v1", "kind": kind, "metadata": self._named(name)})
        if found is None:
            if optional:
                return {}
            raise NotMountedError(f'{kind.lower()} "{name}" not found')
        texts = {} if kind == "Secret" else {key: text.encode() for key, text in found.get("data", {}).items()}
        encoded = found.get("data", {}) if kind == "Secret" else found.get("binaryData", {})
        return {**texts, **{key: base64.b64decode(text) for key, text in encoded.items()}}

    def _place(self, volume: Manifest, context: Manifest) -> Path:
        match volume:
            case {"hostPath": source}:
                return self.disk.host_path(source)
            case {"persistentVolumeClaim": {"claimName": name}}:
                return self._claimed(name, context)
            # Of projected ones there is only the service account's token, which no pod here has a use for.
            case {"emptyDir": _} | {"projected": _}:
                place = self._made(volume["name"])
                place.chmod(0o777)
                ownership.hand_over(place, context)
                return place
            case {"configMap": {"name": name}}:
                return self._filled("ConfigMap", name, volume, context)
            case {"secret": {"secretName": name}}:
                return self._filled("Secret", name, volume, context)
        raise NotMountedError("the rehearsal's node does not know this kind of volume")

    def _filled(self, kind: str, name: str, volume: Manifest, context: Manifest) -> Path:
        source = volume["secret" if kind == "Secret" else "configMap"]
        content = self.read(kind, name, optional=bool(source.get("optional")))
        place = self._made(volume["name"])
        for key, value in content.items():
            file = place / key
            file.unlink(missing_ok=True)
            file.write_bytes(value)
            file.chmod(source.get("defaultMode", _MODE))
        ownership.hand_over(place, context, read_only=True)
        return place

    def _claimed(self, name: str, context: Manifest) -> Path:
        claim = self.cluster.get({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": self._named(name)})
        if claim is None:
            raise NotMountedError(f'persistentvolumeclaim "{name}" not found')
        if claim["status"].get("phase") != "Bound":
            raise NotMountedError(f'persistentvolumeclaim "{name}" is not bound')
        volume = self.cluster.get(
            {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": claim["spec"]["volumeName"]}}
        )
        if volume is None:
            raise NotMountedError(f'persistentvolume "{claim["spec"]["volumeName"]}" not found')
        place = self.disk.persistent(volume)
        # Not those that the node only passes on: kubelet leaves hostPath and NFS as they are, and asks CSI drivers.
        if "local" in volume["spec"] or "csi" in volume["spec"]:
            ownership.hand_over(place, context)
        return place

    def _made(self, name: str) -> Path:
        place = self.own / "volumes" / name
        place.mkdir(parents=True, exist_ok=True)
        return place

    def _named(self, name: str) -> Manifest:
        return {"name": name, "namespace": self.namespace}
