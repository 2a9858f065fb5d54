"""Whatever way deliveries come and days are cut into runs, the same tables, states and training rows come out."""

import shutil
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from infra import failpoint
from infra.lake import Lake
from infra.settings import Settings
from infra.spark import session
from tests.prove.harbour import (
    DAYS,
    FEATURES,
    arriving,
    cut,
    deliveries,
    difference,
    done,
    publish,
    states,
    straight,
    take,
    varied,
)
from tests.prove.section import Proof, Section

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WAYS = 20
WEEK = DAYS[:7]


def measure(folder: Path) -> Proof:
    """Many ways to deliver and to publish the same rows; and a backfill killed at each of its steps."""
    spark, began = session(Settings(home=folder / "spark")), time.monotonic()
    rows = arriving()
    expected = done(spark, folder / "straight", straight(rows))
    steps = [cut(rows, 9), cut(rows, 4, 10), cut(rows, *range(1, len(DAYS)))]
    steps += [varied(rows, seed) for seed in range(WAYS - len(steps))]
    differs = {
        seed: what
        for seed, way in enumerate(steps)
        if (what := difference(expected, done(spark, folder / f"way {seed}", way))) is not None
    }
    taken = sum(len([step for step in way if step.rows]) for way in steps)
    runs = sum(len([step for step in way if step.run]) for way in steps)
    lines = [
        f"- {len(rows)} rows of twelve days, delivered and published in {WAYS} ways (split, shuffled, delivered again, "
        f"days cut into runs in any order: {taken:,} deliveries, {runs} runs). {WAYS - len(differs)} gave the tables, "
        f"states and {len(expected.training.frame)} training rows of one run over everything.",
        *(f"  - way {seed}: {what}" for seed, what in differs.items()),
    ]
    places, unequal = killed_backfill(spark, folder / "killed")
    lines += [
        f"- Rows for the third of seven published days; the run that takes them up killed at each of {places} places "
        f"and done again, and once done twice. {places + 1 - len(unequal)} of {places + 1} ended with the states of "
        "one run over everything, to the last bit, and with the files of the first two days as they were, to the byte.",
        *(f"  - killed at {place}" for place in unequal),
        f"- {time.monotonic() - began:,.0f} s.",
    ]
    return Proof("\n".join(lines), not differs and not unequal)


def killed_backfill(spark: "SparkSession", folder: Path) -> tuple[int, list[str]]:
    """At how many places a backfill was killed, and at which of them doing it again did not end as one whole run."""
    rows = [row for row in arriving(1) if row.at.date() <= WEEK[-1]]
    late = [row for row in rows if row.received == WEEK[2]]
    lake, whole = Lake(folder / "lake"), Lake(folder / "whole")
    for delivery in deliveries([row for row in rows if row not in late]):
        take(lake, delivery)
    for day in WEEK:
        publish(spark, lake, day, day)
    for delivery in deliveries(rows):
        take(whole, delivery)
    publish(spark, whole, WEEK[0], WEEK[-1])
    for delivery in deliveries(late):
        take(lake, delivery)
    copies: dict[str, Path] = {}

    def watch(name: str) -> None:
        place = f"{name} ({len(copies) + 1})"
        copies[place] = shutil.copytree(lake.root, folder / place)

    before = _files(lake, WEEK[:2])
    failpoint.watching = watch
    try:
        publish(spark, lake, WEEK[2], WEEK[2])
    finally:
        failpoint.watching = None
    copies["no place"] = lake.root
    unequal = []
    for place, root in copies.items():
        killed = Lake(root)  # which is published again where nothing killed it, too
        publish(spark, killed, WEEK[2], WEEK[2])
        if not _exactly(killed, whole) or _files(killed, WEEK[:2]) != before:
            unequal.append(place)
        shutil.rmtree(root)
    return len(copies) - 1, unequal


def _exactly(lake: Lake, whole: Lake) -> bool:
    """Whether two lakes have the same states, to the last bit."""
    theirs = states(whole)
    return all(rows.equals(theirs[name]) for name, rows in states(lake).items())


def _files(lake: Lake, days: Sequence[date]) -> dict[str, bytes]:
    """What the files of these days' states hold."""
    paths = [path for view in FEATURES.counter_views for path in lake.files(f"states/{view.name}", days)]
    return {path.relative_to(lake.root).as_posix(): path.read_bytes() for path in paths}


ARRIVAL = Section("arrival", "Deliveries in any order, days in any runs, a past day again", measure)
