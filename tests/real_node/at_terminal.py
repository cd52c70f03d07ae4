"""`python -m tests.real_node.at_terminal COMMAND STACK KUBECONFIG`: a command of `ops` as `make` runs it.

Its settings are those of `tests.real_node.stack`, in place of a stack file's, which takes an engine to be read.
"""

import importlib
import sys
from pathlib import Path

from ops import command
from tests.real_node.stack import settings_of

if __name__ == "__main__":
    _command, _name, _kubeconfig = sys.argv[1:]
    vars(command)["settings_of"] = lambda _: settings_of(_name, Path(_kubeconfig))
    sys.argv[1:] = ["test"]
    command.main(getattr(importlib.import_module(f"ops.{_command}"), _command))
