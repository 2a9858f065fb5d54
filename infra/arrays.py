"""Names for arrays by the type of their numbers, the same in every stage."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]
AnyArray = NDArray[Any]
