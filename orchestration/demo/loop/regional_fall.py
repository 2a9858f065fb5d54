"""Whether clicks fall in one region: its change, less the change of all other regions at the same time."""

import numpy as np
import pandas as pd

from infra.arrays import Float64s
from infra.statistics import Interval, Weights, drawn_by_poisson, percentiles, weighted_ratio

DRAWS = 1_000


def regional_fall(pages: pd.DataFrame, region: int) -> Interval:
    """Change of clicks for each video shown there, less that elsewhere, with its 95 % interval; users are drawn.

    pages  with the columns `user`, `region`, `after`, `clicks` and `shown`
    """
    users, owner = np.unique(pages["user"].to_numpy(), return_inverse=True)
    weights = drawn_by_poisson(len(users), DRAWS, seed=0)
    all_users = np.ones((1, len(users)), dtype=np.float32)
    here, after = (pages["region"] == region).to_numpy(), pages["after"].to_numpy(dtype=bool)

    def change(drawn: Weights) -> Float64s:
        rates = []
        for part in (here & after, here & ~after, ~here & after, ~here & ~after):
            above, below = (
                np.bincount(owner[part], weights=pages[name].to_numpy()[part], minlength=len(users))
                for name in ("clicks", "shown")
            )
            rates.append(weighted_ratio(drawn, above, below))
        fall: Float64s = (rates[0] - rates[1]) - (rates[2] - rates[3])
        return fall

    low, high = percentiles(change(weights), 0.025, 0.975)
    return Interval(float(change(all_users)[0]), low, high, len(users))
