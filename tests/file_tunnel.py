"""A locally managed tunnel, in memory: a ConfigMap with its owners, a cloudflared that restarts, and Cloudflare."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from clients.cloudflare import CloudflareApi
from clients.file_rule import FileRule
from clients.ingress_rules import Rule
from clients.kubernetes import Answer, Manifest, Ref
from clients.lease import Lease
from clients.tunnel_lease import lease_of
from lab.cloudflare.api import Api
from lab.cloudflare.world import TOKEN, found, new_uuid
from lab.stand_in.transport import Transport
from providers import tunnel_file_rule
from providers.tunnel_file_rule import TunnelFileRuleProvider
from tests.fake_cluster import FakeCluster, Step
from tests.one_resource import OneResource
from tests.shared_tunnel import Killed

Json = dict[str, Any]
STACK = "immich-icloud/test"
ACCOUNT = str(found().account["id"])
WORKSHOP = next(id_ for id_, tunnel in found().tunnels.items() if tunnel["name"] == "workshop")
HOLDER = Ref("v1", "ConfigMap", "cloudflared-config", "cloudflared")
CONNECTOR = Ref("apps/v1", "Deployment", "cloudflared", "cloudflared")
KEY = "config.yaml"


class Homelab(FakeCluster):
    """The cluster. A change of the pod template replaces the pod, with `reloader` one of the file, too.

    It connects unless `broken`.

    `kill_at` is the number of the step, before or after a call that changes something, at which the process ends.
    """

    def __init__(self, text: str, manager: str = "kubectl-create") -> None:
        super().__init__()
        self.cloudflare = Api(found())
        self.now, self.restarts = datetime(2026, 1, 18, 20, tzinfo=UTC), 0
        self.broken = self.reloader = False
        self.steps: list[str] = []
        self.kill_at: int | None = None
        self.step = self._count
        self.overtaken: Step = lambda _: None
        self.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": _place(HOLDER), "data": {"other": "x"}})
        self.put({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {**_place(CONNECTOR), "generation": 1},
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "cloudflared"}}, "spec": {}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        })  # fmt: skip
        self.edit(text, manager)
        self._connect()

    def put(self, thing: Manifest) -> None:
        thing["metadata"].setdefault("resourceVersion", "0")
        self.objects[Ref.of(thing)] = thing

    def edit(self, text: str, manager: str = "kubectl-edit", operation: str = "Update") -> None:
        """Write the file as another one does."""
        holder = self.objects[HOLDER]
        holder["data"][KEY] = text
        holder["metadata"] |= {"resourceVersion": new_uuid(), "managedFields": [self._owned(manager, operation)]}

    @property
    def text(self) -> str:
        text: str = self.objects[HOLDER]["data"][KEY]
        return text

    @property
    def template(self) -> Manifest:
        template: Manifest = self.objects[CONNECTOR]["spec"]["template"]
        return template

    def replace(self, manifest: Manifest, manager: str) -> Answer:
        if manifest["kind"] != "ConfigMap":
            return super().replace(manifest, manager)
        self.overtaken("before replace")
        owned = {**manifest, "metadata": {**manifest["metadata"], "managedFields": [self._owned(manager, "Update")]}}
        written = self._write("replace", owned, "immich-icloud")
        if self.reloader:
            self._connect()
        return written

    def apply(self, manifest: Manifest, manager: str, *, dry_run: bool = False, force: bool = False) -> Answer:
        assert (dry_run, force) == (False, False)
        assert manager.startswith("immich-icloud/")
        self.step("before apply")
        stated = manifest.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations", {})
        live = self.objects[Ref.of(manifest)]
        before = deepcopy(self.template)
        kept = {k: v for k, v in before["metadata"].get("annotations", {}).items() if not k.startswith("immich-icloud")}
        live["spec"]["template"]["metadata"] = {
            **({"annotations": {**kept, **stated}} if {**kept, **stated} else {}),
            **{key: value for key, value in before["metadata"].items() if key != "annotations"},
        }
        if self.template != before:
            fields: Json = {
                "f:spec": {"f:template": {"f:metadata": {"f:annotations": {f"f:{name}": {} for name in stated}}}}
            }
            live["metadata"]["managedFields"] = [self._entry(manager, "Apply", fields)]
            self._connect()
        self.step("after apply")
        return Answer(deepcopy(live), ())

    def _connect(self) -> None:
        self.restarts += 1
        self.now += timedelta(seconds=30)
        if not self.broken:
            told = {"id": new_uuid(), "version": "1", "run_at": _spelled(self.now), "conns": [{}]}
            self.cloudflare.world.connectors[WORKSHOP] = [told]

    def _owned(self, manager: str, operation: str) -> Json:
        return self._entry(manager, operation, {"f:data": {".": {}, f"f:{KEY}": {}}})

    def _entry(self, manager: str, operation: str, fields: Json) -> Json:
        self.now += timedelta(seconds=30)
        return {
            "manager": manager, "operation": operation, "apiVersion": "v1", "time": _spelled(self.now + self.ahead),
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        }  # fmt: skip

    def _count(self, name: str) -> None:
        self.steps.append(name)
        if self.kill_at is not None and len(self.steps) > self.kill_at:
            raise Killed(name)


class Provider(TunnelFileRuleProvider):
    """The real one, on a cluster in memory."""

    def __init__(self, world: Homelab) -> None:
        self.world, self.waited = world, 0.0

    def _api(self) -> Homelab:
        return self.world

    def _cloudflare(self) -> CloudflareApi:
        return CloudflareApi(TOKEN, httpx.Client(transport=Transport(self.world.cloudflare)))

    def _lease(self, wanted: FileRule) -> Lease:
        lease = lease_of(wanted.tunnel_id)
        return Lease(self.world, lease, wanted.stack, lambda: self.waited, self._wait, wanted.former)

    def _wait(self, seconds: float) -> None:
        self.waited += seconds


class Stack(OneResource):
    """A stack with one rule in the file."""

    def __init__(self, world: Homelab) -> None:
        self.world, self.file_rule = world, Provider(world)
        super().__init__(self.file_rule)

    def settle(self, rule: Rule, **more: Any) -> str:
        """Bring the file to this rule; returns what was done."""
        return self.up(inputs(rule, **more))


def file_rule(rule: Rule, *, adopt: bool = False, edit: bool = False) -> FileRule:
    """What is asked for."""
    return FileRule(ACCOUNT, WORKSHOP, HOLDER, KEY, ("Deployment/cloudflared",), rule, STACK, adopt, edit)


def inputs(rule: Rule, **more: Any) -> Json:
    """What TunnelFileRule hands to the engine."""
    return {**tunnel_file_rule._inputs(file_rule(rule, **more)), "found": None}  # noqa: SLF001


def _place(ref: Ref) -> Json:
    return {"name": ref.name, "namespace": ref.namespace}


def _spelled(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
