"""`python -m lab.real_node.inside HOME PORT [SIZE]`: the first process of the node's namespaces.

It holds the namespaces open, mounts what the node has of its own, and carries connections to the API server's port on
this machine's loopback into the namespace, where the control plane is, too. When it ends, everything in them does.

HOME holds the node's files; with SIZE, /var is a file system of that size, in memory.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from lab.real_node import carry
from lab.real_node.configuration import ADDRESS, GATEWAY

READY: Final = "ready"  # a file in HOME
# What a kubelet wants of the kernel, and would change on the whole machine (source: its container_manager_linux.go).
_KERNEL: Final = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}


def enter(home: Path, port: int, size: str) -> None:
    """Become that process. The socket is bound first: it stays in this machine's network."""
    listener = socket.create_server(("127.0.0.1", port))
    listener.set_inheritable(True)
    namespaces = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private")
    inside = (sys.executable, "-m", "lab.real_node.inside", "inside", str(home), str(listener.fileno()), size)
    os.execvp("unshare", ["unshare", *namespaces, *inside])  # noqa: S606 (no shell is the point)


def _mount(home: Path, size: str) -> None:
    for name in ("var", "run"):
        place = home.parent / "disk" / name if name == "var" else home / name
        place.mkdir(parents=True, exist_ok=True)
        if name == "var" and size:
            _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", f"/{name}")
        else:
            _run("mount", "--bind", place, f"/{name}")
    # As on a machine of its own, and of no other: what is mounted later reaches volumes that are mounted already.
    _run("mount", "--make-rshared", "/")
    Path("/var/mnt").mkdir(exist_ok=True)
    if not Path("/var/run").is_symlink():
        Path("/var/run").symlink_to("/run")
    kernel = home / "kernel"
    kernel.mkdir(exist_ok=True)
    for name, value in _KERNEL.items():
        told = kernel / name.replace("/", ".")
        told.write_text(f"{value}\n")
        _run("mount", "--bind", told, f"/proc/sys/{name}")


def _connect() -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "nowhere")
    _run("ip", "address", "add", f"{ADDRESS}/24", "dev", "node0")
    for link in ("node0", "nowhere"):
        _run("ip", "link", "set", link, "up")
    # It leads nowhere: but without one an API server finds no address to advertise.
    _run("ip", "route", "add", "default", "via", GATEWAY)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


async def _hold(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    server = await carry.start(listener, "127.0.0.1", port)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.close)
    # Orphans of the whole node come to its first process.
    loop.add_signal_handler(signal.SIGCHLD, _reap)
    with contextlib.suppress(asyncio.CancelledError):
        await server.serve_forever()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    _verb, _home, _number, _size = sys.argv[1:]
    if _verb == "enter":
        enter(Path(_home), int(_number), _size)
    _mount(Path(_home), _size)
    _connect()
    (Path(_home) / READY).touch()
    asyncio.run(_hold(socket.socket(fileno=int(_number))))
    os._exit(0)
