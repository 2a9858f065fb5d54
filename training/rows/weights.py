"""For how many decisions each row of the labels stands: in judging, and, with a limit, in fitting."""

import numpy as np
import pandas as pd

from infra.arrays import Float32s
from training.rows.labels import WEIGHT

HEAVIEST = 5.0
"""In fitting no row weighs more: few heavy rows by lot make a model follow their chance (docs/truth.md, selection)."""


def judge_weights(frame: pd.DataFrame) -> Float32s | None:
    """(rows,) 1 / the probability that the row has a label; None where the task weighs nothing."""
    return frame[WEIGHT].to_numpy(dtype=np.float32) if WEIGHT in frame else None


def fit_weights(frame: pd.DataFrame) -> Float32s | None:
    """(rows,) the same, at most `HEAVIEST`: with a little bias, and much less variance."""
    weights = judge_weights(frame)
    return None if weights is None else np.minimum(weights, np.float32(HEAVIEST))
