"""The ETA: its definitions from every stage, in one value."""

from feature_repo.systems.eta import ETA_FEATURES as FEATURES
from monitoring.systems.eta import ETA_WATCH
from orchestration.system import System
from serving.systems.eta import POLICY
from training.systems.eta import TASK
from validation.systems.eta import ETA_LIMITS, NAME, TABLES

ETA = System(
    name=NAME,
    tables=TABLES,
    features=FEATURES,
    task=TASK,
    limits=ETA_LIMITS,
    policy=POLICY,
    watch=ETA_WATCH,
)
