"""Section `selection`: what is known of payments when only some are looked at, and what a model learns from those.

What was let be is seen by lot only. The truth of a simulated bank (tests/prove/bank.py) is known.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from infra.arrays import AnyArray, Bools, Float64s
from infra.statistics import Interval, interval, recall_by_lot
from tests.prove.bank import FEATURES, Bank, Payments, payments
from tests.prove.section import Proof, Section
from training.rows.weights import HEAVIEST
from validation.verdict import markdown

SEEDS, LEARNED_SEEDS, MIN_HELD = 100, 10, 0.90
OF_LAST_DAYS, NOW = 14, 31.0
LEARN_AT, JUDGE_AT = 33.0, 41.0
FRICTION, HANDLING = 4.0, 1.0
TRUSTED = (1.0, 1.0)
BANKS = {
    "2 % of what is allowed": Bank(days=30),
    "0.5 %": Bank(days=30, lot=0.005),
    "0.2 %": Bank(days=30, lot=0.002),
    "1 %, and 5 % of what is above 100": Bank(days=30, lot=0.01, lot_of_large=0.05),
    "2 %; reviewers see 97 % of the thefts, and call 1 in 1,000 honest ones a theft": Bank(
        days=30, right=(0.999, 0.97)
    ),
    "2 %; reviewers call 3 in 100 honest ones a theft": Bank(days=30, right=(0.97, 0.97)),
}
REVIEWED, PLAIN, WEIGHED, CAPPED, MATURE = (
    "what reviewers chose to see", "and what the lot chose, unweighted", "and what the lot chose, weighted by 1/p",
    f"and what the lot chose, weighted by at most {HEAVIEST:g}", "payments whose time for disputes is over, no others",
)  # fmt: skip
TEXT = """A bank has {a_day:,} payments a day, 1 in 100 of them a theft. Its rules review what is far above a card's
level. From day {quiet} on half of the thefts are quiet: at night, from a new device, below what the rules look at. What
is allowed is disputed days later ({median:g} at the median, {latest:g} at most, 85 % of the thefts), and a share of it
is reviewed by lot.

### By-lot recall holds the truth

{seeds} banks of each kind: of the thefts among the payments of {days} days, which share was reviewed by the rules'
choice? The estimate (`infra.statistics.recall_by_lot`) counts a theft that the lot found 1/p times. Held means: the
95 % interval holds the true share in at least {least:.0%} of the banks, wherever reviewers are right about what is
honest. *Normal* is the interval of ± 1.96 standard errors, which few thefts by lot make too short. *Without a lot* is
the share that labels say without it: disputes that came so far are all that is known of what was missed.

{recall}

Reviewers who call honest payments thefts are no small error here: of 1,000 payments by lot some six are thefts, and
three in a hundred of the others are thirty false alarms. No interval of the lot's chance holds that. What the lot finds
needs a second look: two reviewers who are wrong apart from each other call 1 in 1,000 honest payments a theft.

### What reviewers chose to see is not what there is

XGBoost ({features}) learns on day {learn:g}
and is judged on the seven days after it; means of {learned} banks. **Net benefit** is the amount that deciding at the
costs' own threshold saves, as a share of all that is stolen (friction {friction:g}, handling {handling:g}).
**Predicted / true** is the mean probability over the true share. Held means: with the rows by lot and their weights,
net benefit and average precision are better than with what reviewers chose to see; intervals are 95 %, over banks.

{models}

{finding}

Why: every payment that reviewers chose was chosen because it looked bad, so that one in five of their rows is a theft,
and one in a hundred of all payments. A model that sees only those rows says of an ordinary payment what is true of a
chosen one, acts on it, and pays friction for it; and thefts that the rules do not look for are no row of it at all. The
lot shows both what is ordinary and what is new. Payments whose time for disputes is over show what was ordinary a month
ago: the quiet thefts are younger.

Weights bring the probabilities near the truth at a price: the few thefts by lot that count {heavy:g} times each are
followed by the trees as if they were a pattern. In fitting, weights are therefore limited to {heaviest:g}
(`training.rows.fit_weights`). In judging they are not: there they make the figure that of all payments, while the rows
that reviewers chose flatter every model.

{judged}
"""


@dataclass(frozen=True, slots=True)
class Lot:
    """Of banks of one kind: how often each interval held, and means of the truth, estimates and thefts by lot."""

    held: float
    normal: float
    truth: float
    estimate: float
    width: float
    without: float
    found: float


@dataclass(frozen=True, slots=True)
class Learned:
    """A model as it truly is, and as its labelled rows would say."""

    net_benefit: float
    precision: float
    ratio: float
    by_reviewed: float
    by_weights: float


def measure(folder: Path) -> Proof:
    """Both claims; nothing is written into the folder."""
    lots = {kind: by_lot(bank, SEEDS) for kind, bank in BANKS.items()}
    models = [learned(Bank(seed=seed)) for seed in range(LEARNED_SEEDS)]
    better = {
        name: tuple(_more(models, name, figure) for figure in ("net_benefit", "precision"))
        for name in (WEIGHED, CAPPED)
    }
    held = all(lot.held >= MIN_HELD for kind, lot in lots.items() if BANKS[kind].right[0] > 0.99)
    worse = all(lift.low > 0 for lifts in better.values() for lift in lifts)
    bank = Bank()
    text = TEXT.format(
        a_day=bank.payments_a_day, quiet=bank.quiet_from, median=6.0, latest=30.0, seeds=SEEDS, days=OF_LAST_DAYS,
        least=MIN_HELD, recall=_recall_table(lots), features=", ".join(FEATURES), learn=LEARN_AT, learned=len(models),
        friction=FRICTION, handling=HANDLING, models=_model_table(models), finding=_finding(better),
        heavy=1 / bank.lot, heaviest=HEAVIEST, judged=_judged_table(models),
    )  # fmt: skip
    return Proof(text, held and worse)


def by_lot(bank: Bank, seeds: int) -> Lot:
    """The estimate of as many banks of a kind."""
    return Lot(*np.mean([_one_lot(payments(replace(bank, seed=seed))) for seed in range(seeds)], axis=0).tolist())


def _one_lot(every: Payments) -> tuple[float, ...]:
    period = every.only(every.at >= every.at.max() - OF_LAST_DAYS)
    rows = period.only(period.verdict_at <= NOW)
    label, weight = rows.label(NOW), rows.weight(NOW)
    found = recall_by_lot(label, rows.reviewed, weight)
    truth = period.theft[period.reviewed].sum() / period.theft.sum()
    known = period.label(NOW) & ~period.by_lot
    without = (known & period.reviewed).sum() / known.sum()
    normal = _normal(float(label[rows.reviewed].sum()), weight[label & rows.by_lot])
    held = (found.low <= truth <= found.high, normal[0] <= truth <= normal[1])
    return (*held, truth, found.mean, found.high - found.low, without, (label & rows.by_lot).sum())


def _normal(caught: float, weight: Float64s) -> tuple[float, float]:
    reach = 1.96 * np.sqrt((weight * (weight - 1)).sum())
    return caught / (caught + weight.sum() + reach), caught / (caught + max(weight.sum() - reach, 0.0))


def learned(bank: Bank) -> dict[str, Learned]:
    """A model from each choice of rows, judged on all payments of the days after."""
    every = payments(bank)
    past, later = every.only(every.at < LEARN_AT), every.only(every.at >= LEARN_AT)
    settled, weight = past.verdict_at <= LEARN_AT, past.weight(LEARN_AT)
    ones = np.ones(len(weight))
    choices = {
        REVIEWED: (settled & past.reviewed, ones),
        PLAIN: (settled, ones),
        WEIGHED: (settled, weight),
        CAPPED: (settled, np.minimum(weight, HEAVIEST)),
        MATURE: (past.closed(LEARN_AT), ones),
    }
    return {name: _judged(later, _scores(past, rows, by, later)) for name, (rows, by) in choices.items()}


def _scores(past: Payments, rows: Bools, weight: Float64s, later: Payments) -> AnyArray:
    import xgboost as xgb

    params = {"objective": "binary:logistic", "eta": 0.1, "max_depth": 4, "min_child_weight": 5, "max_bin": 64,
              "nthread": 1}  # fmt: skip
    fit = xgb.DMatrix(past.features[rows], label=past.label(LEARN_AT)[rows], weight=weight[rows])
    return np.asarray(xgb.train(params, fit, 60).predict(xgb.DMatrix(later.features)))


def _judged(later: Payments, score: AnyArray) -> Learned:
    from sklearn.metrics import average_precision_score

    amount = later.features[:, FEATURES.index("amount")]
    acts = score * amount > (1 - score) * FRICTION + HANDLING
    benefit = np.where(acts, np.where(later.theft, amount, -FRICTION) - HANDLING, 0.0).sum()
    seen = later.verdict_at <= JUDGE_AT
    label, weight = later.label(JUDGE_AT), later.weight(JUDGE_AT)
    by_reviewed, by_weights = (
        average_precision_score(label[rows], score[rows], sample_weight=by[rows])
        for rows, by in ((seen & later.reviewed, np.ones(len(weight))), (seen, weight))
    )
    return Learned(
        benefit / (later.theft * amount).sum(), average_precision_score(later.theft, score),
        score.mean() / later.theft.mean(), by_reviewed, by_weights,
    )  # fmt: skip


def _more(models: list[dict[str, Learned]], name: str, figure: str) -> Interval:
    """By how much a figure is better than with what reviewers chose to see."""
    return interval(np.array([getattr(m[name], figure) - getattr(m[REVIEWED], figure) for m in models]), seed=0)


def _mean(models: list[dict[str, Learned]], name: str, figure: str) -> float:
    return float(np.mean([getattr(m[name], figure) for m in models]))


def _recall_table(lots: dict[str, Lot]) -> str:
    head = ("by lot", "thefts by lot", "true recall", "mean estimate", "width", "held the truth", "normal",
            "without a lot")  # fmt: skip
    rows = [
        (kind, f"{lot.found:.1f}", f"{lot.truth:.3f}", f"{lot.estimate:.3f}", f"{lot.width:.3f}", f"{lot.held:.0%}",
         f"{lot.normal:.0%}", f"{lot.without:.3f}") for kind, lot in lots.items()
    ]  # fmt: skip
    return markdown(head, rows)


def _model_table(models: list[dict[str, Learned]]) -> str:
    head = ("learned from", "net benefit", "average precision", "predicted / true")
    figures = ("net_benefit", "precision", "ratio")
    return markdown(head, [(name, *(f"{_mean(models, name, f):.3f}" for f in figures)) for name in models[0]])


def _judged_table(models: list[dict[str, Learned]]) -> str:
    head = (
        "average precision of the model from",
        "true",
        "by all rows with a verdict, weighted",
        "by reviewers' choice",
    )
    figures = ("precision", "by_weights", "by_reviewed")
    return markdown(head, [(name, *(f"{_mean(models, name, f):.3f}" for f in figures)) for name in models[0]])


def _finding(better: dict[str, tuple[Interval, ...]]) -> str:
    head = ("better than from what reviewers chose to see", "net benefit", "average precision")
    return markdown(head, [(name, *map(str, lifts)) for name, lifts in better.items()])


SELECTION = Section("selection", "Labels that decisions choose", measure)
