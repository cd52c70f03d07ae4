"""Tries a sign-in from a phone with icloudpd as it is released: `python -m tests.icloudpd.released`, on Linux x86_64.

The page is asked for what a browser's script asks for. It is no part of the gate: it fetches 68 MB, and has port 8080.
"""

import shlex
import tempfile
from pathlib import Path

from clients.result import Code
from lab import environments
from lab.apple import process as apple
from lab.apple.world import CODE
from tests.icloudpd.client import Client
from tests.icloudpd.phone import PUSHED, Phone

_REQUIREMENTS = Path(__file__).with_name("released.txt")
_PORT = 8080
_ASKS = 'name="code"'


def main() -> None:
    """Sign in with a typo and the right code, and fetch; print what the page said."""
    python = environments.interpreter("icloudpd-released", _REQUIREMENTS)
    (released,) = python.parents[1].glob("lib/python*/site-packages/icloudpd/icloudpd")
    released.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix="released-") as made:
        home, base = Path(made) / "home", Path(made) / "base"
        home.mkdir()
        base.mkdir()
        client = Client.of(home)
        try:
            client.sign_in()
            program = home / "released"
            variables = apple.environment(home, url=f"$(cat {shlex.quote(str(apple.url_file(home)))})")
            exports = "".join(f'export {name}="{value}"\n' for name, value in variables.items())
            program.write_text(f'#!/bin/sh\n{exports}exec {shlex.quote(str(released))} "$@"\n')
            program.chmod(0o755)
            phone = Phone.around(client, base, program, _PORT, waits="120", code_page=_ASKS)
            before = phone.asked(PUSHED)
            ended = phone.run("654321", CODE)
            print(ended["sign-in"].out)  # noqa: T201 (a command's output)
            assert ended["icloudpd"].result.code == Code.SYNCED, ended["icloudpd"].out
            assert phone.asked(PUSHED) == before + 1
            assert not ended["sign-in"].error
        finally:
            client.end()


if __name__ == "__main__":
    main()
