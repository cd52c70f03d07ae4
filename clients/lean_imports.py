"""What two libraries import without need, left out: importing is most of what a preview costs.

`kubernetes` imports 750 models and 65 APIs, of which a run uses ten: 0.2 s of processor time and 30 MB, in the
program's process and again in that of the dynamic providers. httpx imports rich, click and Pygments for its command
line: 0.05 s.
"""

import re
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_CLIENT = "kubernetes.client"
# The packages whose `__init__` is not run, and where the classes are that it would import.
_PACKAGES = {
    "kubernetes": ("kubernetes",),
    "kubernetes.utils": ("kubernetes.utils",),
    _CLIENT: (_CLIENT, f"{_CLIENT}.api", f"{_CLIENT}.models"),
    f"{_CLIENT}.api": (f"{_CLIENT}.api",),
    f"{_CLIENT}.models": (f"{_CLIENT}.models",),
}
_NEXT_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class _LeanPackage(ModuleType):
    """A package that imports its modules and their classes as they are asked for."""

    def __getattr__(self, name: str) -> Any:
        """Import a module of it, or the class `V1ConfigMap` from the module `v1_config_map`."""
        if name.startswith("__") or not name.isidentifier():
            raise AttributeError(f"{self.__name__} has no {name}")
        module = _NEXT_WORD.sub("_", name).lower()
        places = (f"{place}.{module}" for place in _PACKAGES[self.__name__])
        found = import_module(next(filter(find_spec, places), f"{_CLIENT}.exceptions"))
        return found if name == module else getattr(found, name)


for _name in _PACKAGES:
    if _name not in sys.modules and (_spec := find_spec(_name)):
        sys.modules[_name] = module_from_spec(_spec)
        sys.modules[_name].__class__ = _LeanPackage

# Not found, it is not missed: the command line is httpx's extra.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
