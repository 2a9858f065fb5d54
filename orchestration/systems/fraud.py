"""Payment fraud: its definitions from every stage, in one value."""

from feature_repo.systems.fraud import FRAUD_FEATURES
from monitoring.systems.fraud import FRAUD_TRIAL, FRAUD_WATCH
from orchestration.ages import Ages
from orchestration.system import System
from serving.systems.fraud import POLICY
from training.systems.fraud import TASK
from validation.systems.fraud import LIMITS, NAME, TABLES

A_YEAR_AND_MORE = 400  # a label takes thirty days, a model learns from months, and states open ninety days before them
AGES = Ages(
    events=A_YEAR_AND_MORE,
    superseded=A_YEAR_AND_MORE,
    states=A_YEAR_AND_MORE,
    labels=A_YEAR_AND_MORE,
    training_sets=A_YEAR_AND_MORE,
)

FRAUD = System(
    name=NAME,
    tables=TABLES,
    features=FRAUD_FEATURES,
    task=TASK,
    limits=LIMITS,
    policy=POLICY,
    watch=FRAUD_WATCH,
    trial=FRAUD_TRIAL,
    ages=AGES,
)
