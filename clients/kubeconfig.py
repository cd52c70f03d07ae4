"""The kubeconfig file as the Kubernetes client takes it; what is wrong with one is reported by its place."""

import os
import re
import shutil
from pathlib import Path
from typing import Annotated, Any, TypeVar

import urllib3
from kubernetes import client
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from clients import credentials
from clients.credentials import CredentialsError, NoCredentialsError
from settings import yaml_text
from settings.cluster import Cluster
from settings.yaml_text import YamlError

_NAMED = "immich-icloud:cluster.kubeconfig"
_ADDRESS = re.compile(r"https?://[^\s/@]+(/[^\s@]*)?")  # a password in it would be shown in errors


class KubeconfigError(Exception):
    """No way to a cluster can be made of the kubeconfig. `str()` is one sentence for the user."""


class _Context(BaseModel):
    cluster: str
    user: str | None = None


class _NamedContext(BaseModel):
    name: str
    context: _Context


class _Server(BaseModel):
    server: str | None = None
    proxy: str | None = Field(None, alias="proxy-url")
    authority: str | None = Field(None, alias="certificate-authority")
    authority_data: str | None = Field(None, alias="certificate-authority-data")


class _NamedServer(BaseModel):
    name: str
    cluster: _Server


class _Plugin(BaseModel):
    command: str
    args: list[str] | None = None
    hint: str | None = Field(None, alias="installHint")


class _User(BaseModel):
    acts_for: str | None = Field(None, alias="as")
    token: str | None = None
    token_file: str | None = Field(None, alias="tokenFile")
    certificate: str | None = Field(None, alias="client-certificate")
    certificate_data: str | None = Field(None, alias="client-certificate-data")
    key: str | None = Field(None, alias="client-key")
    key_data: str | None = Field(None, alias="client-key-data")
    username: str | None = None
    password: str | None = None
    plugin: _Plugin | None = Field(None, alias="exec")


class _NamedUser(BaseModel):
    name: str
    user: _User | None = None


_Named = TypeVar("_Named", _NamedContext, _NamedServer, _NamedUser)


def _each_once(entries: list[_Named]) -> list[_Named]:
    # kubectl refuses such a file, too (source: client-go, tools/clientcmd/api/v1/conversion.go).
    if len({one.name for one in entries}) < len(entries):
        raise ValueError("two entries have the same name")
    return entries


class _Kubeconfig(BaseModel):
    current: str | None = Field(None, alias="current-context")
    contexts: Annotated[list[_NamedContext], AfterValidator(_each_once)] | None = None
    clusters: Annotated[list[_NamedServer], AfterValidator(_each_once)] | None = None
    users: Annotated[list[_NamedUser], AfterValidator(_each_once)] | None = None


def load(cluster: Cluster) -> client.ApiClient:
    """Make a client of the context's server and credentials; no server is asked, but a plugin for credentials may run.

    Raises:
        KubeconfigError: when the file or the context is missing or unusable.

    """
    file = cluster.kubeconfig_file
    if not file.is_file():
        if os.pathsep in cluster.kubeconfig and any(Path(one).expanduser().is_file() for one in _paths(cluster)):
            raise KubeconfigError(
                f"{_NAMED}: {cluster.kubeconfig} is a list of files. Name the one that has the context "
                f"{cluster.context}, or merge them: `kubectl config view --flatten`"
            )
        raise KubeconfigError(f"{_NAMED}: there is no file {file}. Name your kubeconfig file there")
    stated, user = _read(file, cluster.context)
    if user and user.acts_for:  # Kubernetes' Python client would act for the user itself
        raise KubeconfigError(
            f"{_NAMED}: the user {stated.context.user} of {file} impersonates {user.acts_for} (as), which is not "
            "supported. Name a context whose user acts for itself"
        )
    if user and user.plugin:
        _find(user.plugin, file)
    settings = client.Configuration()
    settings.retries = False
    try:
        return credentials.connect(file, cluster.context, settings)
    except NoCredentialsError as error:
        command = user.plugin.command if user and user.plugin else ""
        raise KubeconfigError(
            f"{_NAMED}: {command}, which {file} names for credentials, gave none: {error}. "
            f"`{cluster.kubectl} get namespaces` runs it, too"
        ) from None
    except CredentialsError as error:
        raise KubeconfigError(f"{_NAMED}: {file} can't be used: {error}") from None
    except (ValueError, TypeError, AttributeError, LookupError, urllib3.exceptions.HTTPError) as error:
        # What it stumbles over is a credential, which must not be shown.
        raise KubeconfigError(
            f"{_NAMED}: the credentials of {stated.context.user} in {file} can't be read ({type(error).__name__}). "
            f"`{cluster.kubectl} get namespaces` uses the same ones"
        ) from None


def _paths(cluster: Cluster) -> list[str]:
    """Take it for a list of files, as the variable KUBECONFIG may be one."""
    return [one for one in cluster.kubeconfig.split(os.pathsep) if one]


def contexts(file: Path) -> list[str]:
    """List the contexts of a kubeconfig file, the current one first.

    Raises:
        KubeconfigError: when the file is missing or unusable.

    """
    whole = _whole(file)
    return sorted((one.name for one in whole.contexts or ()), key=lambda name: name != whole.current)


def _whole(file: Path) -> _Kubeconfig:
    try:
        content: Any = yaml_text.read_yaml(file)
        return _Kubeconfig.model_validate({} if content is None else content, strict=True)
    except YamlError as error:
        raise KubeconfigError(f"{_NAMED}: {file} {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise KubeconfigError(f"{_NAMED}: {file} is not a kubeconfig: {place}: {first['msg']}") from None


def _read(file: Path, context: str) -> tuple[_NamedContext, _User | None]:
    whole = _whole(file)
    named = {one.name: one for one in whole.contexts or ()}
    stated = named.get(context)
    if stated is None:
        raise KubeconfigError(
            f'immich-icloud:cluster.context: {file} has no context "{context}". It has: {", ".join(named) or "none"}'
        )
    server = {one.name: one.cluster for one in whole.clusters or ()}.get(stated.context.cluster, _Server())
    if not _ADDRESS.fullmatch(server.server or ""):
        raise KubeconfigError(
            f"{_NAMED}: {file} has no https server of cluster {stated.context.cluster}, which its context names"
        )
    users = {one.name: one.user for one in whole.users or ()}
    if stated.context.user and stated.context.user not in users:
        raise KubeconfigError(f"{_NAMED}: {file} has no user {stated.context.user}, which its context names")
    user = users.get(stated.context.user or "")
    _find_files(file, server, user or _User())
    return stated, user


def _find_files(file: Path, server: _Server, user: _User) -> None:
    """See that what it names by path is there; a relative path counts from its folder, as for kubectl."""
    named = {
        "certificate-authority": None if server.authority_data else server.authority,
        "client-certificate": None if user.certificate_data else user.certificate,
        "client-key": None if user.key_data else user.key,
        "tokenFile": user.token_file,
    }
    for key, path in named.items():
        if path and not (place := file.parent / path).is_file():
            raise KubeconfigError(
                f"{_NAMED}: {file} names {path} as its {key}, and there is no file {place}. Restore it, or log in to "
                "the cluster again"
            )


def _find(plugin: _Plugin, file: Path) -> None:
    # Of a relative path the client makes one beside the kubeconfig; a bare name is looked for on PATH.
    found = shutil.which(plugin.command) or ("/" in plugin.command and (file.parent / plugin.command).is_file())
    if not found:
        hint = " ".join(plugin.hint.split()) if plugin.hint else "Install it, or name another context"
        raise KubeconfigError(
            f"{_NAMED}: {plugin.command}, which {file} names for credentials, is not installed. {hint}"
        )
