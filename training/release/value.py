"""The off-policy value of rankers: what pages in random order would have been worth, had they been ordered by each."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from infra.arrays import AnyArray, Float32s
from infra.lake import Lake
from infra.statistics import Interval
from training.contenders import Fitted
from training.definition import Task
from training.fitting import Trained
from training.measuring import PolicyValue, drawn_by_lot, place_decisions, policy_value
from training.rows import GAIN, Dataset, logged_columns
from validation.contract import Table
from validation.verdict import markdown

VALUE_HEAD = ("ranker", "doubly robust", "SNIPS", "IPS", "effective rows")
TEXT = (
    "The mean gain of a place, had the {pages:,} judged pages whose order was drawn by lot been ordered by each "
    "ranker; as they were shown it was {shown:.4f}. No other page is used. When not to believe it: docs/offpolicy.md."
)


class RandomPages:
    """The judge rows of pages whose order was drawn by lot, ready to be ordered by any scores of the judge rows."""

    def __init__(
        self, dataset: Dataset, task: Task, judge: AnyArray, logged: pd.DataFrame, model: Fitted | None
    ) -> None:  # fmt: skip
        """A place and a propensity for each of the `judge` rows come from `logged`; the model predicts the target."""
        position, propensity = (
            logged[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (task.place, task.propensity)
        )
        frame = dataset.frame.iloc[judge]
        group = np.asarray(pd.factorize(frame[task.unit])[0])
        self._rows = np.flatnonzero(drawn_by_lot(group, propensity) & np.isfinite(position))
        drawn = frame.iloc[self._rows]
        self._page, self._position = np.unique(group[self._rows], return_inverse=True)[1], position[self._rows]
        self._user, self._gain = np.asarray(pd.factorize(drawn[task.cluster])[0]), drawn[GAIN].to_numpy(np.float64)
        self._matrix, self._features = dataset.matrix[judge[self._rows]], dataset.features
        self._model, self._task = model, task
        self._gain_of_target = _gain_of_target(dataset, task, judge)

    def value(self, scores: Float32s) -> PolicyValue:
        """The value of the order by these scores of all judge rows."""
        scored = self._page, self._position, scores[self._rows]
        return policy_value(place_decisions(*scored, self._gain, self._user, self._predicted), self._task.seed)

    def introduction(self) -> str:
        """What was valued, in two sentences."""
        return TEXT.format(pages=int(self._page.max(initial=-1)) + 1, shown=self._gain.mean())

    def _predicted(self, position: AnyArray) -> AnyArray:
        """The gain that the model expects of each row at these places; 0 without a model."""
        if self._model is None:
            return np.zeros(len(position))
        matrix = self._matrix.copy()
        if self._task.place in self._features:
            matrix[:, self._features.index(self._task.place)] = position
        return self._gain_of_target * self._model.scores(matrix).astype(np.float64)


def random_pages(
    lake: Lake, tables: Mapping[str, Table], dataset: Dataset, task: Task, judge: AnyArray, model: Fitted | None
) -> RandomPages | None:
    """The pages among the judge rows, with what was logged of them; None where the task names no such columns."""
    if not (task.place and task.propensity):
        return None
    columns = (task.place, task.propensity)
    logged = logged_columns(lake, tables[task.decisions], dataset.frame.iloc[judge], columns)
    return RandomPages(dataset, task, judge, logged, model if model and model.probabilistic else None)


def value_section(pages: RandomPages | None, trained: Trained) -> str:
    """The values of all contenders as Markdown; a sentence where there is too little to tell, nothing without a log."""
    if pages is None:
        return ""
    values = {name: pages.value(scores) for name, scores in trained.scores.items()}
    refused = [value.refused for value in values.values()]
    text = f"Not estimated: {refused[0]} (docs/offpolicy.md)." if all(refused) else (
        f"{pages.introduction()}\n\n{markdown(VALUE_HEAD, [value_line(name, value) for name, value in values.items()])}"
    )  # fmt: skip
    return f"\n## Value off-policy\n\n{text}\n"


def value_line(name: str, value: PolicyValue) -> tuple[str, ...]:
    """A ranker's line of the table under VALUE_HEAD."""
    estimates = value.doubly_robust, value.snips, value.ips
    return (name, *(_cell(estimate) for estimate in estimates), f"{value.effective:,.0f}")


def _cell(estimate: Interval) -> str:
    return "–" if np.isnan(estimate.mean) else f"{estimate.mean:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def _gain_of_target(dataset: Dataset, task: Task, judge: AnyArray) -> float:
    """The mean gain of a row on which the target happened, from all rows that are not judged."""
    before = np.delete(np.arange(len(dataset.frame)), judge)
    gain, target = (dataset.frame[name].to_numpy(np.float64)[before].sum() for name in (GAIN, task.target))
    return float(gain / max(target, 1.0))
