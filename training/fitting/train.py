"""Training: contenders learn from the same rows, are judged on the same later ones, and the simplest good one wins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from infra.arrays import AnyArray, Float32s
from infra.errors import DefinitionError
from infra.statistics import Weights, drawn_by_poisson
from training.contenders import Examples, Fitted, FittedColumn
from training.definition import SliceDefinition, Task
from training.fitting.best_column import best_column
from training.fitting.judged_input import as_judged
from training.fitting.row_order import in_own_order
from training.measuring import Evaluation, Exposures, Said, difference, evaluate, exposures
from training.objectives import DAY, MINUTE, Judged, Objective, role_numbers
from training.rows import AT, FITS, GAIN, JUDGED, PARTS, WEIGHT, Dataset, fit_weights, judge_weights, split_rows
from validation.definition import BEST_COLUMN


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a training run.

    rows         part → the places of its rows in the training set
    judged       the judge rows as they were measured
    scores       contender → (judge rows,) as they would be served: features that only the log knows are neutral
    predictions  contender → (judge rows,) with the values that were logged; only of contenders that predict
    winner       the simplest contender that is not clearly worse than the best
    why          why it is the winner, in words
    exposures    contender → who gets the places in its order, where the task says whose are measured
    points       contender → the score from which it acts, where the objective acts
    """

    target: str
    objective: Objective
    features: tuple[str, ...]
    fitted: Mapping[str, Fitted]
    evaluations: Mapping[str, Evaluation]
    rows: Mapping[str, AnyArray]
    judged: Judged
    scores: Mapping[str, Float32s]
    predictions: Mapping[str, Float32s]
    winner: str
    seed: int
    why: str
    exposures: Mapping[str, Exposures] = field(default_factory=dict)
    points: Mapping[str, float] = field(default_factory=dict)

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Contender → measures with the ends of their intervals, as plain numbers."""
        return {name: evaluation.summary() for name, evaluation in self.evaluations.items()}

    def merits(self, scores: Float32s) -> AnyArray:
        """(units,) what each judged unit is worth as these scores of the judge rows decide it, like the winner."""
        return self.objective.merits(self.judged, scores, self.points.get(self.winner))

    def facts(self) -> dict[str, Any]:
        """Numbers about the run: rows of each part, and who won."""
        return {**{f"rows_{part}": len(rows) for part, rows in self.rows.items()}, "winner": self.winner,
                "target": self.target}  # fmt: skip


def train_contenders(dataset: Dataset, task: Task, seed: int | None = None, target: str | None = None) -> Trained:
    """Fit and judge all contenders for a target, by default the main one."""
    target, seed, objective = target or task.target, task.seed if seed is None else seed, task.objective
    rows = divided(dataset, task, target)
    judged = judged_rows(dataset, task, target, rows)
    fit, tune = (examples(dataset, task, target, rows[part]) for part in ("fit", "tune"))
    fitted = _with_best_column(
        {contender.name: contender.fit(fit, tune, seed) for contender in task.contenders},
        best_column_of(dataset, task, target, rows["tune"]),
    )
    logged = dataset.matrix[rows["judge"]]
    served = as_judged(dataset, task, rows["judge"])
    scores = {name: model.scores(served) for name, model in fitted.items()}
    predictions = {name: model.scores(logged) for name, model in fitted.items() if model.probabilistic}
    points = operating_points(dataset, task, target, rows["tune"], fitted)
    weights = drawn_by_poisson(judged.clusters, task.draws, seed)
    evaluations = {
        name: evaluate(objective, judged, Said(scores[name], predictions.get(name), points.get(name)), weights)
        for name in fitted
    }
    shares = _exposures(judged, task, scores, weights)
    winner = simplest_good(evaluations, task.decides_by)
    return Trained(target, objective, dataset.features, fitted, evaluations, rows, judged, scores, predictions, winner,
                   seed, f"the simplest that is not clearly worse in {task.decides_by}", shares, points)  # fmt: skip


def operating_points(
    dataset: Dataset, task: Task, target: str, tune: AnyArray, fitted: Mapping[str, Fitted]
) -> dict[str, float]:
    """From which score each contender acts, chosen on the tuning rows as it scored them before it had learned them."""
    tuned_on = judged_part(dataset, task, target, tune)
    served, points = as_judged(dataset, task, tune), {}
    for name, model in fitted.items():
        point = task.objective.operating_point(
            tuned_on, model.scores(served) if model.on_tune is None else model.on_tune
        )
        if point is None:
            return {}
        points[name] = point
    return points


def _exposures(judged: Judged, task: Task, scores: Mapping[str, Float32s], weights: Weights) -> dict[str, Exposures]:
    if task.exposure is None:
        return {}
    shares = {name: exposures(judged, scores[name], weights, task.exposure.top) for name in scores}
    return {name: share for name, share in shares.items() if share}


def fit_contender(dataset: Dataset, task: Task, name: str, seed: int, target: str) -> Fitted:
    """One contender, fitted to the rows that `train_contenders` fits all of them to."""
    rows = divided(dataset, task, target)
    if name == BEST_COLUMN:
        return best_column_of(dataset, task, target, rows["tune"])
    fit, tune = (examples(dataset, task, target, rows[part]) for part in ("fit", "tune"))
    return task.contender(name).fit(fit, tune, seed)


def simplest_good(evaluations: Mapping[str, Evaluation], decides_by: str) -> str:
    """The first contender that is not clearly worse than the best: the paired interval of the difference reaches 0."""
    measured = {name: e.measures[decides_by] for name, e in evaluations.items() if decides_by in e.measures}
    finite = {name: m for name, m in measured.items() if np.isfinite(m.value)}
    if not finite:
        raise DefinitionError(f"no contender could be judged by {decides_by}: the judge rows hold nothing to rank")
    best = max(finite, key=lambda name: finite[name].value)
    for name, measure in finite.items():
        if name == best or not difference(finite[best], measure).low > 0:
            return name
    return best


def divided(dataset: Dataset, task: Task, target: str | None = None) -> dict[str, AnyArray]:
    """The places of the rows of each part: fit, tune and judge, by time. Only rows that may be judged are tuned on.

    Rows without a value of the target, by default the main one, take no part, nor do those without the base that models
    learn what it is off by.

    Each part is in the rows' own order, not in the set's: the same rows give the same model.
    """
    groups = _codes(dataset.frame[task.split.keep_together or task.unit])
    part = split_rows(dataset.times(), groups, task.split, task.window, dataset.known(task))
    order = in_own_order(dataset, task)
    takes_part = {"fit": FITS, "tune": JUDGED, "judge": JUDGED}
    known = dataset.frame[target or task.target].notna().to_numpy()
    if task.objective.base in dataset.features:
        known &= np.isfinite(dataset.column(task.objective.base))
    rows = {
        name: order[((part == PARTS[name]) & known & dataset.frame[where].to_numpy(dtype=bool))[order]]
        for name, where in takes_part.items()
    }
    for name, places in rows.items():
        if not len(places):
            raise DefinitionError(f"task {task.name}: no rows to {name}. Give more days, or cut time elsewhere.")
    return rows


def judged_rows(dataset: Dataset, task: Task, target: str, rows: Mapping[str, AnyArray]) -> Judged:
    """The judge rows as arrays, with their slices, and with how new what was shown is."""
    judge, before = rows["judge"], np.r_[rows["fit"], rows["tune"]]
    judged, columns = judged_part(dataset, task, target, judge), {}
    if task.item:
        columns["novelty"] = _novelty(dataset.frame[task.item].iloc[judge], dataset.frame[task.item].iloc[before])
    slices, exposed = (
        {s.name: sliced(dataset.column(s.of, labels_first=not s.edges)[judge], s) for s in by}
        for by in (task.slices, task.exposure.slices if task.exposure else ())
    )
    return replace(judged, columns={**judged.columns, **columns}, slices=slices, exposed=exposed)


def judged_part(dataset: Dataset, task: Task, target: str, rows: AnyArray) -> Judged:
    """Some rows as arrays. The gain of the main target is graded; of any other target it is the 0/1 label."""
    frame = dataset.frame.iloc[rows]
    unit, cluster = _codes(frame[task.unit]), _codes(frame[task.cluster])
    seconds = frame[AT].to_numpy(dtype="datetime64[s]").astype(np.int64)
    columns: dict[str, AnyArray] = {DAY: seconds // 86_400, MINUTE: seconds / 60.0}
    for role, name in task.objective.roles.items():
        if name != GAIN:
            columns[role] = role_numbers(task.objective, role, dataset.column(name, labels_first=True)[rows])
    named = {"item": task.item, "attribute": task.attribute, "maker": task.exposure.maker if task.exposure else ""}
    columns |= {role: _codes(frame[name]) for role, name in named.items() if name}
    if GAIN in frame:
        columns["gain"] = _gains(frame, task, target)
    values = _values(frame, task)
    if values is not None:
        columns["value"] = values
    truth = frame[target].to_numpy(dtype=np.float32)
    units, clusters = int(unit.max()) + 1, int(cluster.max()) + 1
    return Judged(units, clusters, unit, cluster, truth, columns, judge_weights(frame))


def sliced(values: AnyArray, by: SliceDefinition) -> AnyArray:
    """The name of the slice each row lies in."""
    if not by.edges:
        words = pd.Series(values)
        return words.astype("string").where(words.notna(), "unknown").to_numpy(dtype=object)
    numbers = values.astype(np.float64)
    names = np.array(by.names, dtype=object)[np.searchsorted(by.edges, numbers, side="right")]
    return np.where(np.isnan(numbers), "unknown", names)


def examples(dataset: Dataset, task: Task, target: str, rows: AnyArray) -> Examples:
    """Rows to learn a target from; raises DefinitionError where all of them are the same."""
    columns = dict.fromkeys((target, *({GAIN, WEIGHT} & set(dataset.frame)), task.unit, *task.values))
    frame = dataset.frame[[*columns]].iloc[rows]
    labels = frame[target].to_numpy(dtype=np.float32)
    _must_differ(labels, target, task.objective)
    gain, value = _gains(frame, task, target).astype(np.float32), _values(frame, task)
    weight = fit_weights(frame)
    matrix, group = dataset.matrix[rows], _codes(frame[task.unit])
    return Examples(matrix, labels, dataset.features, group, gain, value, weight, task.objective)


def _must_differ(labels: Float32s, target: str, objective: Objective) -> None:
    if objective.link == "identity" and labels.min() == labels.max():
        raise DefinitionError(
            f"target {target}: each of {len(labels):,} rows has {labels[0]:g}; there is nothing to learn. Bring rows "
            "that differ, or look at how the outcome is defined."
        )
    if objective.link == "logit" and not 0 < labels.sum() < len(labels):
        has_or_lacks = "has" if labels.sum() else "lacks"
        raise DefinitionError(
            f"target {target}: each of {len(labels):,} rows {has_or_lacks} it; there is nothing to learn. "
            "Bring rows of both kinds, or say in the mapping what counts as a success (docs/own-events.md)."
        )


def best_column_of(dataset: Dataset, task: Task, target: str, rows: AnyArray) -> FittedColumn:
    """The best single column on the tuning rows, as they would be served."""
    judged = judged_part(dataset, task, target, rows)
    return best_column(as_judged(dataset, task, rows), dataset.features, judged, task.objective)


def _with_best_column(fitted: Mapping[str, Fitted], best: FittedColumn) -> dict[str, Fitted]:
    """All contenders, simplest first: the named columns, the best column, the models."""
    columns = {name: model for name, model in fitted.items() if model.kind == best.kind}
    return {**columns, BEST_COLUMN: best, **{name: model for name, model in fitted.items() if name not in columns}}


def _gains(frame: pd.DataFrame, task: Task, target: str) -> AnyArray:
    """What each row is worth: of the main target graded, of any other the target itself."""
    return frame[GAIN if target == task.target and GAIN in frame else target].to_numpy(dtype=np.float64)


def _values(frame: pd.DataFrame, task: Task) -> Float32s | None:
    """The sum of the values of what happened to each row; None where no outcome has a value."""
    if not task.values:
        return None
    happened = frame[[*task.values]].to_numpy(dtype=np.float32)
    return np.asarray(happened @ np.array([*task.values.values()], dtype=np.float32))


def _novelty(items: "pd.Series[Any]", before: "pd.Series[Any]") -> AnyArray:
    showings = before.value_counts()
    share = (items.map(showings).fillna(0).to_numpy(dtype=np.float64) + 1) / (len(before) + len(showings) + 1)
    return np.asarray(-np.log2(share))


def _codes(column: "pd.Series[Any]") -> AnyArray:
    return np.asarray(pd.factorize(column)[0])


def importances(trained: Trained) -> Iterator[tuple[str, str, float]]:
    """Contender, feature and importance, the weightiest first."""
    for name, model in trained.fitted.items():
        for feature, value in sorted(model.importance().items(), key=lambda pair: -pair[1]):
            yield name, feature, value
