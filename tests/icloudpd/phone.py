"""An account that is signed in from a phone: the containers of its sync's pod, and the page as a browser uses it."""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import httpx

from tests.accounts import household_with_pages, sync_job
from tests.icloudpd.client import HTTP, Client
from tests.icloudpd.house import House
from tests.node_stand_in import Ended

PUSHED = ["PUT", "/idmsa.apple.com/appleauth/auth/verify/trusteddevice/securitycode"]
SIGN_INS = ["POST", "/idmsa.apple.com/appleauth/auth/signin/complete"]
VALIDATED = ["POST", "/setup.icloud.com/setup/ws/1/validate"]

# icloudpd's sources lack the page's templates, and their port is one for all tests: the template's name is the answer.
_PAGE = (
    "import waitress; import icloudpd.server as page; page.render_template = lambda name, **_: name; "
    'served = waitress.serve; waitress.serve = lambda app: served(app, host="127.0.0.1", port={port}); '
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass(frozen=True)
class Phone:
    """A house whose account has a page, and what stands for Apprise."""

    house: House
    port: int
    waits: str = "60"
    code_page: str = "code.html"

    @classmethod
    def of(cls, client: Client, base: Path) -> Self:
        """Build one around icloudpd's sources, with everybody reached by notifications."""
        port = free_port()
        program = base / "icloudpd"
        program.write_text(
            client.program.read_text().replace("from icloudpd.cli", f"{_PAGE.format(port=port)}from icloudpd.cli")
        )
        program.chmod(0o755)
        return cls.around(client, base, program, port)

    @classmethod
    def around(cls, client: Client, base: Path, program: Path, port: int, **more: Any) -> Self:
        """Build one around a program, whose session at Apple is over."""
        house = House.of(client, base)
        image = replace(house.node.image, programs={"/app/icloudpd": program})
        made = cls(replace(house, node=replace(house.node, image=image)), port, **more)
        (base / "secret" / "urls").write_text("json://127.0.0.1/*\n")
        (base / "secret" / "heartbeat").write_text("")
        made.reach()
        made.end_session()
        return made

    @property
    def session(self) -> Path:
        return self.house.session

    @property
    def sent(self) -> list[str]:
        """The titles of what was sent."""
        found = self._apprise.with_name("sent")
        return found.read_text().splitlines() if found.exists() else []

    @property
    def _apprise(self) -> Path:
        return self.house.node.image.path_first / "apprise"

    def reach(self, *, anybody: bool = True) -> None:
        """Have notifications arrive, or not."""
        kept = self._apprise.with_name("sent")
        self._apprise.write_text(
            '#!/bin/sh\nwhile [ "$1" != --title ]; do shift; done\n'
            + (f'cat >/dev/null; echo "$2" >>"{kept}"\n' if anybody else "exit 1\n")
        )
        self._apprise.chmod(0o755)

    def end_session(self) -> None:
        """Have Apple no longer trust this browser."""
        next(self.session.glob("*.session")).write_text('{"trust_token": "x"}')

    def asked(self, request: list[str]) -> int:
        """How often Apple got a request."""
        return int(self.house.client.tell("GET", "requests").count(request))

    def run(self, *typed: str, evicted: bool = False) -> Mapping[str, Ended]:
        """Run the account's Job to its end, or until its page waits; type codes at the page while it does."""
        job = sync_job(household_with_pages(schedule="0 2 * * *"), FLOOR="0", FLOOR_NODE="0", RETRY_AFTER="")
        pod, node = job["spec"]["template"]["spec"], self.house.node
        places, ended = node.places(job), dict[str, Ended]()
        for container in (*pod["initContainers"], *pod["containers"]):
            for pair in container["env"]:
                pair["value"] = self.waits if pair["name"] == "LASTS" else pair.get("value")
                if pair["value"] is None:
                    del pair["value"]
            started = node.start(job, container=container, places=places)
            with ThreadPoolExecutor(1) as beside:
                waiting = beside.submit(started.end, limit=120)
                if container["name"] == "sign-in" and typed:
                    self._type(typed, waiting.done)
                if container["name"] == "sign-in" and evicted:
                    self._await_page(waiting.done)
                    started.process.terminate()
                    waiting.result()
                    return ended
                ended[container["name"]] = waiting.result()
        return ended

    def _type(self, codes: tuple[str, ...], over: Any) -> None:
        for code in codes:
            self._await_page(over)
            with contextlib.suppress(httpx.TransportError):  # it may just be started again
                self._ask("POST", "code", data={"code": code})

    def _await_page(self, over: Any) -> None:
        next((page for page in self._pages(over) if self.code_page in page), None)

    def _pages(self, over: Any) -> Iterator[str]:
        """What the page's own script shows, which asks each second."""
        while not over():
            with contextlib.suppress(httpx.TransportError):
                yield self._ask("GET", "status")
            time.sleep(0.2)

    def _ask(self, method: str, place: str, **more: Any) -> str:
        return HTTP.request(method, f"http://127.0.0.1:{self.port}/{place}", **more).text
