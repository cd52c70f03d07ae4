"""Serves one program to the engine from a process of its own: `python -P language_host.py PROGRAM`.

Nothing of this project is imported here: what the program imports comes from its own tree (PYTHONPATH), its libraries
from the interpreter's environment. The port is the first line of the output; the end of the input ends it.
"""

import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc


def _run_program() -> None:
    runpy.run_path(sys.argv[1], run_name="__main__")


def main() -> None:
    """Serve until the input ends."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(_run_program), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    os.dup2(2, 1)  # the rest is not read
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    main()
