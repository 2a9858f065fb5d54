"""How rankers are judged on KuaiRand: which rows, which days, what counts."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from training.contenders import Boosted, Contender
from training.definition import Ranking, Split

SHANGHAI = ZoneInfo("Asia/Shanghai")
TUNE_FROM = datetime(2022, 4, 16, tzinfo=SHANGHAI)
JUDGE_FROM = datetime(2022, 4, 18, tzinfo=SHANGHAI)
LIKED = "like > 0"
FEW_ROWS = {
    "eta": 0.1,
    "max_depth": 2,
    "num_parallel_tree": 3,  # trees grown together draw different rows and columns: the seed matters less
    "min_child_weight": 20,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "max_bin": 64,
}


def ranking(base: Ranking) -> Ranking:
    """The feed's ranking on KuaiRand's cut: liked rows alone take part, and days are those of Shanghai.

    Hidden rows are counted in features and neither learned from nor judged: the cut kept far fewer rows of their
    videos, so that a video's popularity alone would tell a hidden row. As every row that takes part is liked, a like
    has no worth here. There are no slates: NDCG ranks within all judged rows of a user, most of whom have
    too few for it to tell rankers apart, so that AUC decides.
    """
    return replace(
        base,
        outcomes=tuple(replace(outcome, gain=float(outcome.name == base.target)) for outcome in base.outcomes),
        also=("is_click",),
        group=base.user,
        fit_where=LIKED,
        judge_where=LIKED,
        split=Split(tune_from=TUNE_FROM, judge_from=JUDGE_FROM, whole=base.group),
        decides_by="auc",
        contenders=tuple(_for_few_rows(contender) for contender in base.contenders),
    )


def _for_few_rows(contender: Contender) -> Contender:
    """27,000 rows are few: many trees of two cuts each, which say more about a user's rows than deep ones."""
    if isinstance(contender, Boosted):
        return replace(contender, max_trees=600, patience=40, regrow=1.15, params=FEW_ROWS)
    return contender
