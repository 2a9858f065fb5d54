"""Libraries without the packages that they would draw in and that scoring has no use for."""

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from infra.arrays import Float32s

# xgboost imports these when it finds them: 140 MiB and 2 s.
NOT_FOR_SCORING = ("sklearn", "pandas", "pyarrow", "dask", "cudf", "cupy", "matplotlib")


def xgboost() -> Any:
    """The xgboost module."""
    with hidden(NOT_FOR_SCORING), _without_scipy():
        import xgboost as found
    return found


def matrix(rows: Float32s) -> Any:
    """Rows (rows, features) as an xgboost matrix."""
    with hidden(("scipy",)):  # it would be looked for, to see whether rows are of its kind
        return xgboost().DMatrix(rows, nthread=1)


@contextlib.contextmanager
def _without_scipy() -> Iterator[None]:
    """Give xgboost, which insists on scipy for its sparse rows, one name of it: 26 MiB and 0.2 to 0.4 s less."""
    if "scipy" in sys.modules:
        yield
        return
    scipy, sparse = ModuleType("scipy"), ModuleType("scipy.sparse")
    scipy.sparse, sparse.csr_matrix = sparse, type("csr_matrix", (), {})  # type: ignore[attr-defined]
    sys.modules |= {"scipy": scipy, "scipy.sparse": sparse}
    try:
        yield
    finally:
        del sys.modules["scipy"], sys.modules["scipy.sparse"]


@contextlib.contextmanager
def hidden(names: tuple[str, ...]) -> Iterator[None]:
    """While the block runs, an import of these fails, unless they are loaded already."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None makes an import fail, as if it were not installed
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
