"""What is watched of fraud, whose drift may say that thieves have changed their ways, and how a release is tried."""

from datetime import timedelta

from monitoring.definition import BusinessMeasure, Watch
from monitoring.trial import ByAnother, Guardrail, Holds, Level, Measure, Tally, TrialRules

FRAUD_WATCH = Watch(
    # How cards are used is steady from day to day. Risk counts what was found, and moves with the reviewers' work.
    critical=("amount", "channel", "card_from_device", "device_age", "home_zone", "hour"),
    min_drift_rows=400,  # a small bank's day
    min_outcome_rows=1_000,
    business=(
        BusinessMeasure("stopped", "payments that were not allowed", "row", where="action != 'allow'", falls=False),
        BusinessMeasure("disputed", "disputes", "row", "disputes", "reason == 'fraud'", falls=False),
    ),
    outcome_days=7,  # of a day's stopped payments the lot shows a few: a week of them says what stopping saved
    merit_drop_errors=2.33,  # the weeks overlap
)

EARLY = timedelta(days=7)  # a third of the disputes has come by then, on both sides alike
EVERY = Tally()

LET_THROUGH = Measure(
    "fraud_let_through", "payments that were let through and whose holder called them fraud within a week or later",
    Tally((Holds("action", ("allow", "step_up")),), by="disputes", followed=(Holds("reason", ("fraud",)),)), EVERY,
    "lower", EARLY,
)  # fmt: skip
FRICTION = Measure(
    "friction", "payments whose holder had to prove themselves, or was refused",
    Tally((Holds("action", ("step_up", "block")),)), EVERY, "lower",
)  # fmt: skip
SENT_TO_REVIEW = Measure(
    "sent_to_review", "payments that a person has to look at", Tally((Holds("action", ("review",)),)), EVERY, "lower",
)  # fmt: skip
LOWER_RUNGS = Measure(
    "lower_rungs", "payments decided by any rung but the full one",
    Tally((Holds("served_by", ("full",), negated=True),)), EVERY, "lower",
)  # fmt: skip
ERRORS = Measure(
    "errors", "payments that the variant's own release did not score, because it failed or was late",
    Tally((ByAnother(),)), EVERY, "lower",
)  # fmt: skip

FRAUD_TRIAL = TrialRules(
    asker="payment_id",  # a case is drawn by its key, so that payments of one card are drawn apart from each other
    match=("payment_id",),
    goal=LET_THROUGH,
    guardrails=(
        Guardrail(ERRORS, at_most=0.005, relative=False, tuned_to=0.02),
        Guardrail(LOWER_RUNGS, at_most=0.02, relative=False, tuned_to=0.05),
        Guardrail(FRICTION, at_most=0.25, tuned_to=0.5),
        Guardrail(FRICTION, at_most=0.25, slice="channel", tuned_to=0.5),
        Guardrail(SENT_TO_REVIEW, at_most=0.5, tuned_to=0.5),
    ),
    levels=(Level("queue_age", "hours that the oldest open review has waited", at_most=72.0),),
    not_worse_by=0.3,  # frauds are rare: a smaller loss takes months to rule out
    tuned_to=0.5,
    at_least=timedelta(days=2),
    longest=timedelta(days=42),
)
