"""Leaks that are planted into a training set on purpose: each with the gate that is meant for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from infra.arrays import AnyArray, Float32s
from training.definition import Task
from training.fitting.train import divided
from training.rows import AT, Dataset, dataset_of
from validation.gates import Lineage

Plant = Callable[[Dataset, Task, np.random.Generator], Dataset]


@dataclass(frozen=True, slots=True)
class Planted:
    """One leak: its kind, what is done, the gate that is meant for it, and the function that plants it."""

    kind: str
    what: str
    gate: str
    plant: Plant


def with_columns(data: Dataset, columns: dict[str, AnyArray], source: str = "video") -> Dataset:
    """The set with more columns, or with others under names that it has, as known in time as any honest one."""
    matrix, names, lineage = data.matrix.copy(), list(data.features), list(data.lineage)
    for name, values in columns.items():
        column = np.asarray(values, dtype=np.float32)
        if name in names:
            matrix[:, names.index(name)] = column
        else:
            matrix, names = np.column_stack([matrix, column]), [*names, name]
            lineage.append(Lineage(name, source, -60.0))
    return dataset_of(data.frame, matrix.astype(np.float32), tuple(names), tuple(lineage), data.neutral)


def label(data: Dataset, task: Task) -> AnyArray:
    """(rows,) the target."""
    values: AnyArray = data.frame[task.target].to_numpy(dtype=np.float64)
    return values


def noisy(separation: float) -> Plant:
    """The label under so much noise that the column alone has AUC Φ(separation / √2)."""

    def plant(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
        return with_columns(data, {"planted": label(data, task) * separation + rng.normal(size=len(data.frame))})

    return plant


def overwritten(name: str, separation: float) -> Plant:
    """A feature that serving makes, to which training adds the label."""

    def plant(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
        own = data.column(name).astype(np.float64)
        return with_columns(data, {name: own + separation * np.nanstd(own) * label(data, task)})

    return plant


def difference(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
    """Two columns of noise whose difference is the label."""
    noise = rng.normal(0, 10, len(data.frame))
    return with_columns(data, {"before": noise, "after": noise + label(data, task)})


def product(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
    """Two columns of signs whose product is the label's."""
    sign = rng.choice([-1.0, 1.0], len(data.frame))
    return with_columns(data, {"left": sign, "right": sign * (2 * label(data, task) - 1)})


def some_rows(share: float) -> Plant:
    """The label in a share of the rows, nothing in the others."""

    def plant(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
        told = np.where(rng.random(len(data.frame)) < share, label(data, task), 0.5)
        return with_columns(data, {"planted": told})

    return plant


def encoded(keys: Sequence[str], strength: float, days: str = "all", name: str = "encoded") -> Plant:
    """The smoothed mean label of some keys, over all rows or over the judge rows alone."""

    def plant(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
        codes = data.frame.groupby(list(keys), dropna=False, sort=False).ngroup().to_numpy()
        own = label(data, task)
        weight = np.ones(len(own))
        if days == "judge":
            parts = divided(data, task)
            weight = np.zeros(len(own))
            weight[parts["judge"]] = 1.0
            fitted = _means(codes, own, 1 - weight, strength)
            return with_columns(data, {name: np.where(weight > 0, _means(codes, own, weight, strength), fitted)})
        return with_columns(data, {name: _means(codes, own, weight, strength)})

    return plant


def _means(codes: AnyArray, own: AnyArray, weight: AnyArray, strength: float) -> AnyArray:
    prior = float((own * weight).sum() / weight.sum())
    sums, counts = np.bincount(codes, own * weight), np.bincount(codes, weight)
    means: AnyArray = ((sums + prior * strength) / (counts + strength))[codes]
    return means


def leave_one_out(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
    """The mean label of the user's other rows, of all days."""
    codes, own = pd.factorize(data.frame[task.cluster])[0], label(data, task)
    sums, counts = np.bincount(codes, own), np.bincount(codes)
    return with_columns(data, {"others": (sums[codes] - own) / np.maximum(counts[codes] - 1, 1)})


def totals(name: str) -> Plant:
    """What an item got on all days, also after the row, in place of what it had got until then."""

    def plant(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
        codes = pd.factorize(data.frame[task.item])[0]
        return with_columns(data, {name: np.log1p(np.bincount(codes, label(data, task)))[codes]})

    return plant


def from_the_next_day(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
    """Each item's count as it stands at its last row of the day: a batch that stamps the day's beginning."""
    name = "video_long_view_rate_1d"
    keys = [data.frame[task.item], data.frame[AT].dt.date]
    last = pd.Series(data.column(name)).groupby([key.to_numpy() for key in keys]).transform("last")
    return with_columns(data, {name: last.to_numpy()})


def joint_nulls(kind: str) -> Plant:
    """Columns of noise, null each in half of the rows, and null together as the label says."""

    def plant(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
        own, rows = label(data, task) > 0, len(data.frame)
        first, second = rng.random(rows) < 0.5, rng.random(rows) < 0.5
        third = {
            "both": first ^ own,
            "three": first ^ second ^ own,
            "often": np.where(rng.random(rows) < 0.8, first ^ own, second),
        }[kind]
        masks = {"one": first, "other": third} | ({"second": second} if kind == "three" else {})
        return with_columns(
            data, {n: np.where(mask, np.nan, rng.normal(size=rows)) for n, mask in masks.items()}, "video_profile"
        )

    return plant


def copied(share: float, jitter: float = 0.0, new_ids: bool = True) -> Plant:
    """Judge rows among the rows to fit: on earlier days, under other ids, with a little noise."""

    def plant(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
        parts = divided(data, task)
        chosen = rng.permutation(parts["judge"])[: int(share * len(parts["judge"]))]
        times = np.sort(rng.choice(parts["fit"], len(chosen)))
        rows = data.frame.iloc[chosen].copy()
        rows[AT] = data.frame[AT].iloc[times].set_axis(rows.index)
        if new_ids:
            rows[task.unit] = [f"copy-{i}" for i in range(len(rows))]
            rows[task.cluster] = [f"nobody-{i % 97}" for i in range(len(rows))]
        else:
            for name in (task.unit, task.cluster):
                rows[name] = data.frame[name].to_numpy()[times]
        scale = np.nanstd(data.matrix, axis=0)
        noise = rng.normal(size=(len(chosen), data.matrix.shape[1])) * jitter * scale
        frame = pd.concat([data.frame, rows], ignore_index=True)
        matrix = np.concatenate([data.matrix, (data.matrix[chosen] + noise).astype(np.float32)])
        return ordered(data, frame, matrix)

    return plant


def ordered(data: Dataset, frame: pd.DataFrame, matrix: Float32s) -> Dataset:
    """These rows in order of time."""
    order = np.argsort(frame[AT].to_numpy(), kind="stable")
    return dataset_of(
        frame.iloc[order].reset_index(drop=True), matrix[order], data.features, data.lineage, data.neutral
    )


def time_to_the_next_page(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
    """How long after this row the user asked for the next page: who watches long, asks late."""
    times = data.frame[AT].astype("int64").to_numpy() / 1e6
    pages = pd.DataFrame({"user": data.frame[task.cluster], "page": data.frame[task.unit], "at": times})
    asked = pages.groupby("page", sort=False).agg(user=("user", "first"), at=("at", "first"))
    asked["wait"] = asked.sort_values("at").groupby("user")["at"].shift(-1) - asked["at"]
    return with_columns(data, {"wait": np.log1p(pages["page"].map(asked["wait"]).to_numpy(dtype=np.float64))})


def label_of_neighbours(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
    """How many others of the same page were watched long."""
    codes, own = pd.factorize(data.frame[task.unit])[0], label(data, task)
    return with_columns(data, {"others_on_page": np.bincount(codes, own)[codes] - own})


def position_that_knows(data: Dataset, task: Task, rng: np.random.Generator) -> Dataset:
    """The hour of the request, a little later where the label happened."""
    return with_columns(data, {"hour": data.column("hour") + 0.01 * label(data, task)})


PLANTS = (
    Planted("label and noise", "a column with AUC .85 of its own", "lift", noisy(1.466)),
    Planted("label and noise", "a column with AUC .70 of its own", "lift", noisy(0.742)),
    Planted(
        "label and noise",
        "added to the daily rate of a video, one standard deviation",
        "lift",
        overwritten("video_long_view_rate_1d", 1.0),
    ),
    Planted("label and noise", "added to the hour, 36 seconds", "served", position_that_knows),
    Planted("two columns", "their difference is the label", "lift", difference),
    Planted("two columns", "their product is the label", "served", product),
    Planted("some rows", "the label in 15 % of the rows", "lift", some_rows(0.15)),
    Planted("some rows", "the label in 60 % of the rows", "lift", some_rows(0.6)),
    Planted(
        "target encoding",
        "mean label of user × category, of all rows",
        "encoding",
        encoded(("user_id", "category"), 2.0),
    ),
    Planted(
        "target encoding", "mean label of a user, of the judge rows", "encoding", encoded(("user_id",), 5.0, "judge")
    ),
    Planted(
        "target encoding", "mean label of a video, of the judge rows", "encoding", encoded(("video_id",), 5.0, "judge")
    ),
    Planted(
        "target encoding",
        "mean label of a video, of the judge rows, in place of its rate",
        "encoding",
        encoded(("video_id",), 5.0, "judge", "video_long_view_rate_30d"),
    ),
    Planted("target encoding", "of a user's other rows (leave one out)", "encoding", leave_one_out),
    Planted("totals of all days", "long views of a video, ever", "encoding", totals("ever")),
    Planted("totals of all days", "in place of a video's count of the day", "encoding", totals("video_long_view_1d")),
    Planted("totals of all days", "a day's last value in place of each row's", "encoding", from_the_next_day),
    Planted("joint nulls", "of two columns", "nulls", joint_nulls("both")),
    Planted("joint nulls", "of three columns, no two of which tell anything", "nulls", joint_nulls("three")),
    Planted("joint nulls", "of two columns, in 80 % of the rows", "nulls", joint_nulls("often")),
    Planted("copied rows", "all judge rows among the fit rows, under other ids", "repeats", copied(1.0)),
    Planted("copied rows", "a tenth of them", "repeats", copied(0.1)),
    Planted("copied rows", "half of them, each value with noise of 5 % of its spread", "repeats", copied(0.5, 0.05)),
    Planted("the future", "seconds until the user's next page", "served", time_to_the_next_page),
    Planted("the future", "long views of the other videos on the page", "served", label_of_neighbours),
)
