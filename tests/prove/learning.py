"""Section `learning`: what figures of rankers rest on, and what learning an order or a value is truly worth.

The simulator knows what every video is worth to every user: contenders are judged by that, too, not only by labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.arrays import AnyArray
from infra.statistics import Interval, interval
from orchestration.sources.simulator import Scale, World
from orchestration.systems.home_feed import HOME_FEED
from tests.prove.leak_world import platform
from tests.prove.section import Proof, Section
from training.contenders import Boosted, Fitted
from training.definition import Task
from training.fitting import as_judged, best_column_of
from training.objectives import discounted
from training.rows import Dataset
from training.studies import Refits, model_staleness, page_of, seed_noise
from validation.verdict import markdown

WORLD = Scale(users=1_500, videos=6_000, days=12, impressions=120_000, creators=250, categories=14, regions=4, seed=3)
SEEDS, PLACES = 3, 5
SLOW = {"eta": 0.05, "max_depth": 5, "subsample": 0.8, "colsample_bytree": 0.5, "max_bin": 64}
SINGLE = "the single label"
# The smallest weight of a leaf is in the unit of each objective's second derivative, so that each has its own.
LEARNED = (
    Boosted(SINGLE, 700, 30, params={**SLOW, "min_child_weight": 20}),
    Boosted("the order of pages (LambdaMART)", 700, 30, params={**SLOW, "min_child_weight": 1}, learns="order"),
    Boosted("the value of all outcomes", 700, 30, params={**SLOW, "min_child_weight": 100}, learns="value"),
)
TEXT = """{rows:,} training rows of {days} simulated days; intervals are 95 % and draw users.
Held means: whatever is learned ranks truly better than the best column, and the gain over each other contender is more
than twice the seed noise. Which of the ways to learn is best is measured, not claimed.

### What is learned, judged by the truth

XGBoost learns from the same rows the single label `{target}`, the order of each page by gain (`rank:ndcg`), or the
value of all outcomes ({values}).
Each is fitted with {seeds} seeds, and the means are compared. **True utility** is
what the simulator knows of each video for each user: Σ utility / log2(1 + place) over the first {places} places of a
page; a random order has {random:.3f}, the best possible one {best:.3f}.

{table}

{finding}

### Seed noise

{noise}

### Staleness

Tastes do not change in this world, so that a model ages only as new videos and users come.

{stale}
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """One contender, mean over seeds: NDCG, value of its pages, and (pages,) the true utility of each."""

    ndcg: float
    value: float
    utility: AnyArray


def measure(folder: Path) -> Proof:
    """One simulated platform."""
    at, data = platform(folder, WORLD, HOME_FEED)
    task = at.system.task
    return proof(data, task, utility_of(data, task, World.make(WORLD)), LEARNED)


def proof(
    data: Dataset, task: Task, utility: AnyArray, learned: Sequence[Boosted], ages: Sequence[int] = (0, 1, 3, 7)
) -> Proof:
    """The section's text, and whether its bounds held.

    utility  (rows,) the true utility of each row
    """
    refits = Refits.of(data, task)
    of_rows = utility[refits.rows["judge"]]
    judged = compared(refits, of_rows, learned)
    gains = against(refits, judged, learned[0].name)
    noise = seed_noise(refits, task.contenders[-1])
    stale = model_staleness(data, task, task.contenders[-1], ages)
    orders = (np.random.default_rng(0).random(len(of_rows)), of_rows)
    random, best = (float(np.nanmean(true_utility(refits, of_rows, order))) for order in orders)
    values = ", ".join(f"{name} {value:+g}" for name, value in task.values.items())
    text = TEXT.format(
        rows=len(data.frame), days=len(np.unique(data.times().astype("datetime64[D]"))), target=task.target,
        values=values, seeds=SEEDS, places=PLACES, random=random, best=best,
        table=_table(judged, gains, random, best), finding=finding(gains, [c.name for c in learned[1:]]),
        noise=_below_heading(page_of(noise).text), stale=_below_heading(page_of(stale).text),
    )  # fmt: skip
    column = np.nanmean(judged["the best column"].utility)
    truly_better = all(np.nanmean(judged[c.name].utility) > column for c in learned)
    beyond_noise = all(gain.value > 2 * noise.noise for gain in noise.gains.values())
    return Proof(text, truly_better and beyond_noise)


def utility_of(data: Dataset, task: Task, world: World) -> AnyArray:
    """(rows,) what each video was truly worth to the user to whom it was shown, then and on that device."""
    frame, worth = data.frame, np.empty(len(data.frame))
    at = data.times().astype(np.int64) / 1e6
    for device in frame["device"].unique():
        of = (frame["device"] == device).to_numpy()
        who, what = (frame[name].to_numpy()[of].astype(np.str_) for name in (task.cluster, task.item))
        worth[of] = world.utility(who, what, at[of], str(device))
    return worth


def compared(refits: Refits, utility: AnyArray, learned: Sequence[Boosted]) -> dict[str, Judged]:
    """The best column and each contender, by labels and by truth."""
    rows, task = refits.judged, refits.task
    served = as_judged(refits.dataset, task, refits.rows["judge"])
    column = best_column_of(refits.dataset, task, task.target, refits.rows["tune"])
    models = {"the best column": [column], **{c.name: _fitted(refits, c) for c in learned}}
    judged = {}
    for name, fits in models.items():
        scores = [fit.scores(served) for fit in fits]
        by_label = [np.nanmean(task.objective.merits(rows, s, None)) for s in scores]
        values = [np.nanmean(discounted(rows.unit, rows.columns["value"], s, 10, rows.units)) for s in scores]
        true = np.mean([true_utility(refits, utility, s) for s in scores], axis=0)
        judged[name] = Judged(float(np.mean(by_label)), float(np.mean(values)), true)
    return judged


def true_utility(refits: Refits, utility: AnyArray, scores: AnyArray) -> AnyArray:
    """(pages,) of the first places in the order of the scores."""
    return discounted(refits.judged.unit, utility, scores, PLACES, refits.judged.units)


def against(refits: Refits, judged: Mapping[str, Judged], one: str) -> dict[str, Interval]:
    """What each contender's pages are truly worth more than those of one."""
    users = refits.judged.owner
    return {name: interval(j.utility - judged[one].utility, 0, users) for name, j in judged.items() if name != one}


def finding(gains: Mapping[str, Interval], names: Sequence[str]) -> str:
    """What the truth says of each way to learn against the single label, in words."""
    says = {name: "better" if gains[name].low > 0 else "worse" if gains[name].high < 0 else "" for name in names}
    return " ".join(
        f"Learning {name} is truly {how} than learning the single label."
        if how
        else f"Between learning {name} and the single label the truth shows no difference."
        for name, how in says.items()
    )


def _fitted(refits: Refits, contender: Boosted) -> list[Fitted]:
    return [refits.fitted(contender, seed) for seed in range(SEEDS)]


def _table(judged: Mapping[str, Judged], gains: Mapping[str, Interval], random: float, best: float) -> str:
    rows = []
    for name, j in judged.items():
        true = float(np.nanmean(j.utility))
        rows.append([name, f"{j.ndcg:.4f}", f"{j.value:.3f}", f"{true:.3f}", f"{(true - random) / (best - random):.1%}",
                     str(gains.get(name, "–"))])  # fmt: skip
    head = ("learned", "NDCG@10", "value@10", "true utility", "of the possible", f"true utility over {SINGLE}")
    return markdown(head, rows)


def _below_heading(page: str) -> str:
    """A study's page without its first heading, its other ones as bold lines: it stands in a section here."""
    lines = page.splitlines()[1:]
    return "\n".join(f"**{line.removeprefix('## ')}**" if line.startswith("## ") else line for line in lines).strip()


LEARNING = Section("learning", "What figures of rankers rest on, and what they learn from", measure)
