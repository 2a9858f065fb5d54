"""Importing Great Expectations as if it were installed without its extras: 1.3 CPU seconds instead of 3.4.

It imports Spark and SQLAlchemy where it finds them: extras of its package, which are here for others. SciPy's
statistics and Altair serve a few expectations that no table of ours has. The first two are not there for it; of the
others it gets a name that loads them when something is asked of it, so that every expectation works.
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
    """A module that is imported when something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def load() -> None:
    """Import the library; what this process has imported already, it may use."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is first imported
    with _lean():
        import great_expectations  # noqa: F401


@contextmanager
def _lean() -> Iterator[None]:
    """None in `sys.modules` means that there is no such module: https://docs.python.org/3/reference/import.html."""
    stand_ins: dict[str, Any] = dict.fromkeys(ABSENT) | {name: Later(name) for name in LATER}
    ours = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules |= ours
    try:
        yield
    finally:
        for name, stand_in in ours.items():
            if name in sys.modules and sys.modules[name] is stand_in:
                del sys.modules[name]
