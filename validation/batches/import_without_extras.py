"""Importing Great Expectations as if it were installed without its extras: 1.3 CPU seconds instead of 3.4.

It imports Spark and SQLAlchemy, extras of its package, where they are installed, and they are for other parts of this
project. SciPy's statistics and Altair are used by a few expectations that no table of ours has. While it is imported,
the first two are hidden, and the others are stand-ins that load the module at first use, so that every expectation
works.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

ABSENT = ("pyspark", "sqlalchemy")
LATER = ("altair", "scipy.stats")


class Later(ModuleType):
    """A module that is imported when an attribute of it is first read."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def load() -> None:
    """Import the library; modules that this process has imported already are not hidden from it."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is first imported
    with _extras_hidden():
        import great_expectations  # noqa: F401


@contextmanager
def _extras_hidden() -> Iterator[None]:
    """Hide ABSENT and put stand-ins for LATER into `sys.modules`.

    None there means that a module cannot be found: https://docs.python.org/3/reference/import.html.
    """
    stand_ins: dict[str, Any] = dict.fromkeys(ABSENT) | {name: Later(name) for name in LATER}
    ours = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules |= ours
    try:
        yield
    finally:
        for name, stand_in in ours.items():
            if name in sys.modules and sys.modules[name] is stand_in:
                del sys.modules[name]
