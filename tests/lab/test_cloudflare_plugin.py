"""The Cloudflare stand-in: what the engine is told, and what Cloudflare is asked."""

import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from lab.cloudflare.server import Server
from lab.cloudflare.world import PERMISSIONS, TOKEN, give_token
from lab.engine import Engine
from lab.plugins import cloudflare_resources as resources
from lab.plugins.cloudflare import CloudflarePlugin
from lab.plugins.properties import UNKNOWN, Properties, Secret, decode, encode
from lab.plugins.service import serving
from lab.toolchain import Tools

ACCOUNT, ZONE = "5e1fc0ffee0000000000000000c0ffee", "20e0000000000000000000000c001f00"
TUNNEL = "7c0de5ad-0b0e-4b1e-9a5e-0d15ea5e0001"
ROTATED = "another-token-of-the-rehearsal-opens-nothing-either"
MEALIE = "3ea11e00000000000000000000000001"

RECORD, OWN_TUNNEL, CONFIG = "DnsRecord", "ZeroTrustTunnelCloudflared", "ZeroTrustTunnelCloudflaredConfig"
APP, POLICY, SERVICE = "ZeroTrustAccessApplication", "ZeroTrustAccessPolicy", "ZeroTrustAccessServiceToken"

IMMICH: Properties = {
    "zoneId": ZONE, "name": "immich.coultonf.com", "type": "CNAME", "content": f"{TUNNEL}.cfargotunnel.com", "ttl": 1,
    "proxied": True,
}  # fmt: skip
INGRESSES: list[Properties] = [
    {
        "hostname": "immich.coultonf.com",
        "service": "https://immich-server.immich:3001",
        "originRequest": {
            "noTlsVerify": True, "matchSnItoHost": True, "http2Origin": True, "connectTimeout": 30,
            "access": {"audTags": ["a"], "teamName": "home", "required": True},
        },
    },
    {"service": "http_status:404"},
]  # fmt: skip
FAMILY: Properties = {
    "accountId": ACCOUNT, "name": "family", "decision": "allow",
    "includes": [{"email": {"email": "ann@example.com"}}, {"emailDomain": {"domain": "example.com"}}],
}  # fmt: skip
PHONE: Properties = {"accountId": ACCOUNT, "name": "phone", "duration": "8760h"}


class Plugin:
    """The plugin, called as the engine calls it."""

    def __init__(self, channel: grpc.Channel, token: str = TOKEN) -> None:
        self.stub = provider_pb2_grpc.ResourceProviderStub(channel)
        self.configured = self.stub.Configure(
            provider_pb2.ConfigureRequest(variables={"cloudflare:config:apiToken": token})
        )

    def check(self, name: str, inputs: Properties) -> dict[str, str]:
        response = self.stub.Check(provider_pb2.CheckRequest(urn=urn(name), news=encode(inputs)))
        return {failure.property: failure.reason for failure in response.failures}

    def diff(self, name: str, state: Properties, inputs: Properties) -> tuple[list[str], list[str]]:
        """What changed, and what of it replaces."""
        response = self.stub.Diff(
            provider_pb2.DiffRequest(urn=urn(name), id="x", olds=encode(open_(state)), news=encode(inputs))
        )
        assert (response.changes == provider_pb2.DiffResponse.DIFF_SOME) is bool(response.diffs)
        return list(response.diffs), list(response.replaces)

    def create(self, name: str, inputs: Properties, *, preview: bool = False) -> tuple[str, Properties]:
        request = provider_pb2.CreateRequest(urn=urn(name), properties=encode(inputs), preview=preview)
        response = self.stub.Create(request)
        return response.id, decode(response.properties)

    def read(self, name: str, identity: str, state: Properties | None = None, inputs: Properties | None = None) -> Any:
        """Id, outputs and inputs; an import without a state."""
        request = provider_pb2.ReadRequest(urn=urn(name), id=identity)
        if state is not None:
            request.properties.CopyFrom(encode(open_(state)))
            request.inputs.CopyFrom(encode(inputs or {}))
        response = self.stub.Read(request)
        return response.id, decode(response.properties), decode(response.inputs)

    def update(
        self, name: str, identity: str, state: Properties, inputs: Properties, *, preview: bool = False
    ) -> Properties:
        response = self.stub.Update(
            provider_pb2.UpdateRequest(
                urn=urn(name), id=identity, olds=encode(open_(state)), news=encode(inputs), preview=preview
            )
        )
        return decode(response.properties)

    def delete(self, name: str, identity: str, state: Properties) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(urn=urn(name), id=identity, properties=encode(open_(state))))


def urn(name: str) -> str:
    return f"urn:pulumi:dev::p::my:component$cloudflare:index/{name[0].lower()}{name[1:]}:{name}::a"


def open_(state: Properties) -> Properties:
    """The state as the engine sends it to a provider that takes no secrets."""
    return {name: value.value if isinstance(value, Secret) else value for name, value in state.items()}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(tmp_path / "world.json", tmp_path / "url")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", (tmp_path / "url").read_text())
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def channel() -> Iterator[grpc.Channel]:
    with serving(CloudflarePlugin()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened


@pytest.fixture
def plugin(api: Server, channel: grpc.Channel) -> Plugin:  # noqa: ARG001 (it has to serve)
    return Plugin(channel)


def config(tunnel: str = TUNNEL) -> Properties:
    return {"accountId": ACCOUNT, "tunnelId": tunnel, "config": {"ingresses": INGRESSES}}


def app(policy: str) -> Properties:
    return {
        "accountId": ACCOUNT, "type": "self_hosted", "name": "Immich", "domain": "immich.coultonf.com",
        "policies": [{"id": policy}],
    }  # fmt: skip


# What is taken, and what a change means.


def test_other_types_are_refused_by_name(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError, match="does not know cloudflare:index/ruleset:Ruleset"):
        plugin.check("Ruleset", {})


@pytest.mark.parametrize(
    ("name", "inputs", "refused"),
    [
        (RECORD, IMMICH, {}),
        (RECORD, {**IMMICH, "content": UNKNOWN, "zoneId": UNKNOWN}, {}),
        (RECORD, {"name": "a", "ttl": 1}, {"type": "Missing", "zoneId": "Missing"}),
        (RECORD, {**IMMICH, "includeShadowMetadata": True}, {"includeShadowMetadata": "does not know"}),
        (APP, app("p"), {}),
        (APP, {"type": "saas"}, {"accountId": "Missing", "type": "'self_hosted' only, not 'saas'"}),
    ],
)
def test_inputs_are_checked(plugin: Plugin, name: str, inputs: Properties, refused: dict[str, str]) -> None:
    failures = plugin.check(name, inputs)
    assert failures.keys() == refused.keys()
    assert all(words in failures[name] for name, words in refused.items())


@pytest.mark.parametrize(
    ("name", "replacing"),
    [
        (RECORD, {"type", "zoneId"}),
        (OWN_TUNNEL, {"accountId", "configSrc"}),
        (CONFIG, {"accountId", "tunnelId"}),
        (APP, {"accountId"}),
        (POLICY, {"accountId"}),
        (SERVICE, {"accountId"}),
    ],
)
def test_what_replaces(name: str, replacing: set[str]) -> None:
    kind = resources.kind_of(urn(name))
    for changing in kind.inputs:
        state = {**dict.fromkeys(kind.required, "old"), **kind.defaults, changing: "old"}
        goal = resources.wanted(kind, {**state, changing: "new"})
        assert resources.changed(kind, state, goal) == [changing]
        assert (changing in kind.replacing) is (changing in replacing)


def test_a_replacement_is_told(plugin: Plugin) -> None:
    state: Properties = {**IMMICH, "ttl": 1}
    assert plugin.diff(RECORD, state, {**IMMICH, "type": "A", "ttl": 300}) == (["ttl", "type"], ["type"])
    assert plugin.diff(RECORD, state, {**IMMICH, "zoneId": UNKNOWN}) == (["zoneId"], ["zoneId"])
    assert plugin.diff(RECORD, state, IMMICH) == ([], [])


def test_what_is_unset_is_the_default_or_cleared_or_cloudflares_own(plugin: Plugin) -> None:
    state = {**IMMICH, "comment": "by hand", "tags": ["a:b"], "settings": {"flattenCname": True}}
    without_proxy = {name: value for name, value in IMMICH.items() if name != "proxied"}
    assert plugin.diff(RECORD, state, without_proxy) == (["comment", "proxied"], [])


def test_sets_have_no_order_and_false_is_unset(plugin: Plugin) -> None:
    state = {**FAMILY, "sessionDuration": "24h", "includes": FAMILY["includes"][::-1], "approvalRequired": False}
    assert plugin.diff(POLICY, state, FAMILY) == ([], [])
    phones = [*FAMILY["includes"][:1], {"serviceToken": {"tokenId": UNKNOWN}}]
    assert plugin.diff(POLICY, state, {**FAMILY, "includes": phones}) == (["includes"], [])
    assert plugin.diff(RECORD, IMMICH, {**IMMICH, "settings": {"flattenCname": False}}) == ([], [])
    everyone = {**FAMILY, "includes": [{"everyone": {}}]}
    assert plugin.diff(POLICY, {**state, "includes": [{"anyValidServiceToken": {}}]}, everyone) == (["includes"], [])


# Previews.


def test_a_preview_asks_nothing(plugin: Plugin, api: Server) -> None:
    created = plugin.create(RECORD, {**IMMICH, "content": UNKNOWN}, preview=True)
    assert created[0] == ""
    assert created[1].items() >= {**IMMICH, "content": UNKNOWN, "createdOn": UNKNOWN, "tags": UNKNOWN}.items()
    assert plugin.diff(RECORD, IMMICH, {**IMMICH, "content": UNKNOWN}) == (["content"], [])
    made = {**PHONE, "clientId": "c", "clientSecret": "s", "expiresAt": "e", "clientSecretVersion": 1}
    updated = plugin.update(SERVICE, "x", made, {**PHONE, "name": "tablet"}, preview=True)
    assert [updated[name] for name in ("clientId", "clientSecret", "expiresAt")] == ["c", Secret("s"), UNKNOWN]
    rotated = plugin.update(SERVICE, "x", made, {**PHONE, "clientSecretVersion": 2}, preview=True)
    assert (rotated["clientId"], open_(rotated)["clientSecret"]) == ("c", UNKNOWN)
    assert api.api.log == []


def test_a_patch_sends_only_what_changed() -> None:
    kind = resources.kind_of(urn(OWN_TUNNEL))
    state = {"accountId": ACCOUNT, "name": "immich", "configSrc": "cloudflare", "tunnelSecret": "c2VjcmV0"}
    goal = resources.wanted(kind, {**state, "name": "photos"})
    assert resources.body(kind, goal, state) == {"name": "photos"}
    assert resources.body(kind, goal, {}).keys() == {"name", "config_src", "tunnel_secret"}


# The life of each kind.


def test_the_life_of_a_record(plugin: Plugin, api: Server) -> None:
    identity, state = plugin.create(RECORD, {**IMMICH, "comment": "ours"})
    records = api.api.world.records[ZONE]
    assert records[identity].items() >= {"name": IMMICH["name"], "proxied": True, "comment": "ours"}.items()
    assert state.items() >= {**IMMICH, "proxiable": True, "meta": "{}"}.items()

    records[identity]["content"] = "elsewhere.example.com"
    found, state, live = plugin.read(RECORD, identity, state, IMMICH)
    assert (found, live) == (identity, {**IMMICH, "content": "elsewhere.example.com"})
    assert plugin.diff(RECORD, state, IMMICH) == (["comment", "content"], [])

    state = plugin.update(RECORD, identity, state, IMMICH)
    assert (records[identity]["content"], records[identity]["comment"]) == (IMMICH["content"], None)
    assert "comment" not in state
    assert plugin.diff(RECORD, plugin.read(RECORD, identity, state, IMMICH)[1], IMMICH) == ([], [])

    plugin.delete(RECORD, identity, state)
    assert identity not in records
    assert plugin.read(RECORD, identity, state, IMMICH) == ("", {}, {})
    with pytest.raises(grpc.RpcError, match="81044"):
        plugin.delete(RECORD, identity, state)


def test_the_life_of_a_tunnel(plugin: Plugin, api: Server) -> None:
    inputs = {"accountId": ACCOUNT, "name": "immich", "configSrc": "cloudflare", "tunnelSecret": "c2VjcmV0"}
    identity, state = plugin.create(OWN_TUNNEL, inputs)
    assert state["tunnelSecret"] == Secret("c2VjcmV0")
    assert (state["status"], state["remoteConfig"]) == ("inactive", True)

    _, state, live = plugin.read(OWN_TUNNEL, identity, state, inputs)
    assert (live["tunnelSecret"], state["tunnelSecret"]) == (Secret("c2VjcmV0"), Secret("c2VjcmV0"))
    assert plugin.diff(OWN_TUNNEL, state, inputs) == ([], [])

    state = plugin.update(OWN_TUNNEL, identity, state, {**inputs, "name": "photos"})
    assert api.api.world.tunnels[identity]["name"] == state["name"] == "photos"
    without_secret = {name: value for name, value in inputs.items() if name != "tunnelSecret"}
    assert "tunnelSecret" not in plugin.update(OWN_TUNNEL, identity, state, without_secret)

    api.api.world.connectors[identity] = [{"id": "c"}]
    with pytest.raises(grpc.RpcError, match=r'400 Bad Request \[{"code": 1022, "message": "This tunnel has active'):
        plugin.delete(OWN_TUNNEL, identity, state)
    api.api.world.connectors[identity] = []
    plugin.delete(OWN_TUNNEL, identity, state)
    assert api.api.world.tunnels[identity]["deleted_at"]


def test_the_life_of_a_tunnels_configuration(plugin: Plugin, api: Server) -> None:
    identity, state = plugin.create(CONFIG, config())
    assert identity == TUNNEL
    live = api.api.world.configurations[TUNNEL]["config"]
    assert live["ingress"][0]["originRequest"] == {
        "noTLSVerify": True, "matchSNItoHost": True, "http2Origin": True, "connectTimeout": 30,
        "access": {"audTag": ["a"], "teamName": "home", "required": True},
    }  # fmt: skip
    _, state, inputs = plugin.read(CONFIG, identity, state, config())
    assert inputs == config()
    assert plugin.diff(CONFIG, state, config()) == ([], [])

    live["ingress"].insert(0, {"hostname": "other.coultonf.com", "service": "http://other"})
    live["unknown-to-the-provider"] = {"a": 1}
    _, state, inputs = plugin.read(CONFIG, identity, state, config())
    assert [rule["service"] for rule in inputs["config"]["ingresses"]] == ["http://other", INGRESSES[0]["service"]]
    assert plugin.diff(CONFIG, state, config()) == (["config"], [])
    assert state["config"].keys() == {"ingresses"}
    written = plugin.update(CONFIG, identity, state, config())["version"]
    assert written == state["version"] + 1

    plugin.delete(CONFIG, identity, state)
    assert api.api.world.configurations[TUNNEL]["version"] == written
    assert "DELETE" not in {method for method, _ in api.api.log}


def test_the_life_of_an_application_and_its_policy(plugin: Plugin, api: Server) -> None:
    policy, policy_state = plugin.create(POLICY, FAMILY)
    identity, state = plugin.create(APP, app(policy))
    assert state["aud"] == api.api.world.apps[identity]["aud"]
    assert api.api.world.policies[policy]["include"][1] == {"email_domain": {"domain": "example.com"}}

    _, state, live = plugin.read(APP, identity, state, app(policy))
    assert state["policies"] == [{"id": policy, "precedence": 1}]
    assert live == app(policy)
    assert plugin.diff(APP, state, app(policy)) == ([], [])
    _, policy_state, live = plugin.read(POLICY, policy, policy_state, FAMILY)
    assert (policy_state["appCount"], live) == (1, FAMILY)
    assert plugin.diff(POLICY, policy_state, FAMILY) == ([], [])

    renamed = {**app(policy), "name": "Photos", "serviceAuth401Redirect": True}
    assert plugin.update(APP, identity, state, renamed)["aud"] == state["aud"]
    assert api.api.world.apps[identity]["service_auth_401_redirect"] is True
    plugin.delete(APP, identity, state)
    plugin.delete(POLICY, policy, policy_state)
    assert (api.api.world.apps, api.api.world.policies) == ({}, {})


def test_the_life_of_a_service_token(plugin: Plugin, api: Server) -> None:
    identity, state = plugin.create(SERVICE, PHONE)
    secret = state["clientSecret"]
    assert isinstance(secret, Secret)
    assert len(secret.value) == 64
    _, state, live = plugin.read(SERVICE, identity, state, PHONE)
    assert (state["clientSecret"], live) == (secret, PHONE)
    assert state["expiresAt"] == api.api.world.service_tokens[identity]["expires_at"]
    assert plugin.diff(SERVICE, state, PHONE) == ([], [])
    state = plugin.update(SERVICE, identity, state, {**PHONE, "name": "tablet"})
    assert state["clientSecret"] == secret
    assert api.api.world.service_tokens[identity]["name"] == "tablet"
    plugin.delete(SERVICE, identity, state)
    assert plugin.read(SERVICE, identity, state, PHONE) == ("", {}, {})


# Imports.


def test_a_record_is_imported_and_then_updated(plugin: Plugin, api: Server) -> None:
    identity, state, live = plugin.read(RECORD, f"{ZONE}/{MEALIE}")
    assert identity == MEALIE
    assert live.items() >= {"zoneId": ZONE, "name": "mealie.coultonf.com", "proxied": True, "ttl": 1}.items()
    assert live.keys() == IMMICH.keys()
    wanted = {**IMMICH, "name": "mealie.coultonf.com", "content": "elsewhere.example.com"}
    assert plugin.diff(RECORD, state, wanted) == (["content"], [])
    plugin.update(RECORD, identity, state, wanted)
    assert api.api.world.records[ZONE][MEALIE]["content"] == "elsewhere.example.com"


@pytest.mark.parametrize(
    ("name", "import_id", "reason"),
    [
        (RECORD, MEALIE, "is not of the form <zone_id>/<dns_record_id>"),
        (RECORD, f"zones/{ZONE}/{MEALIE}", "is not of the form <zone_id>/<dns_record_id>"),
        (APP, f"accounts/{ACCOUNT}/x", "imports records only"),
    ],
)
def test_another_import_is_refused(plugin: Plugin, name: str, import_id: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError, match=reason):
        plugin.read(name, import_id)


def test_what_does_not_exist_is_not_imported(plugin: Plugin) -> None:
    assert plugin.read(RECORD, f"{ZONE}/{'0' * 32}") == ("", {}, {})


# Errors, the token and its look-up.


def test_cloudflares_own_error_is_told(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(RECORD, {**IMMICH, "name": "mealie.coultonf.com", "type": "A", "content": "192.0.2.1"})
    assert 'failed to make http request: POST "http://127.0.0.1' in caught.value.details()
    assert "400 Bad Request" in caught.value.details()
    assert '"code": 8105' in caught.value.details()


@pytest.mark.parametrize(
    "call",
    [
        lambda plugin: plugin.create(RECORD, IMMICH),
        lambda plugin: plugin.read(RECORD, MEALIE, IMMICH, IMMICH),
        lambda plugin: plugin.update(RECORD, MEALIE, IMMICH, {**IMMICH, "ttl": 300}),
        lambda plugin: plugin.delete(RECORD, MEALIE, IMMICH),
    ],
    ids=["create", "read", "update", "delete"],
)
def test_an_unknown_token_is_refused_without_being_told(
    api: Server, channel: grpc.Channel, call: Callable[[Plugin], object],
) -> None:  # fmt: skip
    plugin = Plugin(channel, ROTATED)
    with pytest.raises(grpc.RpcError) as caught:
        call(plugin)
    assert '"code": ' in caught.value.details()
    assert ROTATED not in str(caught.value)
    assert MEALIE in api.api.world.records[ZONE]


def test_each_connection_has_its_own_token(api: Server) -> None:
    give_token(api.api.world, ROTATED, PERMISSIONS)
    with serving(CloudflarePlugin()) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as first:
        old = Plugin(first)
        # A subchannel of its own: the same address would share the first one's connection.
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as second:
            new = Plugin(second, ROTATED)
            api.api.world.tokens[TOKEN]["status"] = "disabled"
            assert new.read(RECORD, f"{ZONE}/{MEALIE}")[0] == MEALIE
            with pytest.raises(grpc.RpcError, match='"code": '):
                old.read(RECORD, f"{ZONE}/{MEALIE}")


def test_a_rotated_token_is_a_change_of_the_provider_and_no_replacement(plugin: Plugin) -> None:
    olds, news = ({"apiToken": Secret(token)} for token in (TOKEN, ROTATED))
    told = plugin.stub.DiffConfig(provider_pb2.DiffRequest(olds=encode(olds), news=encode(news)))
    assert (list(told.diffs), list(told.replaces)) == (["apiToken"], [])
    assert told.changes == provider_pb2.DiffResponse.DIFF_SOME
    same = plugin.stub.DiffConfig(provider_pb2.DiffRequest(olds=encode(olds), news=encode(olds)))
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_other_credentials_are_refused(plugin: Plugin) -> None:
    request = provider_pb2.CheckRequest(news=encode({"apiKey": Secret("k"), "email": "a@example.com"}))
    assert {failure.property for failure in plugin.stub.CheckConfig(request).failures} == {"apiKey", "email"}


@pytest.mark.parametrize("url", ["", "https://api.cloudflare.com/client/v4", "http://127.0.0.1.example.com"])
def test_only_an_api_on_loopback_is_asked(channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
    with pytest.raises(grpc.RpcError, match=f"on loopback only, not to '{url or 'Cloudflare'}'"):
        Plugin(channel)


def test_a_token_is_needed(api: Server, channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    with pytest.raises(grpc.RpcError, match="give the provider an apiToken, or set CLOUDFLARE_API_TOKEN"):
        Plugin(channel, "")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    assert Plugin(channel, "").read(RECORD, f"{ZONE}/{MEALIE}")[0] == MEALIE


def test_an_api_that_does_not_answer_is_named(channel: grpc.Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "http://127.0.0.1:1")
    with pytest.raises(grpc.RpcError, match=r'GET "http://127\.0\.0\.1:1/zones/.*": Connection error'):
        Plugin(channel).read(RECORD, f"{ZONE}/{MEALIE}")


def test_a_tunnels_token_is_told_in_plain_text(plugin: Plugin) -> None:
    name = "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken"
    arguments = encode({"accountId": ACCOUNT, "tunnelId": TUNNEL})
    told = decode(getattr(plugin.stub.Invoke(provider_pb2.InvokeRequest(tok=name, args=arguments)), "return"))
    assert told.keys() == {"accountId", "tunnelId", "token"}
    assert isinstance(told["token"], str)
    with pytest.raises(grpc.RpcError, match="does not know cloudflare:index/getZone:getZone"):
        plugin.stub.Invoke(provider_pb2.InvokeRequest(tok="cloudflare:index/getZone:getZone"))


# The engine.


def test_who_serves_is_told(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    kubernetes = "Kubernetes provider: the lab's stand-in (no pulumi-resource-kubernetes is installed)"

    def told() -> str:
        return Engine(tmp_path, tmp_path / ".lab", "lab", tools).providers

    assert (
        told() == f"{kubernetes}, Cloudflare provider: the lab's stand-in (no pulumi-resource-cloudflare is installed)"
    )
    installed = tmp_path / "plugins" / f"resource-cloudflare-v{version('pulumi-cloudflare')}"
    on_path = tmp_path
    for place in (installed, on_path):
        place.mkdir(parents=True, exist_ok=True)
        real = place / "pulumi-resource-cloudflare"
        real.touch(mode=0o755)
        assert told() == f"{kubernetes}, Cloudflare provider: {real}"
