"""Staleness: models that end at different ages, judged on one day; what a day without training costs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from infra.errors import DefinitionError
from training.contenders import Contender
from training.definition import Split, Task
from training.fitting import divided
from training.measuring import MeasureValue
from training.rows import Dataset
from training.studies.refits import Refits, mean_difference, mean_of, only, written

AGES = (0, 1, 3, 7)
FEWEST_DAYS = 2  # to learn from
TUNE = 0.15  # the share of the time learned from, its end, that is tuned on


@dataclass(frozen=True, slots=True)
class StalenessStudy:
    """Models of several ages on one day.

    judged   the day      span  days that each model learned from
    by_age   days between the end of what was learned and the day → the deciding measure, of each seed
    """

    contender: str
    decides_by: str
    judged: date
    span: int
    seed: int
    by_age: dict[int, list[MeasureValue]]

    def means(self) -> dict[int, MeasureValue]:
        """Age → the mean over seeds."""
        return {age: mean_of(measures, self.seed) for age, measures in self.by_age.items()}

    def rows(self) -> Iterator[list[str]]:
        """Age, last day learned from, the measure with its interval, and what it loses against the freshest."""
        fresh = self.by_age[min(self.by_age)]
        for age, mean in self.means().items():
            last = self.judged - timedelta(days=age + 1)
            measures = self.by_age[age]
            against = "–" if measures is fresh else written(mean_difference(measures, fresh, self.seed))
            yield [f"{age} d", last.isoformat(), f"{mean.value:.4f} [{mean.low:.4f}, {mean.high:.4f}]", against]


def model_staleness(dataset: Dataset, task: Task, contender: Contender, ages: Sequence[int] = AGES) -> StalenessStudy:
    """Fit a contender on equally many days that end so many days before the last day, and judge it on that day.

    Equally many, because a model of less history would be worse for another reason than its age. Features are those
    of the day: only the model is old. Raises DefinitionError for an age below 0, and where the set has too few days.
    """
    if not ages or min(ages) < 0:
        raise DefinitionError(
            f"staleness: ages {[*ages]} are not days of 0 or more; a model may not know the judged day."
        )
    times = dataset.times()
    first, end = times.min().astype("datetime64[D]"), times.max().astype("datetime64[D]")
    span = int((end - first) / np.timedelta64(1, "D")) - max(ages)
    if span < FEWEST_DAYS:
        needed = max(ages) + FEWEST_DAYS + 1
        raise DefinitionError(
            f"staleness: models of up to {max(ages)} days of age, judged on one day, need {needed} days of "
            f"labels; the training set has {span + max(ages) + 1}, {first} to {end}. Ingest more days, or ask for "
            "smaller ages (`--ages`)."
        )
    by_age = {}
    on_day = _judged_on(dataset, task, end)
    for age in sorted(ages):
        until = end - np.timedelta64(age, "D")
        begin = until - np.timedelta64(span, "D")
        mask = ((times >= begin) & (times < until)) | on_day
        tune_from = _moment(until) - timedelta(days=span * TUNE)
        split = Split(tune_from=tune_from, judge_from=_moment(until), keep_together=task.split.keep_together)
        refits = Refits.of(only(dataset, mask), replace(task, split=split))
        by_age[age] = refits.by_seed(contender)
    return StalenessStudy(contender.name, task.decides_by, end.astype(date), span, task.seed, by_age)


def _judged_on(dataset: Dataset, task: Task, day: np.datetime64) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """The rows of the day as a model that ends at its beginning is judged on them: of groups that begin on it."""
    start = _moment(day)
    split = replace(task.split, tune_from=start - timedelta(days=1), judge_from=start)
    mask = np.zeros(len(dataset.frame), dtype=bool)
    mask[divided(dataset, replace(task, split=split))["judge"]] = True
    return mask & (dataset.times() < day + np.timedelta64(1, "D"))


def _moment(day: np.datetime64) -> datetime:
    return datetime.combine(day.astype("datetime64[D]").astype(date), time.min, UTC)
