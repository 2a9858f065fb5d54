"""How rankers are judged on KuaiRand: which rows, which days, what counts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from feature_repo.definition import FeatureSet
from feature_repo.systems.home_feed import HOME_FEED_FEATURES
from monitoring.definition import Watch
from orchestration.sources.kuairand.files import detect
from training.contenders import Boosted, Contender
from training.definition import FrozenFeatures, Outcome, Split, Task

SHANGHAI = ZoneInfo("Asia/Shanghai")
TUNE_FROM = datetime(2022, 4, 16, tzinfo=SHANGHAI)
JUDGE_FROM = datetime(2022, 4, 18, tzinfo=SHANGHAI)
LIKED = "like > 0"
FEW_ROWS = {
    "eta": 0.05,
    "max_depth": 3,
    "num_parallel_tree": 4,  # trees grown together draw other rows and columns: the seed matters less
    "min_child_weight": 100,
    "lambda": 50.0,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "max_bin": 64,
    "eval_metric": "auc",  # what it is judged by; log loss stops earlier and ranks worse
    "nthread": 1,  # a tree of 27,000 rows takes less time than the synchronisation of threads
}


def task(base: Task, path: Path | None = None) -> Task:
    """The feed's task on KuaiRand: of the cut as it is compared elsewhere, of whole logs (at `path`) with all rows.

    There are no slates: NDCG ranks within all judged rows of a user, with the user's features as of the first of them.
    """
    frozen = tuple(_of_one(base.cluster, HOME_FEED_FEATURES))
    by_user = replace(base, unit=base.cluster, frozen=frozen, split=Split(keep_together=base.unit))
    return by_user if path and not detect(path).cut else _on_the_cut(by_user)


def _of_one(key: str, features: FeatureSet) -> Iterator[FrozenFeatures]:
    """The features that count what one entity did, such as one user, by all keys of their counters."""
    keys = {view.name: view.keys for view in features.counter_views if key in view.keys}
    by_keys: dict[tuple[str, ...], list[str]] = {}
    for feature in features.features:
        views = {counter.split(".")[0] for counter in feature.reads()}
        for view in views & keys.keys():
            by_keys.setdefault(keys[view], []).append(feature.name)
    for entity, names in by_keys.items():
        yield FrozenFeatures(entity, tuple(names))


def watch(base: Watch) -> Watch:
    """The feed's watch without the rate of a category: nearly all videos share `unknown`, whose rate is the feed's.

    It moves from day to day (PSI 1.2 where nothing happened) and would ask for a retraining every time.
    """
    return replace(base, critical=tuple(name for name in base.critical if not name.startswith("category_")))


def _on_the_cut(base: Task) -> Task:
    """Liked rows alone take part, and days are those of Shanghai.

    Hidden rows are counted in features and neither learned from nor judged: the cut kept far fewer rows of their
    videos, so that a video's popularity alone would tell a hidden row. As every row that takes part is liked, a like
    has no worth here. Most users have too few rows for NDCG to tell rankers apart, so that AUC decides.
    """
    return replace(
        base,
        outcomes=tuple(_only(outcome, base.target) for outcome in base.outcomes),
        also=("is_click",),
        fit_where=LIKED,
        judge_where=LIKED,
        split=replace(base.split, tune_from=TUNE_FROM, judge_from=JUDGE_FROM),
        decides_by="auc",
        contenders=tuple(_for_few_rows(contender) for contender in base.contenders),
    )


def _only(outcome: Outcome, target: str) -> Outcome:
    """The outcome, which is worth something only where it is the target."""
    worth = float(outcome.name == target)
    return replace(outcome, gain=worth, value=worth)


def _for_few_rows(contender: Contender) -> Contender:
    """27,000 rows are few: many small trees, each of little weight."""
    if isinstance(contender, Boosted):
        return replace(contender, max_trees=1500, patience=80, regrow=1.15, params=FEW_ROWS)
    return contender
