"""The rehearsal's Apple where pods reach it: at the node's address, which leads to this machine's loopback."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lab import processes
from lab.real_node.configuration import ADDRESS
from lab.real_node.images import Image

_PROJECT: Final = Path(__file__).parent.parent.parent
_PORT: Final = 3128
PROCESS: Final = "to-apple"
_PROGRAM, _RELEASED, _TRUSTED = "/app/icloudpd", "/app/released", "/etc/apple.pem"
_VARIABLES: Final = {"HTTPS_PROXY": f"http://{ADDRESS}:{_PORT}", "REQUESTS_CA_BUNDLE": _TRUSTED}
# Some of icloudpd's requests trust only its own list, which it unpacks when it starts: the authority is added to that.
_STARTS: Final = f"""\
#!/bin/sh
(
    wanted=$(cksum <{_TRUSTED}) size=$(wc -c <{_TRUSTED}) tries=0
    while [ "$((tries += 1))" -lt 200 ]; do
        for list in "$TMPDIR"/_MEI*/certifi/cacert.pem; do
            [ ! -f "$list" ] || [ "$(tail -c "$size" "$list" | cksum)" = "$wanted" ] || cat {_TRUSTED} >>"$list"
        done
        sleep 0.05
    done
) </dev/null >/dev/null 2>&1 9>&- &
exec {_RELEASED} "$@"
"""


def known_to(image: Image, authority: Path) -> Image:
    """Have an image's icloudpd know the rehearsal's Apple and no other, by the certificate of its authority."""
    files = {**image.files, _PROGRAM: _STARTS.encode(), _RELEASED: image.files[_PROGRAM], _TRUSTED: authority}
    return replace(image, files=files, environment=_VARIABLES)


def lead_to(home: Path, url: str, there: tuple[str, ...]) -> None:
    """Carry connections to Apple, which listens at `url`; `there` starts a program in the node's network."""
    address = urlsplit(url)
    network = f"/proc/{os.getpid()}/ns/net"
    carry = [sys.executable, "-m", "lab.real_node.carry", ADDRESS, str(_PORT), network]
    words = [*there, *carry, str(address.hostname), str(address.port)]
    processes.start(home, PROCESS, words, {**os.environ, "PYTHONPATH": str(_PROJECT)})
