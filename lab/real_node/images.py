"""Container images without a registry: one OCI archive with every image that the rehearsal's pods name."""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Image:
    """One image: files by path, links by path, and what it runs as whom.

    Attributes:
        names: the references under which pods ask for it, as containerd writes them.
        files: content of files, or a file of this machine; all may be run.
        links: where symbolic links lead.
        command: what it runs; `sh` is busybox's own.
        user: as whom.
        environment: variables of whatever runs in it.

    """

    names: tuple[str, ...]
    files: Mapping[str, bytes | Path]
    links: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("sh",)
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


def write(archive: Path, images: Iterable[Image]) -> None:
    """Write an OCI archive."""
    blobs: dict[str, bytes] = {}
    manifests = []
    for image in images:
        described = _put(blobs, _MANIFEST, _encoded(_manifest(blobs, image)))
        manifests += [{**described, "annotations": {"io.containerd.image.name": name}} for name in image.names]
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", _encoded(index))
        for digest, content in blobs.items():
            _add(tar, f"blobs/{digest.replace(':', '/')}", content)


def reference(name: str) -> str:
    """Write an image's name as containerd does: in full, and with a digest or a tag, not both."""
    host, _, rest = name.partition("/")
    full = name if rest and ("." in host or ":" in host) else f"docker.io/{name if rest else f'library/{name}'}"
    full, _, digest = full.partition("@")
    path, colon, tag = full.rpartition(":")
    tagged = bool(colon) and "/" not in tag
    if digest:
        return f"{path if tagged else full}@{digest}"
    return full if tagged else f"{full}:latest"


def _manifest(blobs: dict[str, bytes], image: Image) -> dict[str, Any]:
    layer = _layer(image)
    configuration = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {
            "Entrypoint": list(image.command),
            "User": image.user,
            "Env": ["PATH=/bin:/usr/local/bin", *(f"{name}={value}" for name, value in image.environment.items())],
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    return {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _put(blobs, _CONFIG, _encoded(configuration)),
        "layers": [_put(blobs, _LAYER, gzip.compress(layer, 1, mtime=0))],
    }


def _layer(image: Image) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)
        for path, content in image.files.items():
            _add(tar, path.lstrip("/"), content.read_bytes() if isinstance(content, Path) else content, 0o755)
        for path, target in image.links.items():
            link = tarfile.TarInfo(path.lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return packed.getvalue()


def _put(blobs: dict[str, bytes], media_type: str, content: bytes) -> dict[str, Any]:
    digest = _digest(content)
    blobs[digest] = content
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _encoded(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
