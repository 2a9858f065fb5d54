"""Section `offpolicy`: off-policy intervals hold the truth, offline order is the true one, places do not mislead."""

from pathlib import Path

from orchestration.sources.simulator import World
from orchestration.systems.home_feed import HOME_FEED
from tests.prove.coverage import Covered, covered
from tests.prove.degraded import Degraded, degraded, rank_correlation
from tests.prove.leak_world import platform
from tests.prove.leaks import WORLD
from tests.prove.position import ORDERS, Ranked, compared
from tests.prove.section import Proof, Section
from validation.verdict import markdown

REPETITIONS, PAGES, TRUTH_PAGES = 100, 1_500, 30_000
LOGGED_PAGES, JUDGED_PAGES = 4_000, 1_000
USUAL, STRONG = 1.0, 4.0
MIN_COVERED, MIN_CORRELATION, MIN_MODELS = 0.90, 0.9, 8


def measure(folder: Path) -> Proof:
    """All three claims."""
    at, data = platform(folder / "home", WORLD, HOME_FEED)
    ranked = [compared(by, steep, LOGGED_PAGES, JUDGED_PAGES) for steep in (USUAL, STRONG) for by in ORDERS]
    parts = (
        coverage(covered(REPETITIONS, PAGES, TRUTH_PAGES)),
        correlation(degraded(World.make(WORLD), data, at.system.task)),
        position(ranked),
    )
    return Proof("\n\n".join(part.text for part in parts), all(part.passed for part in parts))


def coverage(values: list[Covered]) -> Proof:
    """The table of how often intervals held the truth."""
    passed = all(value.share >= MIN_COVERED for value in values)
    rows = [
        (v.task, v.estimate.replace("_", " "), f"{v.truth:.4f}", f"{v.mean:.4f}", f"± {v.width:.4f}",
         f"{v.effective:,.0f}", f"{v.share:.0%}") for v in values
    ]  # fmt: skip
    head = ("ranking", "estimate", "truth", "mean of the estimates", "interval", "effective rows", "held the truth")
    text = (
        f"**The interval of an off-policy estimate holds the truth.** {REPETITIONS} times {PAGES:,} pages were shown "
        "in random order, and rankings that were not shown were valued by them: the mean gain of a place. The truth is "
        f"of {TRUTH_PAGES:,} other pages in the task's own order, with all that the estimates leave out: videos "
        "above that tire a user of their topic.\n\n"
    )
    return Proof(text + markdown(head, rows), passed)


def correlation(models: list[Degraded]) -> Proof:
    """The table of degraded models, best first offline, and the rank correlation with the truth."""
    figure = rank_correlation(models)
    ordered = sorted(models, key=lambda model: -model.offline)
    rows = [(m.what, f"{m.offline:.4f}", f"{m.utility:.4f}") for m in ordered]
    text = (
        f"**The offline measure orders models as their users would.** Rank correlation (Spearman) of {figure:.3f} over "
        f"{len(models)} models, most of them made worse on purpose: NDCG on the judge rows, as the gates see it, "
        "against the true utility of the ten videos that each chooses for a user among those of the judge rows.\n\n"
    )
    passed = figure >= MIN_CORRELATION and len(models) >= MIN_MODELS
    return Proof(text + markdown(("model", "NDCG offline", "true utility"), rows), passed)


def position(ranked: list[Ranked]) -> Proof:
    """The table of both ways of training, by the order of the logged pages."""
    passed = all(r.more.low >= 0 for r in ranked if r.steep >= STRONG)
    rows = [
        (r.order, "usual" if r.steep == USUAL else f"{r.steep:g} times as steep", f"{r.naive:.4f}",
         f"{r.debiased:.4f}", str(r.more)) for r in ranked
    ]  # fmt: skip
    head = ("logged pages ordered by", "places", "without the place", "with the place, neutral when asked", "more")
    text = (
        "**Learning with the place ranks at least as well as without, where places decide much.** True mean gain of a "
        "place of pages that each model orders; the interval is over users. Bounded is the strong bias; with the usual "
        "one and pages in random order there is nothing to gain.\n\n"
    )
    return Proof(text + markdown(head, rows), passed)


OFFPOLICY = Section("offpolicy", "What was not served is judged as its users would", measure)
