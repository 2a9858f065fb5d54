"""Fraud's model: what a fraud is and when that is known, what a decision costs, and what has to be beaten."""

from datetime import timedelta

from training.contenders import Boosted, ByColumn, Linear
from training.definition import Outcome, SliceDefinition, Split, Task
from training.objectives import Classify, Costs
from validation.systems.fraud import NAME

LATEST_DISPUTE = timedelta(days=30)

TASK = Task(
    name=NAME,
    decisions="payments",
    outcomes_in="disputes",
    match=("payment_id",),
    exact=(),
    outcomes=(Outcome("is_fraud", "reason = 'fraud'", "its holder called it fraud", gain=1, window=LATEST_DISPUTE),),
    target="is_fraud",
    unit="payment_id",
    cluster="card_id",
    item="terminal_id",
    attribute="channel",
    objective=Classify(
        costs=Costs(missed=1.0, friction=4.0, handling=1.0), amount="amount", day="day", counted="card_id", queue=100
    ),
    contenders=(
        ByColumn("rules", "amount_against_30d"),
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
    slices=(SliceDefinition("channel", "channel"),),
    split=Split(fit=0.55, tune=0.34),
    decides_by="net_benefit",
    history_days=130,
)
