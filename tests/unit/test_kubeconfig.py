"""A kubeconfig that can't be used is reported in one sentence, which shows none of its secrets."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from pulumi.dynamic import Config, ConfigureRequest

from clients.kubernetes import ClusterApi, ClusterError
from providers.fragment import FragmentProvider
from settings.cluster import Cluster
from tests.mutations import mutated
from tests.scripted_server import Said, serving

SECRET = "c2VjcmV0LXRva2Vu"  # noqa: S105 (it opens nothing)


def written(user: Any = None, server: str = "https://127.0.0.1:1", **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {"certificate-authority-data": ""})}}],
        "users": [{"name": "u", "user": {"token": SECRET} if user is None else user}],
    }


def connect(folder: Path, content: bytes | str | dict[str, Any]) -> ClusterApi:
    file = folder / "kubeconfig"
    text = yaml.safe_dump(content) if isinstance(content, dict) else content
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return ClusterApi(Cluster(kubeconfig=str(file), context="c", identifier="c"))


TEXT = yaml.safe_dump(written())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"text",
        b"\x00",
        TEXT.encode("utf-16"),
        TEXT.replace("name: u", "name: ü").encode("latin-1"),
        TEXT.replace("token:", "token: 'open"),
        f"{TEXT}\tx: y",
        "a: &a [*a]\ncontexts: *a",
        f"[{SECRET}]",
        f"contexts: {SECRET}",
        f"users:\n- name: u\n  token: {SECRET}: {SECRET}\n",
        written(SECRET),
        "contexts: 2026-99-99",
        "[\n" * 100_000,
        written() | {"contexts": None},
        written() | {"users": None},
        written() | {"clusters": None},
        written() | {"clusters": [None]},
        *(written() | {key: written()[key] * 2} for key in ("contexts", "clusters", "users")),
        written(server=f"https://anna:{SECRET}@127.0.0.1:1"),
        written(server="https://127.0.0.1:1/\n"),
        written({"tokenFile": "/nowhere/token"}),
        written({"client-certificate": "/nowhere/cert", "client-key": "/nowhere/key"}),
        written({"exec": {"command": "no-such-plugin", "apiVersion": "client.authentication.k8s.io/v1"}}),
        written({"exec": {"command": "/nowhere/plugin", "apiVersion": "client.authentication.k8s.io/v1"}}),
        written({"exec": {"command": "false", "apiVersion": "client.authentication.k8s.io/v1"}}),
        written({"exec": {"command": "true", "apiVersion": "client.authentication.k8s.io/v1"}}),
        written({"exec": {"command": "true"}}),
        written({"exec": None, "auth-provider": {"name": "oidc", "config": None}}),
        written({"auth-provider": {"name": "gcp"}}),
        written({"auth-provider": None}),
    ],
)
def test_one_that_cannot_be_used(tmp_path: Path, content: bytes | str | dict[str, Any]) -> None:
    with pytest.raises(ClusterError) as error:
        connect(tmp_path, content)
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)
    assert b64decode(SECRET).decode() not in str(error.value)


def test_each_field_wrong(tmp_path: Path) -> None:
    for content in [
        written({"client-certificate-data": "no", "client-key-data": "="}),
        written({"client-certificate-data": SECRET, "client-key-data": SECRET}),
        written({"auth-provider": {"name": "oidc", "config": {"id-token": SECRET}, "token": SECRET}}),
        *dict(mutated(written())).values(),
    ]:
        try:
            connect(tmp_path, content).version()
        except ClusterError as error:
            told = str(error)
            assert SECRET not in told
            assert b64decode(SECRET).decode() not in told


@pytest.mark.parametrize("place", ["missing", "."])
def test_one_that_is_no_file(tmp_path: Path, place: str) -> None:
    with pytest.raises(ClusterError, match=r"^immich-icloud:cluster\.kubeconfig: there is no file"):
        ClusterApi(Cluster(kubeconfig=str(tmp_path / place), context="c", identifier="c"))


def test_a_list_of_files_is_told_from_a_missing_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(TEXT)
    several = f"{tmp_path}/one:{tmp_path}/two"
    with pytest.raises(ClusterError, match="is a list of files"):
        ClusterApi(Cluster(kubeconfig=several, context="c", identifier="c"))


def test_paths_in_it_count_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("anna").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    (tmp_path / "token").write_text(SECRET)
    monkeypatch.chdir("/")
    user = {"client-certificate": "own.pem", "client-key": "./own.pem", "tokenFile": "token"}
    connect(tmp_path, written(user, **{"certificate-authority": "ca.pem"}))


@pytest.mark.parametrize("key", ["certificate-authority", "client-certificate", "client-key", "tokenFile"])
@pytest.mark.parametrize("path", ["gone.pem", "/nowhere/gone.pem"])
def test_a_file_that_it_names_and_that_is_gone(tmp_path: Path, key: str, path: str) -> None:
    content = written({key: path}, **{key: path})
    with pytest.raises(ClusterError) as error:
        connect(tmp_path, content)
    assert f"names {path} as its {key}, and there is no file {tmp_path / path}" in str(error.value)


def test_credentials_that_are_refused_are_told_with_their_context(tmp_path: Path) -> None:
    status = json.dumps({"kind": "Status", "message": "Unauthorized"}).encode()
    refused = pytest.raises(ClusterError, match=r'\(context "c" of .*kubeconfig\) does not accept')
    with serving(lambda *_: Said(401, status)) as server, refused:
        connect(tmp_path, written(server=server.address)).version()


def test_a_plugin_beside_the_kubeconfig_runs_once_for_all_steps_of_a_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = "client.authentication.k8s.io/v1"
    given = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": "x"}})
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{given}'\necho run >>{tmp_path}/runs\n")
    plugin.chmod(0o755)
    monkeypatch.chdir("/")
    user = {"exec": {"command": "./plugin", "apiVersion": version, "interactiveMode": "Never"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
    provider = FragmentProvider()
    gone = json.dumps({"kind": "Status", "message": "not found"}).encode()
    with serving(lambda *_: Said(404, gone)) as server:
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(written(user, server.address)))
        cluster = {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "c", "identifier": "c"}
        provider.configure(ConfigureRequest(Config({"immich-icloud:cluster": json.dumps(cluster)}, "immich-icloud")))
        reads = [provider.read("", {"fragment": namespace, "manager": "m", "adopt": False}) for _ in range(2)]
    assert [one.id for one in reads] == ["", ""]
    assert (tmp_path / "runs").read_text() == "run\n"
