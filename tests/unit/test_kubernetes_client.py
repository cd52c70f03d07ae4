"""An API server that cannot be reached is reported in a sentence."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from clients.kubernetes import ClusterApi, UnreachableError
from tests.unit.test_kubeconfig import connect, written


def api_at(folder: Path, address: str) -> ClusterApi:
    """Connect to an address by a kubeconfig of its own."""
    return connect(folder, written({}, address, **{"insecure-skip-tls-verify": True}))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["nothing", "no TLS"])
def test_a_server_that_speaks_no_tls(tmp_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"https://127.0.0.1:{server.getsockname()[1]}"

        def serve() -> None:
            with contextlib.suppress(OSError):  # until the test shuts the socket down
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnreachableError, match=f"no Kubernetes API server answers at {address}") as error:
            api_at(tmp_path, address).version()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "\n" not in str(error.value)
