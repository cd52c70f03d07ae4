"""`make new`: what it offers in each world of the rehearsal, and the stack file that the answers come to."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
import yaml

from clients.cloudflare import CloudflareApi
from clients.kubernetes import ClusterApi, Manifest, Ref, UnreachableError
from lab.cloudflare.api import Api
from lab.cloudflare.world import TOKEN, found
from lab.engine import SOURCE
from lab.stand_in.transport import Transport
from lab.world import World, steps
from observe.candidates import read_candidates
from ops.command import CommandError
from ops.new import __main__ as new
from ops.new import answers, offers
from settings import parse
from tests.fake_cluster import FakeCluster
from tests.objects import manifest, namespace
from tests.stack_files import configuration

STEPS: dict[str, tuple[World, ...]] = {
    "found": ("found",),
    "iteration6": ("found", "iteration6"),
    "reference": ("found", "reference"),
}
KUBECONFIG = {
    "current-context": "admin@homelab",
    "contexts": [{"name": one, "context": {"cluster": "c"}} for one in ("other", "admin@homelab")],
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
}
NODE = manifest("v1", "Node", "n1", metadata={"labels": {"kubernetes.io/hostname": "talos-1ca-62z"}})
SHARED_CLAIM = manifest("v1", "PersistentVolumeClaim", "icloud", "immich", spec={"accessModes": ["ReadWriteMany"]})
RUNS: Manifest = {"containers": [{"image": "registry.k8s.io/ingress-nginx/controller:v1.14.1"}]}
RUNNING = {"phase": "Running"}
CONTROLLER = manifest("v1", "Pod", "ingress-nginx-controller-1", "ingress-nginx", spec=RUNS, status=RUNNING)


def gateway(
    *, served: bool = True, name: str = "public", hostname: str = "*.coultonf.com", admits: str = "All"
) -> Manifest:
    """A Gateway; one that no controller serves has no conditions."""
    conditions = [{"type": one, "status": "True"} for one in ("Accepted", "Programmed")] if served else []
    namespaces = {"from": admits, "selector": {"matchLabels": {"routes": "public"}}}
    listener = {"name": "https", "protocol": "HTTPS", "hostname": hostname, "allowedRoutes": {"namespaces": namespaces}}
    spec, status = {"listeners": [listener]}, {"conditions": conditions}
    return manifest("gateway.networking.k8s.io/v1", "Gateway", name, "gateways", spec=spec, status=status)


def cluster(world: World, *more: Manifest) -> FakeCluster:
    """The objects of a world, as its files have them."""
    api = FakeCluster()
    for name in STEPS[world]:
        for step in steps(name):
            api.objects |= {Ref.of(one): one for one in step.objects if "patch" not in step.verb}
    api.objects |= {Ref.of(one): one for one in (NODE, CONTROLLER, *more)}
    return api


@pytest.fixture(autouse=True)
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(KUBECONFIG))
    monkeypatch.setenv("KUBECONFIG", f"/nowhere:{file}")
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    return file


def asked(api: ClusterApi, monkeypatch: pytest.MonkeyPatch, *typed: str) -> dict[str, Any]:
    """Answer over a pipe; what is not typed is the default. Returns the settings of the stack file, by key."""
    monkeypatch.setattr(new, "ClusterApi", lambda _: api)
    lines = iter(typed)

    def line(_: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    file = Path("Pulumi.home.yaml")
    file.write_text(new.questions(new.Questions(line, again=False)))
    keys = configuration(file)
    if "accounts" not in yaml.safe_load(file.read_text())["config"]["immich-icloud:photoSync"]:
        parse(keys)
    config: dict[str, Any] = yaml.safe_load(file.read_text())["config"]
    return {key.partition(":")[2]: value for key, value in config.items()}


NGINX = {"namespace": "ingress-nginx", "service": "ingress-nginx-controller"}
LOCAL = {
    "kind": "local",
    "node": "talos-1ca-62z",
    "path": "/var/mnt/icloud-photos",
    "owner": {"uid": 1000, "gid": 1000},
}


@pytest.mark.parametrize(
    ("world", "route", "cloudflare"),
    [
        ("found", "ingress", {"kind": "ownTunnel", "origin": NGINX}),
        ("reference", "ingress", {"kind": "localTunnel", "origin": NGINX}),
        # Its host has an Ingress that was made by hand.
        ("iteration6", "none", {"kind": "none"}),
    ],
)
def test_defaults_fit_each_world(
    world: World, route: str, cloudflare: dict[str, Any], monkeypatch: pytest.MonkeyPatch, kubeconfig: Path
) -> None:
    stated = asked(cluster(world), monkeypatch)
    assert stated["cluster"] == {"kubeconfig": str(kubeconfig), "context": "admin@homelab", "identifier": "homelab"}
    assert stated["immich"] == {"namespace": "immich"}
    assert stated["host"] == "immich.coultonf.com"
    assert stated["storage"] == LOCAL
    assert (stated["route"]["kind"], stated["cloudflare"]) == (route, cloudflare)
    assert "accounts" not in stated["photoSync"]


def test_a_free_shared_claim_and_a_gateway_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = asked(cluster("found", SHARED_CLAIM, gateway()), monkeypatch)
    assert stated["storage"]["claim"] == {"namespace": "immich", "name": "icloud"}
    assert stated["route"] == {"kind": "gateway", "gateway": "public", "gatewayNamespace": "gateways"}


def test_only_hosts_that_a_stack_may_have_are_offered() -> None:
    rules = [{"host": host} for host in ("immich", "a_b.lan", "photos.example.com")]
    route = manifest("networking.k8s.io/v1", "Ingress", "i", "immich", spec={"rules": rules})
    candidates = read_candidates(cluster("found", route))
    assert offers.host_names(candidates, "immich") == ["photos.example.com", "immich.coultonf.com"]


def test_a_tunnel_whose_name_is_no_answer_is_offered_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Api(found())
    names = {"homelab": "home  lab", "workshop": "workshop"}
    for tunnel in account.world.tunnels.values():
        tunnel |= {"name": names[tunnel["name"]], "config_src": "cloudflare"}
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    through = httpx.Client(transport=Transport(account))
    monkeypatch.setattr(new, "CloudflareApi", lambda token: CloudflareApi(token, through))
    (first, *_) = account.world.tunnels
    assert sorted(new._tunnels("immich.coultonf.com")) == sorted([first, "workshop"])  # noqa: SLF001


NOT_RUNNING = {**CONTROLLER, "status": {"phase": "Pending"}}
LABELLED = namespace(labels={"routes": "public"})


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        ([], "ingress nginx"),
        ([gateway(served=False)], "ingress nginx"),
        ([gateway(served=False), gateway(name="lan")], "gateway gateways/lan"),
        ([gateway(hostname="*.example.com")], "ingress nginx"),
        ([gateway(admits="Same")], "ingress nginx"),
        ([gateway(admits="Selector")], "ingress nginx"),
        ([gateway(admits="Selector"), LABELLED], "gateway gateways/public"),
        ([NOT_RUNNING], "none"),
        ([NOT_RUNNING, gateway(served=False)], "none"),
    ],
)
def test_only_routes_that_a_preview_accepts_are_offered(more: list[Manifest], offered: str) -> None:
    candidates = read_candidates(cluster("found", *more))
    routes = [one.partition(",")[0] for one in offers.published(candidates, "immich", "immich.coultonf.com", [])]
    assert routes[0] == offered
    assert set(routes) <= {offered} if NOT_RUNNING in more else {offered, "ingress nginx"}


def test_a_mounted_claim_is_not_offered() -> None:
    mounted = [{"persistentVolumeClaim": {"claimName": "icloud"}}]
    pod = manifest("v1", "Pod", "p", "immich", spec={"containers": [], "volumes": mounted})
    found = read_candidates(cluster("found", SHARED_CLAIM, pod))
    assert offers.storage(found, "immich") == ["local talos-1ca-62z /var/mnt/icloud-photos"]


@pytest.mark.parametrize(
    ("typed", "key", "value"),
    [
        (("2",), "cluster", "other"),
        (("", "", "photos.example.com"), "host", "photos.example.com"),
        (("", "", '"photos.example.com"'), "host", "photos.example.com"),
        (("", "", "", "nfs nas.lan /export/photos"), "storage", "nas.lan"),
        (("", "", "", "csi smb.csi.k8s.io a b"), "storage", "smb.csi.k8s.io"),
        (("", "", "", "hostPath n1 /var/mnt/photos"), "storage", "hostPath"),
        (("", "", "", "", "none, sharedTunnel my homelab"), "cloudflare", "my homelab"),
        (("", "", "", "", "ingress nginx, dnsRecord home.example.com"), "cloudflare", "home.example.com"),
        (("", "", "", "", "2"), "cloudflare", "none"),
        (("", "", "", "", "", "anna, ben"), "photoSync", "[{'name': 'anna'}, {'name': 'ben'}]"),
    ],
)
def test_answers_over_a_pipe(typed: tuple[str, ...], key: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert value in str(asked(cluster("found"), monkeypatch, *typed)[key])


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        (("somewhere",), "admin@homelab, other"),
        (("", "Photos_1"), "immich-icloud:immich.namespace"),
        (("", "", "https://immich.example.com"), "immich-icloud:host"),
        (("", "", "", "somewhere"), answers.STORAGE),
        (("", "", "", "local n1 /etc"), "immich-icloud:storage.path"),
        (("", "", "", "", "nginx"), answers.PUBLISHED),
        (("", "", "", "", "", "Anna"), "immich-icloud:photoSync.accounts[0].name"),
    ],
)
def test_a_wrong_answer_over_a_pipe_ends_it(
    typed: tuple[str, ...], names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError) as error:
        asked(cluster("found"), monkeypatch, *typed)
    assert names in str(error.value)


def test_a_wrong_answer_is_asked_again_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "ClusterApi", lambda _: cluster("found"))
    typed = iter(["", "", "no host", "photos.example.com", "", "", ""])
    assert "photos.example.com" in new.questions(new.Questions(lambda _: next(typed), again=True))


def test_an_unreachable_cluster_leaves_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: object) -> ClusterApi:
        raise UnreachableError("no API server answers")

    monkeypatch.setattr(new, "ClusterApi", unreachable)
    typed = iter(["", "", "photos.example.com", "local n1 /var/mnt/photos", "", ""])
    text = new.questions(new.Questions(lambda _: next(typed), again=False))
    assert yaml.safe_load(text)["config"]["immich-icloud:route"] == {"kind": "none"}


@pytest.mark.parametrize("cli", [False, True])
def test_what_is_not_stored_yet_is_printed_and_not_previewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, cli: bool
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    if cli:
        (programs / "pulumi").write_text("#!/bin/sh\n")
        (programs / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(sys, "argv", ["new", "home"])
    typed = "\n\nimmich.example.com\nlocal n1 /var/mnt/photos\n\nanna\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    new.main()
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("  $ ")] == [
        *([] if cli else ["  $ pulumi stack init home"]),
        "  $ pulumi config set --stack home --secret immich-icloud:cloudflareToken",
        "  $ pulumi config set --stack home --secret --path immich-icloud:icloudCredentials.anna.appleId",
        "  $ pulumi config set --stack home --secret --path immich-icloud:icloudCredentials.anna.password",
        "  $ make preview STACK=home",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["home"], "is not overwritten"), ([], "STACK=... is needed"), (["a", "b"], "STACK=... is needed")],
)
def test_a_stack_needs_a_new_name(arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("Pulumi.home.yaml").touch()
    monkeypatch.setattr(sys, "argv", ["new", *arguments])
    with pytest.raises(SystemExit, match=words):
        new.main()


class Pulumi:
    """Notes what the CLI is told."""

    def __init__(self, *, refuses: str = "") -> None:
        self.told: list[tuple[str, ...]] = []
        self._refuses = refuses

    def __call__(self, *words: str, told: str = "") -> subprocess.CompletedProcess[str]:
        self.told.append((*words, told))
        return subprocess.CompletedProcess(words, 1 if self._refuses else 0, "", self._refuses)


KEY = "immich-icloud:icloudCredentials.anna.password"


def test_a_person_leaves_by_ctrl_d(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "ClusterApi", lambda _: cluster("found"))
    with pytest.raises(KeyboardInterrupt):
        new.questions(new.Questions(Mock(side_effect=["", EOFError]), again=True))


@pytest.mark.parametrize("interrupted", [KeyboardInterrupt, EOFError])
def test_secrets_that_a_person_leaves_are_named(
    interrupted: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new, "_pulumi", Pulumi())
    monkeypatch.setattr("shutil.which", lambda _: "/bin/pulumi")
    monkeypatch.setattr("getpass.getpass", Mock(side_effect=["s3cret", interrupted]))
    wanted = {"immich-icloud:cloudflareToken": "a token", KEY: "its password"}
    assert new.store("home", wanted, person=True) == [f"pulumi config set --stack home --secret --path {KEY}"]


@pytest.mark.parametrize("typed", ["s3cret", ""])
def test_a_secret_goes_to_the_cli_by_its_input_or_is_left(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi = Pulumi()
    monkeypatch.setattr(new, "_pulumi", pulumi)
    monkeypatch.setattr("shutil.which", lambda _: "/bin/pulumi")
    monkeypatch.setattr("getpass.getpass", lambda _: typed)
    left = new.store("home", {KEY: "its password"}, person=True)
    stored = [("config", "set", "--secret", "--path", KEY, "--stack", "home", "s3cret")] if typed else []
    assert pulumi.told == [("stack", "init", "home", ""), *stored]
    assert left == ([] if typed else [f"pulumi config set --stack home --secret --path {KEY}"])
    assert "s3cret" not in capsys.readouterr().out


@pytest.mark.parametrize(("said", "left"), [("error: stack 'home' already exists", 1), ("error: no login", 2)])
def test_a_stack_that_exists_is_used_and_another_refusal_is_shown(
    said: str, left: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(new, "_pulumi", Pulumi(refuses=said))
    monkeypatch.setattr("shutil.which", lambda _: "/bin/pulumi")
    monkeypatch.setattr("getpass.getpass", lambda _: "s3cret")
    assert len(new.store("home", {KEY: "its password"}, person=True)) == left
    assert said in capsys.readouterr().out


def test_pulumi_new_asks_for_what_the_example_has() -> None:
    template = yaml.safe_load((SOURCE / "Pulumi.yaml").read_text())["template"]["config"]
    example = configuration(SOURCE / "Pulumi.example.yaml")
    assert {key: spoken(one["default"]) for key, one in template.items()} == {
        key: spoken(value) for key, value in example.items()
    }
    assert all(one["description"] for one in template.values())


def spoken(text: str) -> Any:
    return yaml.safe_load(text) if text.startswith(("{", "[")) else text


def test_the_contexts_of_all_kubeconfigs_are_offered(
    monkeypatch: pytest.MonkeyPatch, kubeconfig: Path, tmp_path: Path
) -> None:
    """As kubectl merges them: the first file that has a context is the one that counts."""
    empty, first = tmp_path / "empty", tmp_path / "first"
    empty.write_text("apiVersion: v1\nkind: Config\n")
    first.write_text(yaml.safe_dump({**KUBECONFIG, "contexts": KUBECONFIG["contexts"][:1]}))
    monkeypatch.setenv("KUBECONFIG", f"{empty}:{first}:{kubeconfig}")
    for context, file in (("", first), ("other", first), ("admin@homelab", kubeconfig)):
        stated = asked(cluster("found"), monkeypatch, context)
        assert stated["cluster"]["kubeconfig"] == str(file)
    monkeypatch.setenv("KUBECONFIG", str(empty))
    with pytest.raises(CommandError, match=str(empty)):
        asked(cluster("found"), monkeypatch)


@pytest.mark.parametrize("named", ["", "/nowhere"])
def test_a_missing_kubeconfig_is_named(named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", named)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CommandError, match=named or "~/.kube/config"):
        new.questions(new.Questions(lambda _: "", again=False))
