"""Apple as a process of a rehearsal; its URL is the proxy's, and its authority's certificate lies beside it."""

from pathlib import Path
from typing import Final

from lab.stand_in.process import Process

_PROCESS: Final = Process("apple")

start, running, url = _PROCESS.start, _PROCESS.running, _PROCESS.url


def url_file(home: Path) -> Path:
    """Return the file that says where it is."""
    return home.resolve() / "apple" / "url"


def environment(home: Path, url: str) -> dict[str, str]:
    """Return the variables that lead a client to it: Python's sources or a program, icloudpd or rclone."""
    authority = str(url_file(home).with_name("ca.pem"))
    return {
        "HTTPS_PROXY": url,
        "REQUESTS_CA_BUNDLE": authority,
        "RCLONE_CA_CERT": authority,
        "PYTHONPATH": str(Path(__file__).with_name("trust")),
    }
