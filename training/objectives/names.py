"""The measures that an objective has, by name: what caps and decisions may speak of."""

import numpy as np

from training.objectives.choose import Choose
from training.objectives.objective import DAY, MINUTE, Judged, Objective


def measure_names(objective: Objective) -> tuple[str, ...]:
    """Every measure of the objective, as it would be measured of two rows that have all columns."""
    two, half = np.arange(2), np.full(2, 0.5)
    columns = dict.fromkeys((*objective.roles, "value", "novelty", DAY, MINUTE), half)
    columns |= dict.fromkeys(("item", "attribute", "counted", "sequence", "action"), two)
    rows = Judged(2, 2, two, two, two.astype(np.float32), columns)
    said = np.zeros((2, len(objective.actions))) if isinstance(objective, Choose) else half
    measured = (
        objective.measures(rows, said, 0.5),
        objective.of_all(rows, said, 0.5),
        objective.of_predictions(rows, said),
    )
    return (objective.merit, *(name for measures in measured for name, _ in measures))
