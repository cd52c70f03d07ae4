"""Where a workload that runs cloudflared keeps its configuration. Pure.

As cloudflared looks for it (source: its config/configuration.go): `--config`, or else the first of two names in a few
directories. A volume that is mounted there tells the ConfigMap or Secret and its key.
"""

import itertools
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clients.kubernetes import Manifest, Ref
from text.number import whole

_HOME = "/home/nonroot"  # of the image's own user
_DIRECTORIES = (
    "~/.cloudflared", "~/.cloudflare-warp", "~/cloudflare-warp", "/etc/cloudflared", "/usr/local/etc/cloudflared",
)  # fmt: skip
_NAMES = ("config.yml", "config.yaml")
_METRICS, _LOOPBACK = "0.0.0.0:20241", {"localhost", "127.0.0.1", "[::1]"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class ConnectorFile:
    """A file that cloudflared may read.

    Attributes:
        path: in the container.
        holder: the ConfigMap or Secret that it comes from; None where it is another kind of volume, or the image.
        key: its key there.

    """

    path: str
    holder: Ref | None = None
    key: str = ""


def is_tunnel_id(text: str) -> bool:
    """Whether a text is a tunnel's id rather than its name."""
    return _UUID.fullmatch(text) is not None


def cloudflared(workload: Manifest) -> Manifest | None:
    """Find the container that runs cloudflared, by its command or image; None when there is none."""
    return next(filter(_runs, _pod(workload).get("containers") or []), None)


def files(workload: Manifest) -> list[ConnectorFile]:
    """List the files that cloudflared may read, in its order; the first that is there counts."""
    container = cloudflared(workload)
    if container is None:
        return []
    stated = _option(_words(container), "--config")
    if stated:
        home = _environment(container).get("HOME", _HOME)
        return [_file(workload, container, stated.replace("~", home, 1) if stated.startswith("~") else stated)]
    home = _environment(container).get("HOME", _HOME)
    paths = (posixpath.join(place.replace("~", home), name) for place, name in itertools.product(_DIRECTORIES, _NAMES))
    return [one for one in (_file(workload, container, path) for path in paths) if one.holder]


def tunnel_argument(workload: Manifest) -> str:
    """Return the tunnel that `cloudflared tunnel run` names, by name or id; empty where it names none that is known."""
    words = _words(cloudflared(workload) or {})
    after = words[words.index("run") + 1 :] if "run" in words else []
    named = after[-1] if after and not after[-1].startswith("-") else ""
    takes_it = len(after) > 1 and after[-2].startswith("-") and "=" not in after[-2]
    return "" if takes_it or "$(" in named else named


def metrics_port(workload: Manifest, document: Mapping[str, Any]) -> int | None:
    """Return the port at which its metrics are read from outside the pod; None where they are not.

    Without any, the image takes the first port of a few (source: its metrics/metrics.go, with Runtime `virtual`).
    """
    container = cloudflared(workload) or {}
    stated = _option(_words(container), "--metrics") or _environment(container).get("TUNNEL_METRICS", "")
    host, _, port = (stated or str(document.get("metrics") or "") or _METRICS).rpartition(":")
    return None if host in _LOOPBACK else whole(port)


def _pod(workload: Manifest) -> Mapping[str, Any]:
    return workload["spec"].get("template", {}).get("spec") or {}


def _runs(container: Manifest) -> bool:
    image = container.get("image", "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    command = (container.get("command") or [""])[0]
    return "cloudflared" in {image, posixpath.basename(command)}


def _words(container: Manifest) -> list[str]:
    """The command line, with the variables that the kubelet puts in."""
    known = _environment(container)
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    return [re.sub(r"\$\((\w+)\)", lambda found: known.get(found[1], found[0]), word) for word in words]


def _environment(container: Manifest) -> dict[str, str]:
    return {one["name"]: str(one["value"]) for one in container.get("env") or [] if one.get("value") is not None}


def _option(words: list[str], name: str) -> str:
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        if word == name:
            return following
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return ""


def _file(workload: Manifest, container: Manifest, path: str) -> ConnectorFile:
    path = posixpath.normpath(path)
    around = [mount for mount in container.get("volumeMounts") or [] if _within(path, mount["mountPath"]) is not None]
    mount = max(around, key=lambda one: len(one["mountPath"]), default=None)
    if mount is None:
        return ConnectorFile(path)
    volumes: list[Manifest] = [one for one in _pod(workload).get("volumes") or [] if one["name"] == mount["name"]]
    inside = posixpath.normpath(posixpath.join(mount.get("subPath", ""), _within(path, mount["mountPath"]) or ""))
    namespace = workload["metadata"].get("namespace")
    for kind, name, items in itertools.chain.from_iterable(map(_sources, volumes)):
        key = next((item["key"] for item in items if posixpath.normpath(item["path"]) == inside), "")
        if name and (key or not items):
            return ConnectorFile(path, Ref("v1", kind, name, namespace), key or inside)
    return ConnectorFile(path)


def _within(path: str, directory: str) -> str | None:
    """A path as seen from a directory that holds it, empty for itself; None where it lies elsewhere."""
    directory = posixpath.normpath(directory)
    if path == directory:
        return ""
    return path.removeprefix(f"{directory}/") if path.startswith(f"{directory.rstrip('/')}/") else None


def _sources(volume: Manifest) -> Iterator[tuple[str, str, list[Manifest]]]:
    parts = [volume, *((volume.get("projected") or {}).get("sources") or [])]
    for part in parts:
        if config_map := part.get("configMap"):
            yield "ConfigMap", config_map.get("name", ""), config_map.get("items") or []
        if secret := part.get("secret"):
            yield "Secret", secret.get("secretName") or secret.get("name", ""), secret.get("items") or []
