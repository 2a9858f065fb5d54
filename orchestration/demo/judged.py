"""The judge rows of the newest training set with the scores of the winner: what a source compares with its truth."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.arrays import AnyArray
from infra.release_format import read_operating_point
from orchestration.system import Installation

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class JudgedCases:
    """Cases that a release was judged on, aligned.

    frame     the labels' columns      predicted  (rows,) what the model says
    act_from  the score from which a case is acted on; None where it has no operating point, or never acts
    """

    frame: "pd.DataFrame"
    predicted: AnyArray
    act_from: float | None

    @property
    def acted(self) -> AnyArray:
        """(rows,) which cases are acted on."""
        return self.predicted >= (float("inf") if self.act_from is None else self.act_from)


def judged_cases(installation: Installation) -> JudgedCases:
    """The judge rows of the newest training set, scored again by the newest candidate, whatever became of it."""
    from training.fitting import as_judged, divided, load_contender
    from training.release import candidate_folder

    task, dataset = installation.system.task, installation.training_set()
    rows = divided(dataset, task)["judge"]
    folder = candidate_folder(installation.settings, installation.system.name)
    predicted = load_contender(folder).scores(as_judged(dataset, task, rows))
    try:
        point = read_operating_point(folder).act_from
    except FileNotFoundError:
        point = None
    return JudgedCases(dataset.frame.iloc[rows].reset_index(drop=True), predicted, point)
