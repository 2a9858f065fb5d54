"""Payment fraud: its definitions from every stage, in one value."""

from feature_repo.systems.fraud import FRAUD_FEATURES
from monitoring.systems.fraud import FRAUD_WATCH
from orchestration.ages import Ages
from orchestration.system import System
from training.systems.fraud import TASK
from validation.systems.fraud import LIMITS, NAME, TABLES

FRAUD = System(
    name=NAME,
    tables=TABLES,
    features=FRAUD_FEATURES,
    task=TASK,
    limits=LIMITS,
    watch=FRAUD_WATCH,
    ages=Ages(labels=180, training_sets=180),  # a label takes thirty days, and a model learns from months
)
