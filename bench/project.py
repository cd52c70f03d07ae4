"""A rehearsal in a directory of its own, whose commands are measured."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench import cost
from bench.cost import Cost
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
        self._environment = {"PYTHONPATH": str(SOURCE), "BENCH_EXPORT": str(self._export)}
        self._tools = tools

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
        return self._run(
            sys.executable, str(_BENCH / "empty.py"), str(self._place / "empty"), str(self._tools.pulumi.parent)
        )

    def flat(self) -> Cost:
        """Preview the stack's resources, stated by a flat program."""
        self._exported()
        return self._run(sys.executable, "-m", "bench.preview", str(_BENCH / "flat.py"))

    def parts(self) -> dict[str, float]:
        """Return what each part of an unchanged preview takes, in processor seconds."""
        file = self._place / "parts.json"
        self._run(sys.executable, "-m", "bench.parts", str(file))
        return dict(json.loads(file.read_text()))

    def kubectl_diff(self) -> Cost:
        """Compare the stack's Kubernetes objects with the cluster, by kubectl alone.

        It finds one: an empty list that a manager applies raises a NetworkPolicy's generation. Then it exits with 1.
        """
        return self._kubectl("diff", "|| test $? = 1")

    def kubectl_apply(self) -> Cost:
        """Apply the stack's Kubernetes objects, by kubectl alone: as a manager of its own, with the same values."""
        return self._kubectl("apply")

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
        world, url = found(), cloudflare.start(self._home)
        tunnel = next(id_ for id_, one in world.tunnels.items() if one["name"] == _TUNNEL)
        place = f"{url}/accounts/{world.account['id']}/cfd_tunnel/{tunnel}/configurations"
        with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as api:
            document = api.get(place).raise_for_status().json()["result"]["config"]
            *rules, last = (rule for rule in document["ingress"] if not str(rule.get("hostname")).startswith(_NAME))
            more = [{"hostname": f"{_NAME}{number}.coultonf.com", "service": "http://x:80"} for number in range(count)]
            stated = {"config": {**document, "ingress": [*rules, *more, last]}}
            api.put(place, json=stated).raise_for_status()

    def end(self) -> None:
        """End every process of it."""
        processes.end(self._home)

    def _kubectl(self, verb: str, *words: str) -> Cost:
        manifests = self._place / "manifests.json"
        if not manifests.exists():
            manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": self._objects()}))
        stated = f"--kubeconfig {self._home}/kubeconfig --filename {manifests} --server-side --field-manager bench"
        return self._run("sh", "-c", " ".join(("kubectl", verb, stated, "--force-conflicts", *words)))

    def _objects(self) -> list[dict[str, Any]]:
        resources = json.loads(self._exported().read_text())["deployment"]["resources"]
        inputs = (one["inputs"] for one in resources if one["type"].startswith("kubernetes:"))
        return [{key: _plain(value) for key, value in one.items() if not key.startswith("__")} for one in inputs]

    def _exported(self) -> Path:
        if not self._export.exists():
            words = ("pulumi", "stack", "export", "--show-secrets", "--stack", "lab", "--file", str(self._export))
            self._lab("exec", "--", *words)
        return self._export

    def _lab(self, *words: str) -> Cost:
        return self._run(sys.executable, "-m", "lab", *words)

    def _run(self, *words: str) -> Cost:
        return cost.of(words, self._place, self._environment)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return json.loads(value["plaintext"]) if "plaintext" in value else {k: _plain(v) for k, v in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
