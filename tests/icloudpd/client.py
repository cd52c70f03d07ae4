"""The real icloudpd around the rehearsal's Apple."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from lab import processes
from lab.apple import process as apple
from lab.apple.world import CODE
from lab.node import icloudpd
from tests.warm_python import warm_python

APPLE_ID = "coulton@example.com"
PASSWORD = "rehearsal-opens-nothing-real"  # noqa: S105 (as in the lab's stack file)
DOWNLOADS = "/cvws.icloud-content.com/*"
# To make one takes 40 ms of processor time. A connection each, as a server may end with its own.
HTTP = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
QUERIES = "/p42-ckdatabasews.icloud.com/*/records/query"


@dataclass(frozen=True)
class Ended:
    """How a run ended; `said` has the messages of its log, but for the details."""

    code: int
    out: str

    @property
    def said(self) -> list[str]:
        return re.findall(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:INFO|ERROR) +(.*)", self.out, re.MULTILINE)


@dataclass(frozen=True)
class Client:
    """One household: Apple, a cookie directory, a photo directory."""

    home: Path
    url: str
    photos: Path
    cookies: Path

    @classmethod
    def of(cls, home: Path) -> Self:
        """Have an Apple in a directory, and icloudpd beside it."""
        made = cls(home, apple.start(home), home / "photos", home / "cookies")
        made.begin_by()
        return made

    @property
    def program(self) -> Path:
        return self.home / "icloudpd"

    def begin_by(self, python: Path | None = None) -> None:
        """Have icloudpd started by its own interpreter, or another one."""
        self.program.write_text(icloudpd.program(self.home, python))
        self.program.chmod(0o755)

    @contextmanager
    def warm(self) -> Iterator[None]:
        """Have icloudpd started by a warm Python for a while."""
        place = self.home / "python"
        place.mkdir()
        environment = {"PATH": os.environ["PATH"], **apple.environment(self.home, self.url)}
        with warm_python(place, ["-c"], ["icloudpd.cli"], python=icloudpd.interpreter(), environment=environment) as it:
            self.begin_by(it)
            yield

    def end(self) -> None:
        processes.end(self.home)

    def tell(self, method: str, place: str, body: Any = None) -> Any:
        """Tell the rehearsal something about Apple."""
        answer = HTTP.request(method, f"{self.url}/lab/{place}", json=body)
        answer.raise_for_status()
        return answer.json()["result"]

    def account(self, **conditions: Any) -> None:
        self.tell("PUT", f"accounts/{APPLE_ID}", conditions)

    def goes_wrong(self, kind: str, path: str = DOWNLOADS, **more: Any) -> None:
        """Let the next request of a kind go wrong."""
        self.tell("POST", "faults", {"kind": kind, "path": path, **more})

    def run(self, *words: str, told: str = f"{PASSWORD}\n") -> Ended:
        """Run it as the sync does, but for its options."""
        options = ["--username", APPLE_ID, "--cookie-directory", str(self.cookies), "--no-progress-bar"]
        providers = ["--password-provider", "console", "--mfa-provider", "console"]
        ended = subprocess.run(
            [self.program, *options, *providers, *words],
            input=told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
            start_new_session=True,
            env={"PATH": os.environ["PATH"]},
        )
        return Ended(ended.returncode, ended.stdout)

    def sign_in(self, *answers: str) -> Ended:
        return self.run("--auth-only", told="\n".join([PASSWORD, *(answers or (CODE,)), ""]))

    def fetch(self, *words: str) -> Ended:
        return self.run("--directory", str(self.photos), "--keep-unicode-in-filenames", *words)

    def files(self) -> dict[str, int]:
        """All files of the photo directory with their sizes."""
        found = [file for file in self.photos.rglob("*") if file.is_file()]
        return {str(file.relative_to(self.photos)): file.stat().st_size for file in sorted(found)}
