"""Section `freshness`: states come online once a day, without a stream; training learns that, and is judged by it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from infra.arrays import AnyArray, Float32s
from infra.freshness import AS_PUBLISHED, Freshness
from infra.lake import days_from
from infra.statistics import Interval, interval
from monitoring import freshness as monitored
from orchestration.freshness import freshness_to_train_with, publications, served_moments
from orchestration.observed import MOMENT, brought_online
from orchestration.release_inputs import verdict_on
from orchestration.sources.simulator import Scale
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from serving.feedback import RELEASE, RUNG
from serving.page import FULL
from tests.prove.leak_world import platform
from tests.prove.section import Proof, Section
from training.fitting import Trained, as_judged, train_contenders
from training.judging import worth_of_fresher
from training.rows import AT, Dataset, build_dataset, known_online
from validation.verdict import markdown

WORLD = Scale(users=1_200, videos=5_000, days=8, impressions=120_000, creators=200, categories=12, regions=4, seed=1)
DONE = timedelta(hours=1, minutes=37)  # after midnight the day's work has brought everything online
SERVED = 2  # of the newest days a release ranked the rows
GATES = ("served", "perturbation", "leakage")
EQUAL = 0.999  # of the rows that the rhythm gives the very states that were online
MODEL = "xgboost"


@dataclass(frozen=True, slots=True)
class Judged:
    """Groups' NDCG of both models: what each run says of its own, and what is true of the states really served."""

    said: tuple[AnyArray, AnyArray]
    true: tuple[AnyArray, AnyArray]
    users: AnyArray

    def figure(self, values: AnyArray) -> Interval:
        """The mean over groups, with its interval by users."""
        return interval(values, 0, self.users)


def measure(folder: Path, scale: Scale = WORLD) -> Proof:
    """A simulated platform whose states come online once a night; what is learned, said and true of it."""
    at, fresh = platform(folder / "home", scale, HOME_FEED)
    first, last = scale.start.date(), (scale.end - timedelta(days=1)).date()
    works_daily(at, days_from(first, last))
    served_by_a_release(at, days_from(last - timedelta(days=SERVED - 1), last))
    online = freshness_to_train_with(at)
    learned = build_dataset(fresh.frame, at.store, at.system.features, at.system.task, online)
    models = [replace(train_contenders(rows, at.system.task), winner=MODEL) for rows in (fresh, learned)]
    truth, same = as_really_served(at, learned, models[1].rows["judge"])
    judged = judge(at, (fresh, learned), models, truth)
    reports = {name: watched(at, last, trained) for name, trained in (("fresh", AS_PUBLISHED), ("as served", online))}
    findings = [f for f in verdict_on(at, learned, at.now()).findings if f.gate in GATES]
    overstated, kept, gained = differences(judged)
    passed = {
        "the rhythm is measured": (online.every_s, online.after_s) == (86_400, DONE.total_seconds()),
        "rows are joined with the states that were online": same >= EQUAL,
        "a model judged on fresher states promises too much": overstated.low > 0,
        "a model judged as served keeps its promise": kept.low <= 0 <= kept.high,
        "training as served is not worse": gained.high > 0,
        "the monitor tells both apart": [r.finding for r in reports.values()] == ["stale", "as trained"],
        "the gates that ask what training knew pass": all(f.passed for f in findings),
    }
    worth = worth_of_fresher(models[1], learned, at.system.task, fresh.matrix[models[1].rows["judge"]])
    gain = f"By the report of a run, fresher states would be worth {worth.gain} to the model trained as served."
    parts = [head(scale, online, reports["fresh"], same, passed), figures(judged, online), gain, reasons(reports)]
    said = markdown(("gate", "passed", "why"), [(f.gate, "yes" if f.passed else "**no**", f.reason) for f in findings])
    asked = f"The gates that ask what training knew, on rows joined as they are served:\n\n{said}"
    return Proof("\n\n".join([*parts, asked]), all(passed.values()))


def works_daily(at: Installation, days: Sequence[date]) -> None:
    """Note what the day's work notes: in the night after each day, everything up to its end came online."""
    for day in days:
        until = datetime.combine(day + timedelta(days=1), time.min, at.now().tzinfo)
        note = {"until": [until - timedelta(microseconds=1)], "done_at": [until + DONE - timedelta(microseconds=1)]}
        at.lake.append("online", day, pa.table({name: pa.array(value, MOMENT) for name, value in note.items()}))


def served_by_a_release(at: Installation, days: Sequence[date]) -> None:
    """Say of the rows of some days that a release ranked them."""
    table = at.tables[at.system.task.decisions]
    for day in days:
        rows = at.lake.read(f"tables/{table.name}", [day], schema=table.schema)
        for name, value in ((RELEASE, "1"), (RUNG, FULL)):
            place = rows.column_names.index(name)
            rows = rows.set_column(place, rows.schema.field(name), pa.array([value] * len(rows), rows[name].type))
        at.lake.replace(f"tables/{table.name}", day, rows)


def as_really_served(at: Installation, rows: Dataset, judge: AnyArray) -> tuple[Float32s, float]:
    """The judge rows with the states that were online by the notes, and in what share of them the set has the same."""
    frame = rows.frame.iloc[judge]
    until = pd.merge_asof(frame[[AT]], brought_online(at), left_on=AT, right_on="done_at")["until"]
    served = known_online(frame, until, at.store, at.system.features)
    same = np.isclose(served, rows.matrix[judge], equal_nan=True).all(axis=1)
    return served, float(same.mean())


def judge(at: Installation, sets: Sequence[Dataset], models: Sequence[Trained], truth: Float32s) -> Judged:
    """Both models on the rows of their own sets, and on what was really served."""
    task, judged, rows = at.system.task, models[0].judged, models[0].rows["judge"]

    def of(model: Trained, data: Dataset, matrix: Float32s) -> AnyArray:
        part = replace(data, frame=data.frame.iloc[rows], matrix=matrix)
        scores = model.fitted[MODEL].scores(np.ascontiguousarray(as_judged(part, task, np.arange(len(rows)))))
        return task.objective.merits(judged, scores, None)

    said = [of(model, data, data.matrix[rows]) for model, data in zip(models, sets, strict=True)]
    true = [of(model, data, truth) for model, data in zip(models, sets, strict=True)]
    return Judged((said[0], said[1]), (true[0], true[1]), judged.owner)


def differences(judged: Judged) -> tuple[Interval, Interval, Interval]:
    """What each model promises too much, trained fresh and as served; and what training as served gains."""
    pairs = (judged.said[0], judged.true[0]), (judged.said[1], judged.true[1]), (judged.true[1], judged.true[0])
    fresh, served, gained = (judged.figure(one - other) for one, other in pairs)
    return fresh, served, gained


def watched(at: Installation, day: date, trained: Freshness) -> monitored.FreshnessReport:
    """What the monitor says of a day, for a release that was trained so."""
    served = served_moments(at, day, day)
    published = publications(at, day - timedelta(days=1), day)
    return monitored.measure(served.at, served.until, published, trained)


def head(
    scale: Scale, online: Freshness, report: monitored.FreshnessReport, same: float, passed: dict[str, bool]
) -> str:
    """What was simulated and measured, and which claim failed, if any."""
    failed = [claim for claim, held in passed.items() if not held]
    text = (
        f"A simulated platform of {scale.days} days and {scale.impressions:,} rows, without a stream: in the night "
        f"after each day, {DONE} after midnight, its states come online. Training measured: {online}. Joined so, "
        f"{same:.2%} of the judge rows are what the notes of the nightly work say was really served."
    )
    lines = [
        (view.name, f"{view.waited:.1%}", *(timedelta(seconds=round(s)) for s in (view.median, view.p90)))
        for view in report.views
    ]
    table = markdown(("view", "rows in which a publication waited", "median wait", "90 of 100 below"), lines)
    return "\n\n".join([*(f"Did not hold: {claim}." for claim in failed), text, table])


def figures(judged: Judged, online: Freshness) -> str:
    """Both models, as each run says and as it is when they serve."""
    rows = []
    for place, name in enumerate(("fresh: each state as soon as it is published", f"as served: {online.basis}")):
        said, true = judged.said[place], judged.true[place]
        numbers = [judged.figure(values) for values in (said, true)]
        rows.append((name, *(f"{i.mean:.4f} [{i.low:.4f}, {i.high:.4f}]" for i in numbers), judged.figure(said - true)))
    gained = judged.figure(judged.true[1] - judged.true[0])
    head = (f"{MODEL} trained and judged on states", "NDCG its run says", "NDCG as served", "promised too much")
    return markdown(head, rows) + f"\n\nServed so, training as served is worth {gained} to training fresh."


def reasons(reports: dict[str, monitored.FreshnessReport]) -> str:
    """What the monitor says of the last day."""
    rows = [(name, report.finding, report.reason()) for name, report in reports.items()]
    return markdown(("live release trained", "the monitor says", "why"), rows)


FRESHNESS = Section("freshness", "A model is trained and judged on states as fresh as it is served", measure)
