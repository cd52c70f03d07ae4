"""A client of an API server by one context of a kubeconfig, whose keys never touch a disk.

The official client writes what a kubeconfig holds inside to temporary files, and removes them only where it ends by
itself: a client key would be left there by Ctrl-C in a bad moment, SIGTERM or a kill.
"""

import base64
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from kubernetes import client
from kubernetes.config import ConfigException
from kubernetes.config.dateutil import parse_rfc3339
from kubernetes.config.exec_provider import ExecProvider
from kubernetes.config.kube_config import ConfigNode, KubeConfigLoader, KubeConfigMerger
from urllib3.exceptions import LocationParseError
from urllib3.util import make_headers, parse_url
from urllib3.util.ssl_ import create_urllib3_context

from clients.deadline import TlsSocket


class CredentialsError(Exception):
    """The kubeconfig can't be used. `str()` says why, with nothing of its contents but names and paths."""


class NoCredentialsError(CredentialsError):
    """The plugin that the kubeconfig names gave no credentials. `str()` says why."""


class _Loader(KubeConfigLoader):  # type: ignore[misc]  # the client has no types
    """The client's own, which would write the certificate and the key that a plugin gives to files."""

    plugin_fault = ""
    plugin_pair: tuple[bytes, bytes] | None = None

    def _load_from_exec_plugin(self) -> bool:
        if "exec" not in self._user:
            return False
        try:
            status = ExecProvider(self._user["exec"], None, self._cluster).run()
            if "token" in status:
                self.token = _bearer(status["token"])
            else:
                self.plugin_pair = status["clientCertificateData"].encode(), status["clientKeyData"].encode()
            if "expirationTimestamp" in status:
                self.expiry = parse_rfc3339(status["expirationTimestamp"])
        except KeyError as error:
            self.plugin_fault = f"its output has no {error.args[0]}"
        except (ConfigException, OSError, ValueError, TypeError, AttributeError) as error:
            # Not raised: once a token has expired, this runs in the middle of a request.
            self.plugin_fault = str(error)
        return not self.plugin_fault

    def _load_user_token(self) -> bool:
        if loaded := bool(super()._load_user_token()):
            self.token = _bearer(self.token.removeprefix("Bearer "))
        return loaded


def _bearer(token: str) -> str:
    """Build the header; a file ends its line, which is not part of the token (as client-go reads it)."""
    stripped = token.strip()
    if not (stripped.isascii() and stripped.isprintable()):  # what sends it would show it in an error
        raise ConfigException("the token is not one line of ASCII text")
    return f"Bearer {stripped}"


def connect(
    kubeconfig: Path, context: str | None = None, settings: client.Configuration | None = None
) -> client.ApiClient:
    """Make a client by a context of a kubeconfig, its current one by default; nothing is asked yet.

    Args:
        kubeconfig: its file.
        context: the context's name.
        settings: of the client, but for what the kubeconfig says.

    Raises:
        CredentialsError: when there is no such context, or what it names can't be used.

    """
    try:
        merged = KubeConfigMerger(str(kubeconfig))
        document = merged.config
        if document is None:
            raise CredentialsError(f"there is no file {kubeconfig}")
        cluster, user = _entries(document, context or document.safe_get("current-context"))
        authority, certificate, key = (
            entry.pop(f"{name}-data", None)
            for entry, name in ((cluster, "certificate-authority"), (user, "client-certificate"), (user, "client-key"))
        )
        if user.get("exec"):
            user["exec"] = _beside(kubeconfig, user["exec"])
        settings = settings or client.Configuration()
        if proxy := cluster.get("proxy-url"):
            _go_through(proxy, settings)
        loader = _Loader(document, context, config_base_path=None, config_persister=merged.save_changes)
        loader.load_and_set(settings)
        if loader.plugin_fault:
            raise NoCredentialsError(loader.plugin_fault)
        tls = _trust(settings, authority)
        if loader.plugin_pair:
            _identify(tls, *loader.plugin_pair)
        elif own := _decoded(certificate) or _content(settings.cert_file):
            _identify(tls, own, _decoded(key) or _content(settings.key_file) or own)
    except yaml.YAMLError:
        raise CredentialsError("it is not YAML") from None  # the parser's message would quote credentials
    except (ConfigException, OSError, ValueError) as error:
        raise CredentialsError(str(error)) from None
    except (AttributeError, KeyError, TypeError):
        raise CredentialsError("it has not the form of a kubeconfig") from None
    settings.ssl_ca_cert = settings.cert_file = settings.key_file = None
    made = client.ApiClient(settings)
    made.rest_client.pool_manager.connection_pool_kw["ssl_context"] = tls
    return made


def tls_of(made: client.ApiClient) -> ssl.SSLContext:
    """How a client of `connect` proves itself and whom it trusts, for connections that it does not make by itself."""
    context: ssl.SSLContext = made.rest_client.pool_manager.connection_pool_kw["ssl_context"]
    return context


def _beside(kubeconfig: Path, plugin: dict[str, Any]) -> dict[str, Any]:
    """Take a plugin's relative path from the kubeconfig's folder, as kubectl does; a bare name is found on PATH."""
    command = plugin["command"]
    return {**plugin, "command": str(kubeconfig.parent / command) if "/" in command else command}


def _entries(document: ConfigNode, context: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take copies of the context's cluster and user, in place of what the file has: what is taken out stays there."""
    chosen = _entry(document, "contexts", "context", context)
    user = _entry(document, "users", "user", chosen["user"]) if chosen.get("user") else {}
    return _entry(document, "clusters", "cluster", chosen.get("cluster")), user


def _entry(document: ConfigNode, plural: str, singular: str, name: str | None) -> dict[str, Any]:
    nodes = document.value.get(plural) or ()
    node = next((node for node in nodes if node.value.get("name") == name), None)
    if node is None or not isinstance(node.value.get(singular), dict):
        raise CredentialsError(f'its {plural} have no usable entry "{name}"')
    node.name = f"{plural} {name}"  # the client's would show all of it in its errors
    node.value = {**node.value, singular: dict(node.value[singular])}
    entry: dict[str, Any] = node.value[singular]
    return entry


def _go_through(proxy: str, settings: client.Configuration) -> None:
    """Have a client reach its server by the cluster's proxy, and by no other that the environment names."""
    with suppress(LocationParseError):  # which would show a password in it
        url = parse_url(proxy)
        if url.scheme in {"http", "https"} and url.host:
            settings.proxy, settings.no_proxy = url._replace(auth=None).url, None
            settings.proxy_headers = make_headers(proxy_basic_auth=unquote(url.auth)) if url.auth else None
            return
    raise ConfigException("its proxy-url is not an http or https URL, which alone is supported")


def _trust(settings: client.Configuration, authority: str | None) -> ssl.SSLContext:
    """Build a context as urllib3 itself would, with the cluster's authority."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if settings.verify_ssl else ssl.CERT_NONE)
    context.sslsocket_class = TlsSocket
    if authority:
        context.load_verify_locations(cadata=(_decoded(authority) or b"").decode("ascii", "ignore"))
    elif settings.ssl_ca_cert:
        context.load_verify_locations(settings.ssl_ca_cert)
    elif settings.verify_ssl:
        context.load_default_certs()
    return context


def _identify(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Have a context prove itself: OpenSSL reads certificate and key only by a path, so it gets those of two pipes."""
    with ExitStack() as pipes:
        certificate_path, key_path = (pipes.enter_context(_piped(content)) for content in (certificate, key))
        # With a password that opens nothing: without one, OpenSSL asks for it on the terminal.
        context.load_cert_chain(certificate_path, key_path, password="")


@contextmanager
def _piped(content: bytes) -> Iterator[str]:
    """Give the path of a pipe that has this content."""
    reading, writing = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), open(writing, "wb") as end:  # noqa: PTH123 (a descriptor)
            end.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        writer.join()


def _decoded(data: str | None) -> bytes | None:
    return base64.b64decode(data) if data else None


def _content(file: str | None) -> bytes | None:
    return Path(file).read_bytes() if file else None
