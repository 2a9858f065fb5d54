"""Fraud's model: what a fraud is and when that is known, what a decision costs, and what has to be beaten."""

import math
from datetime import timedelta

from training.contenders import Boosted, Linear
from training.definition import Outcome, Settlement, SliceDefinition, Split, Task
from training.objectives import Classify, Costs
from training.rules_contender import ByRules, Condition, PointsRule
from validation.systems.fraud import CHANNELS, NAME

LATEST_DISPUTE = timedelta(days=30)

MUCH, FAR_TOO_MUCH = math.log(3), math.log(6)  # times what the card usually pays
ONLINE, NEW_DEVICE = Condition("channel", low=CHANNELS.index("online") - 0.5), Condition("card_from_device", high=0.1)
RULES = ByRules(  # what a bank without a model does
    "rules",
    (
        PointsRule(3, (ONLINE, NEW_DEVICE, Condition("amount_against_30d", low=MUCH))),
        PointsRule(2, (ONLINE, NEW_DEVICE)),
        PointsRule(2, (Condition("card_paid_10m", low=math.log1p(1.5)),)),
        PointsRule(2, (Condition("terminal_disputed_rate_7d", low=0.05),)),
        PointsRule(1, (Condition("amount_against_30d", low=FAR_TOO_MUCH),)),
        PointsRule(1, (Condition("card_disputed_30d", low=math.log1p(0.5)),)),
    ),
)

AMOUNTS = SliceDefinition("amount", "amount", (20.0, 100.0), ("small", "middle", "large"))

TASK = Task(
    name=NAME,
    decisions="payments",
    outcomes_in="disputes",
    match=("payment_id",),
    exact=(),
    outcomes=(
        Outcome(
            "is_fraud",
            "reason = 'fraud'",
            "its holder called it fraud, or a reviewer did",
            gain=1,
            window=LATEST_DISPUTE,
            settled_by=Settlement("reviews", "verdict = 'fraud'"),
        ),
    ),
    target="is_fraud",
    unit="payment_id",
    cluster="card_id",
    objective=Classify(
        costs=Costs(missed=1.0, friction=4.0, handling=1.0), amount="amount", counted="card_id", queue=100
    ),
    contenders=(
        RULES,
        Linear(),
        Boosted(
            max_trees=400,
            patience=30,
            params={
                "eta": 0.06,
                "max_depth": 5,
                "min_child_weight": 5,
                "subsample": 0.8,
                "colsample_bytree": 0.5,
                "lambda": 3,
            },
        ),
    ),
    grace=timedelta(hours=1),
    # A verdict labels a payment before its window has closed: each that a lot sent to review stands for all that the
    # lot might have sent. What is judged has its whole label. Where the money did not move and nobody looked, no
    # dispute can come: that is no honest payment. Of what the score stopped only the lot is ever known.
    weight="CASE WHEN by_lot AND (early OR score >= threshold) THEN try_divide(1, propensity) ELSE 1.0 END",
    fit_where="completed OR settled",
    judge_where="NOT early AND (completed OR settled)",
    slices=(SliceDefinition("channel", "channel"), AMOUNTS),
    split=Split(fit=0.55, tune=0.34),
    history_days=130,
)
