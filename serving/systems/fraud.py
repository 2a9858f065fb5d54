"""Fraud's policy: what is done about a payment by its score, what rules say first and last, and who looks at what."""

from feature_repo.systems.fraud import FRAUD_FEATURES as FEATURES
from serving.case_policy import Decide, From, Lot, Queue, ServedCases
from serving.rules import Above, Among, Below, Rule
from validation.systems.fraud import ACTIONS, CARDS, DEVICES_SEEN, DISPUTES, NAME, PAYMENTS, REVIEWS, TERMINALS

POLICY = Decide(
    name=NAME,
    actions=ACTIONS,
    # With or without a model: what nobody may lose unseen.
    first=(Rule("very_large", (Above("amount", 5_000),), then="review"),),
    # Acting pays from the release's operating point on: the mildest action there, a look where it is surer.
    steps=(From("step_up", times=1.0), From("review", times=3.0), From("block", at=0.95)),
    last=(Rule("small_is_not_blocked", (Among("action", ("block",)), Below("amount", 5)), then="step_up"),),
    queue=Queue(a_day=60, for_lot=10, overflow="step_up", amount="amount"),
    # Of what was stopped without a look nobody would learn how it had ended, and so not what a release is worth.
    lot=Lot(share=0.01, amount="amount", at_most=500.0, also={"step_up": 0.1, "block": 0.1}),
    follows={"completed": {"allow": True, "block": False}},
)

SERVED = ServedCases(POLICY, FEATURES, PAYMENTS, events=(CARDS, TERMINALS, DEVICES_SEEN, DISPUTES, REVIEWS))
