"""Imports that find something else instead of some modules: nothing, or a name that loads the module later.

Libraries import extras where they find them, for seconds and many MiB, also where nothing of theirs is used.
"""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """A module that is imported when an attribute of it is read."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def stand_ins(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """While the block runs, imports of these modules give their stand-ins; None: as if the module was not installed.

    What this process has imported already stays. None in `sys.modules` makes an import fail:
    https://docs.python.org/3/reference/import.html.
    """
    ours: dict[str, Any] = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules |= ours
    try:
        yield
    finally:
        for name, stand_in in ours.items():
            if name in sys.modules and sys.modules[name] is stand_in:
                del sys.modules[name]


def without(*names: str) -> AbstractContextManager[None]:
    """While the block runs, imports of these modules fail as if they were not installed."""
    return stand_ins(dict.fromkeys(names))
