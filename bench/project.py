"""A rehearsal in a directory of its own, whose commands are measured."""

import os
import shutil
import sys
from pathlib import Path

import yaml

from bench import cost
from bench.cost import Cost
from clients.cloudflare import CloudflareApi
from lab import processes
from lab.cloudflare import process as cloudflare
from lab.cloudflare.world import TOKEN, found
from lab.engine import SOURCE
from lab.toolchain import Tools

_BENCH = Path(__file__).parent
_TUNNEL = "homelab"
_NAME = "of-the-bench"


class Project:
    """The lab's stack in a project directory."""

    def __init__(self, place: Path, tools: Tools) -> None:
        self._place, self._home = place, place / ".lab"
        self._file, self._export = place / "Pulumi.lab.yaml", place / "export.json"
        for name in ("Pulumi.yaml", self._file.name):
            shutil.copy(SOURCE / name, place)
        path = os.pathsep.join((str(tools.pulumi.parent), os.environ.get("PATH", "")))
        self._environment = {"PATH": path, "PYTHONPATH": str(SOURCE), "BENCH_EXPORT": str(self._export)}

    def up(self) -> Cost:
        """Deploy, or find that there is nothing to deploy."""
        return self._lab("up")

    def preview(self) -> Cost:
        """Preview."""
        return self._lab("preview")

    def down(self) -> Cost:
        """Remove all."""
        return self._lab("down")

    def verify(self) -> Cost:
        """Check all. What is not done yet, such as signing in, fails it: that is part of the picture."""
        return self._lab("exec", "--", "sh", "-c", f"{sys.executable} -m ops.verify lab || true")

    def empty(self) -> Cost:
        """Preview an empty program, by Pulumi alone."""
        return self._run(sys.executable, str(_BENCH / "empty.py"), str(self._place / "empty"))

    def flat(self) -> Cost:
        """Preview the stack's resources, stated by a flat program."""
        if not self._export.exists():
            words = ("pulumi", "stack", "export", "--show-secrets", "--stack", "lab", "--file", str(self._export))
            self._lab("exec", "--", *words)
        return self._run(sys.executable, "-m", "bench.preview", str(_BENCH / "flat.py"))

    def with_accounts(self, count: int) -> None:
        """Have the photos of so many accounts fetched."""
        document = yaml.safe_load(self._file.read_text())
        config = document["config"]
        credentials = next(iter(config["immich-icloud:icloudCredentials"].values()))
        names = ["coulton", *(f"account{number}" for number in range(2, count + 1))]
        config["immich-icloud:photoSync"]["accounts"] = [{"name": name} for name in names]
        config["immich-icloud:icloudCredentials"] = dict.fromkeys(names, credentials)
        self._file.write_text(yaml.safe_dump(document))

    def with_routes(self, count: int) -> None:
        """Have so many rules of others in the tunnel."""
        os.environ["CLOUDFLARE_BASE_URL"] = cloudflare.start(self._home)
        world, api = found(), CloudflareApi(TOKEN)
        account = str(world.account["id"])
        tunnel = next(id_ for id_, one in world.tunnels.items() if one["name"] == _TUNNEL)
        configuration = api.configuration(account, tunnel)
        document = (configuration and configuration.document) or {"ingress": []}
        *rules, last = (rule for rule in document["ingress"] if not str(rule.get("hostname")).startswith(_NAME))
        more = [{"hostname": f"{_NAME}{number}.coultonf.com", "service": "http://x:80"} for number in range(count)]
        api.replace_configuration(account, tunnel, {**document, "ingress": [*rules, *more, last]})

    def end(self) -> None:
        """End every process of it."""
        processes.end(self._home)

    def _lab(self, *words: str) -> Cost:
        return self._run(sys.executable, "-m", "lab", *words)

    def _run(self, *words: str) -> Cost:
        return cost.of(words, self._place, self._environment)
