"""The images that the rehearsal's pods name: busybox and icloudpd are real, all other programs are stand-ins."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from lab.real_node import apple
from lab.real_node.configuration import PAUSE
from lab.real_node.images import Image, reference

_WORLD: Final = Path(__file__).parent.parent / "world"
# Waits until it is asked to end: without a handler the first process of a container does not hear that.
_WAITS: Final = ("sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done")
# In place of a server: it answers every request for a page that is there, and ends when it is asked to.
_SERVES: Final = """\
#!/bin/sh
httpd -f -p {port} -h /www &
trap 'kill $!; exit 0' TERM INT
wait $!
"""
_ACCOUNTS: Final = {
    "/etc/passwd": b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": b"root:x:0:\nnobody:x:65534:\n",
}
_PAGES: Final = {"/www/index.html": b"", "/www/ready": b"", "/www/ping": b"", "/www/api/server/ping": b""}


@dataclass(frozen=True)
class Published:
    """What the product's pods call its images."""

    busybox: str
    icloudpd: str
    cloudflared: str


def images(published: Published, busybox: Path, icloudpd: Path, authority: Path | None) -> list[Image]:
    """List all of them; with the certificate of an authority, icloudpd knows the rehearsal's Apple and no other."""
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files: dict[str, bytes | Path] = {**_ACCOUNTS, "/bin/busybox": busybox}
    links = {f"/bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    plain = {"busybox:latest", published.busybox.partition("@")[0], published.busybox}
    servers = sorted({reference(name) for name in _named()} - {reference(name) for name in plain})
    connector: dict[str, bytes | Path] = {
        **files,
        **_PAGES,
        "/usr/local/bin/cloudflared": _SERVES.format(port=2000).encode(),
    }
    client = {**files, **_time_zones(), "/app/icloudpd": icloudpd}
    fetches = Image((reference(published.icloudpd),), client, links)
    return [
        Image(tuple(sorted({reference(name) for name in plain})), files, links),
        Image((PAUSE,), files, links, _WAITS),
        apple.known_to(fetches, authority) if authority else fetches,
        Image((reference(published.cloudflared),), connector, links, ("cloudflared",), "65532:65532"),
        Image(tuple(servers), {**files, **_PAGES, "/serve": _SERVES.format(port=2283).encode()}, links, ("/serve",)),
    ]


def _time_zones() -> dict[str, bytes | Path]:
    """List the files of the package tzdata, which is in icloudpd's image."""
    place = Path(str(resources.files("tzdata"))) / "zoneinfo"
    return {f"/usr/share/zoneinfo/{file.relative_to(place)}": file for file in place.rglob("*") if file.is_file()}


def _named() -> Iterator[str]:
    for file in _WORLD.rglob("*.yaml"):
        for document in yaml.safe_load_all(file.read_text()):
            yield from _images_in(document)


def _images_in(value: Any) -> Iterator[str]:
    match value:
        case {"image": str(name)}:
            yield name
        case dict():
            for one in value.values():
                yield from _images_in(one)
        case list():
            for one in value:
                yield from _images_in(one)
