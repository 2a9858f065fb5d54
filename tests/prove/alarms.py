"""Alarms do not cry wolf: months of days in which nothing changes, 50 features, and what fires all the same.

Every day goes through the functions that the daily report goes through, with their limits as they are. What is not
drawn from chance (tables that fall silent, refused batches, the age of a model) cannot fire by chance.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from infra.arrays import AnyArray
from monitoring import business, calibration, outcomes, slice_merit, slices
from monitoring.alarms import confirmed_drops, far_below, quieter
from monitoring.definition import Watch
from monitoring.outcomes import SIDE
from monitoring.reference import Reference
from monitoring.slices import ALL, SCORE, SlicedDrift, parts_of
from tests.prove.section import Proof, Section
from training.objectives import Rank
from validation.verdict import markdown

FEATURES = tuple(f"feature_{n}" for n in range(50))
WATCH = Watch(critical=FEATURES)
RANK = Rank()
DAYS, PAGE, RELEASE = 30, 10, "7"
MEASURES = {"views": True, "seconds": True, "rejected": False, "return": True, "diversity": True}
MOST = 1.0
"""False alarms a month, all kinds of them together."""


@dataclass(frozen=True, slots=True)
class Platform:
    """How many pages a day, of how many users; each user has habits, a region, a device and a rate of pages."""

    pages: int
    users: int
    regions: int = 5
    devices: int = 3

    def day(self, rng: np.random.Generator) -> "Day":
        """One day in which nothing is otherwise: other users, other pages, from the same laws."""
        activity = rng.lognormal(0.0, 1.0, self.users)
        user = rng.choice(self.users, self.pages, p=activity / activity.sum()).repeat(PAGE)
        alike = np.linspace(0.0, 0.97, len(FEATURES))
        habits, noise = rng.normal(size=(self.users, len(FEATURES))), rng.normal(size=(len(user), len(FEATURES)))
        matrix = (np.sqrt(alike) * habits[user] + np.sqrt(1 - alike) * noise).astype(np.float32)
        matrix[rng.random(matrix.shape) < np.linspace(0.0, 0.3, len(FEATURES))] = np.nan
        taste, score = habits[:, -1], 1 / (1 + np.exp(1.5 - np.nan_to_num(matrix[:, :4]).sum(axis=1) / 2))
        happened = rng.random(len(user)) < score
        region = rng.choice(self.regions, self.users, p=_falling(self.regions))
        device = rng.choice(self.devices, self.users, p=_falling(self.devices))
        words = {
            "region": np.array([f"r{n}" for n in range(self.regions)])[region[user]],
            "device": np.array([f"d{n}" for n in range(self.devices)])[device[user]],
            "activity": np.array(["light", "heavy"])[(activity > np.median(activity)).astype(int)[user]],
        }
        frame = pd.DataFrame({
            "label": happened.astype(float), "score": score, "unit": np.arange(len(user)) // PAGE, "cluster": user,
            "release": RELEASE, "served_by": "full",
        })  # fmt: skip
        return Day(matrix, frame, words, user, float(taste[np.unique(user)].mean()))


def _falling(count: int) -> AnyArray:
    shares = 1.0 / np.arange(1, count + 1)
    return np.asarray(shares / shares.sum())


@dataclass(frozen=True, slots=True)
class Day:
    """The served rows of a day, and what became of them."""

    matrix: AnyArray
    frame: pd.DataFrame
    words: dict[str, AnyArray]
    user: AnyArray
    taste: float

    def product(self, rng: np.random.Generator) -> dict[str, float]:
        """What the day was worth for the product; days differ by more than chance in their rows, as real ones do."""
        mood = 1 + 0.03 * rng.normal(size=len(MEASURES))
        views = float(self.frame["label"].mean())
        return dict(zip(MEASURES, np.array([views, 40 * views, 0.01, 0.5, 0.7]) * mood, strict=True))


@dataclass(slots=True)
class Judged:
    """What a release was judged on: its reference, and the merit that it promised."""

    reference: Reference
    promised: dict[str, float]
    product: list[dict[str, float]] = field(default_factory=list)
    series: list[tuple[bool | None, Sequence[str]]] = field(default_factory=list)
    dropped: list[Sequence[str]] = field(default_factory=list)

    @classmethod
    def on(cls, day: Day) -> "Judged":
        """The release as it stands after it was judged on such a day."""
        scores, parts = day.frame["score"].to_numpy(), parts_of(day.words)
        whole = _merit(day.frame)
        merits = {name: _merit(day.frame.iloc[rows]) for name, rows in parts.items()}
        reference = Reference.of(day.matrix, FEATURES, scores, users=day.user).with_slices(
            day.matrix, scores, parts, day.user, merits=merits
        )
        merit, error = whole
        low, high = merit - SIDE * error, merit + SIDE * error
        return cls(reference, {RANK.merit: merit, f"{RANK.merit}_low": low, f"{RANK.merit}_high": high})

    def alarms(self, day: Day, rng: np.random.Generator, watch: Watch) -> Counter[str]:
        """What fires on a day."""
        scores = day.frame["score"].to_numpy()
        drift = slices.measure(self.reference, day.matrix, scores, day.words, watch, day.user)
        merits = slice_merit.measure(day.frame, day.words, RELEASE, self.reference, watch, RANK)
        predictions = calibration.measure(day.frame, day.words, watch, RANK)
        part = outcomes.measure(day.frame, {RELEASE: self.promised}, watch, RANK).of(RELEASE)
        product = day.product(rng)
        compared = business.findings(product, self.product[-28:], MEASURES, watch)
        worse = [each.measure for each in compared if each.worse]
        fell = part is not None and part.finding == "merit drop"
        self.dropped.append([RELEASE] if part is not None and far_below(part, watch) else [])
        self.series.append((not fell, worse))
        self.product.append(product)
        fires = {
            **_of_drift(drift),
            "slice": any(p.finding == "merit drop" for p in merits.values()),
            "calibration": any(each.off for each in predictions),
            "merit": bool(confirmed_drops(self.dropped, watch)),
            "business": bool(worse),
            "goodhart": bool(business.goodhart(self.series, watch)),
        }
        return Counter(name for name, fired in fires.items() if fired)


def _merit(frame: pd.DataFrame) -> tuple[float, float]:
    part = outcomes.measure(frame, {}, replace(WATCH, min_outcome_rows=1), RANK).of(RELEASE)
    assert part is not None
    return part.merit, part.error


def _of_drift(drift: SlicedDrift) -> dict[str, bool]:
    return {
        "nulls": any(cell.nulls for cell in drift.cells),
        "drift": any(cell.moved and not cell.nulls and cell.column != SCORE for cell in drift.cells),
        "scores": any(cell.moved and cell.column == SCORE for cell in drift.cells),
    }


def false_alarms(months: int, platform: Platform, seed: int, days: int = DAYS) -> Counter[str]:
    """Alarm → how often it fired in so many months, in each of which a release is judged once and nothing changes."""
    counted: Counter[str] = Counter()
    for month in range(months):
        rng = np.random.default_rng([seed, month])
        judged = Judged.on(platform.day(rng))
        judged.product = [platform.day(rng).product(rng) for _ in range(10)]
        for _ in range(days):
            counted += judged.alarms(platform.day(rng), rng, quieter(WATCH))
    return counted


def noticed(days: int, platform: Platform, seed: int) -> dict[str, float]:
    """What was planted → the share of days on which it is named: a feature null in one region, and one that moved."""
    rng, named = np.random.default_rng(seed), Counter[str]()
    judged = Judged.on(platform.day(rng))
    for _ in range(days):
        day = platform.day(rng)
        null, moved = day.matrix.copy(), day.matrix.copy()
        null[day.words["region"] == "r1", 10] = np.nan
        moved[:, 20] += 1.5
        for name, matrix, column, where in (("null", null, 10, "region=r1"), ("moved", moved, 20, ALL)):
            drift = slices.measure(judged.reference, matrix, None, day.words, quieter(WATCH), day.user)
            named[name] += any((c.column, c.where) == (FEATURES[column], where) for c in drift.moved)
    return {name: named[name] / days for name in ("null", "moved")}


def measure(folder: Path) -> Proof:
    """The section's table."""
    lines, passed = [], True
    for platform, months in ((Platform(200, 250), 8), (Platform(500, 700), 5), (Platform(1_500, 2_000), 2)):
        counted, seen = false_alarms(months, platform, 5), noticed(10, platform, 6)
        a_month = counted.total() / months
        passed &= a_month <= MOST and seen["null"] == 1.0
        which = ", ".join(f"{name} {count}" for name, count in counted.most_common()) or "none"
        lines.append([f"{platform.pages:,}", f"{platform.users:,}", months, f"{a_month:.2f}", which,
                      f"{seen['null']:.0%}", f"{seen['moved']:.0%}"])  # fmt: skip
    head = ("pages a day", "users", "months", "false alarms a month", "which, in all", "null in one region: named",
            "a shift of 1.5 σ: named")  # fmt: skip
    text = (
        f"**{len(FEATURES)} features, ten slices, no change: at most {MOST:g} false alarm a month**, all kinds "
        "together. Each month a release is judged on one day and watched on thirty others. On days on which something "
        "is planted, the feature and the slice have to be named.\n\n"
    )
    return Proof(text + markdown(head, lines), passed)


ALARMS = Section("alarms", "Alarms do not cry wolf", measure)
