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
    "eta": 0.03,
    "max_depth": 4,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "max_bin": 64,
}


def ranking(base: Ranking) -> Ranking:
    """The feed's ranking on KuaiRand's cut: liked rows alone take part, and days are those of Shanghai.

    Hidden rows are counted in features and neither learned from nor judged: the cut kept far fewer rows of their
    videos, so that a video's popularity alone would tell a hidden row. As every row that takes part is liked, a like
    has no worth here. There are no slates: NDCG ranks within all judged rows of a user.
    """
    return replace(
        base,
        outcomes=tuple(replace(outcome, gain=float(outcome.name == base.target)) for outcome in base.outcomes),
        also=("is_click",),
        group=base.user,
        fit_where=LIKED,
        judge_where=LIKED,
        split=Split(tune_from=TUNE_FROM, judge_from=JUDGE_FROM, whole=base.group),
        contenders=tuple(_for_few_rows(contender) for contender in base.contenders),
    )


def _for_few_rows(contender: Contender) -> Contender:
    """27,000 rows are few: many small trees, each of little weight."""
    if isinstance(contender, Boosted):
        return replace(contender, max_trees=1000, patience=60, regrow=1.15, params=FEW_ROWS)
    return contender
