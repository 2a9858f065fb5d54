"""The evidence about leaks that no single column shows, put together for one candidate release."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from feature_repo.definition import FeatureSet
from infra.arrays import AnyArray, Float32s
from training.definition import Task
from training.fitting import Trained, as_served, judged_part
from training.judging.column_lifts import ROWS, JudgeSample, column_worths, rows_before
from training.judging.key_noise import key_noise
from training.judging.near_twins import near_twins
from training.judging.replayed import Replay
from training.judging.served import served_samples, some_groups
from training.rows import Dataset
from validation.definition import GateLimits
from validation.gates import ColumnWorth, GateEvidence
from validation.verdict import Verdict

TOGETHER = " × "  # between the keys of a pair


def against_leaks(
    evidence: GateEvidence,
    trained: Trained,
    dataset: Dataset,
    task: Task,
    features: FeatureSet,
    limits: GateLimits,
    live_verdict: Verdict | None,
    replay: Replay | None,
) -> GateEvidence:
    """The evidence with what the gates against leaks look at; without a replay nobody knows what is served."""
    judge = trained.rows["judge"]
    keys = _keys(dataset, task, features)
    served, logged = served_samples(trained, dataset, task, replay) if replay else (None, None)
    group = codes_of(dataset.frame, [task.unit])
    return replace(
        evidence,
        served=served,
        logged=logged,
        worths=_worths(trained, dataset, task, features, keys, limits.champion_margin),
        live_measured=_measured(live_verdict),
        repeats=near_twins(as_served(dataset.matrix, dataset, task), group, dict(trained.rows), trained.seed),
        encodings=tuple(
            key_noise(
                as_served(dataset.matrix[judge], dataset, task),
                dataset.features,
                happened_anywhere(trained, dataset, task),
                judge,
                _chances(trained),
                keys,
            )
        ),
    )


def codes_of(frame: pd.DataFrame, columns: Sequence[str]) -> AnyArray:
    """(rows,) a number for each different combination of values of these columns."""
    return frame.groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()


def _keys(dataset: Dataset, task: Task, features: FeatureSet) -> Mapping[str, AnyArray]:
    """What labels can have been counted by: whom and what was shown, and all that features count by."""
    frame = dataset.frame
    counted = [view.keys for view in features.counter_views if set(view.keys) <= set(frame.columns)]
    names = dict.fromkeys(
        [*((role,) for role in (task.unit, task.cluster, task.item, task.attribute) if role), *counted]
    )
    return {TOGETHER.join(keys): codes_of(frame, keys) for keys in names}


def _chances(trained: Trained) -> Float32s | None:
    """Probabilities of the winner, else of the best that gives any: the last stands for the most able."""
    if trained.objective.link != "logit":
        return None
    own = trained.predictions.get(trained.winner)
    return own if own is not None else next(reversed(list(trained.predictions.values())), None)


def happened_anywhere(trained: Trained, dataset: Dataset, task: Task) -> AnyArray:
    """(all rows,) whether the target happened; of a number, whether it is above what was expected."""
    return task.objective.happened(judged_part(dataset, task, trained.target, np.arange(len(dataset.frame))))


def _worths(
    trained: Trained,
    dataset: Dataset,
    task: Task,
    features: FeatureSet,
    keys: Mapping[str, AnyArray],
    least: float,
) -> list[ColumnWorth]:
    """What columns are worth, one by one and by where they come from, with the rows before by what they are about."""
    judge = trained.rows["judge"]
    some = some_groups(judge, trained.judged.unit, ROWS, trained.seed)
    matrix = as_served(dataset.matrix, dataset, task)
    sample = JudgeSample(
        matrix, judge[some], dataset.features, trained.judged.only(some), task.objective,
        trained.points.get(trained.winner), trained.seed,
    )  # fmt: skip
    times = dataset.times()
    before = {name: rows_before(codes, times, sample.rows) for name, codes in keys.items()}
    sets = column_sets(dataset, features)
    by_set = {name: {key: before[key] for key in about(columns, features, keys)} for name, columns in sets.items()}
    return column_worths(trained.fitted[trained.winner], sample, sets, by_set, least)


def column_sets(dataset: Dataset, features: FeatureSet) -> dict[str, list[str]]:
    """Each column by itself, and all that come from one source together, without those made from the request, too."""
    asked = {feature.name for feature in features.features if feature.given() and feature.reads()}
    sources: dict[str, list[str]] = {}
    for line in dataset.lineage:
        if line.feature not in asked:
            sources.setdefault(line.source, []).append(line.feature)
    groups = {f"all of {source}": columns for source, columns in sources.items() if len(columns) > 1}
    return {name: [name] for name in dataset.features} | groups


def about(columns: Sequence[str], features: FeatureSet, keys: Mapping[str, AnyArray]) -> list[str]:
    """The keys by which columns last: those of the views that they read; any, of columns that nobody defined.

    None for what only the request knows, for what is held against something it says, such as an amount against the
    usual one, and for what no key is of: that is new at each row, as the request is.
    """
    views = {view.name: view.keys for view in features.counter_views}
    views |= {view.name: view.keys for view in features.profile_views}
    defined = {feature.name: feature for feature in features.features}
    read = dict.fromkeys(
        key for name in columns if name in defined for of in defined[name].reads() for key in views[of.split(".")[0]]
    )
    if not set(columns) <= set(defined):
        return list(keys)
    if any(defined[name].given() for name in columns):
        return []
    return [name for name in keys if read and set(name.split(TOGETHER)) == set(read)]


def _measured(verdict: Verdict | None) -> dict[str, float]:
    """What each gate measured when a release was judged."""
    findings = verdict.findings if verdict else ()
    return {finding.gate: finding.measured for finding in findings if finding.measured is not None}
