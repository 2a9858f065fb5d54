"""XGBoost without the packages that it imports where it finds them and that scoring does not use."""

import sys
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

from infra.arrays import Float32s
from infra.stand_ins import stand_ins, without

NOT_FOR_SCORING = ("sklearn", "pandas", "pyarrow", "dask", "cudf", "cupy", "matplotlib")  # 140 MiB and 2 s


def xgboost() -> Any:
    """The xgboost module."""
    with without(*NOT_FOR_SCORING), _without_scipy():
        import xgboost as module
    return module


def matrix(rows: Float32s) -> Any:
    """Rows (rows, features) as an xgboost matrix."""
    with without("scipy"):  # it would be looked for, to see whether rows are of its kind
        return xgboost().DMatrix(rows, nthread=1)


def _without_scipy() -> AbstractContextManager[None]:
    """Give xgboost, which insists on scipy for its sparse rows, one name of it: 26 MiB and 0.2 to 0.4 s less."""
    if "scipy" in sys.modules:
        return nullcontext()
    scipy, sparse = ModuleType("scipy"), ModuleType("scipy.sparse")
    scipy.sparse, sparse.csr_matrix = sparse, type("csr_matrix", (), {})  # type: ignore[attr-defined]
    return stand_ins({"scipy": scipy, "scipy.sparse": sparse})
