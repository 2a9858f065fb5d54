"""The home feed: its definitions from every stage, in one value."""

from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from monitoring.systems.home_feed import HOME_FEED_TRIAL, HOME_FEED_WATCH
from orchestration.ages import Ages, Remembered
from orchestration.system import System
from serving.systems.home_feed import HOME_FEED as POLICY
from training.systems.home_feed import TASK
from validation.systems.home_feed import NAME, RANKER_LIMITS, TABLES

AGES = Ages(
    remembered={  # whom somebody follows or blocks has to hold for years, also where counters are made again
        "follow": Remembered("action", ("follow",)),
        "block": Remembered("action", ("block",)),
    }
)

HOME_FEED = System(
    name=NAME,
    tables=TABLES,
    features=FEATURES,
    task=TASK,
    limits=RANKER_LIMITS,
    policy=POLICY,
    watch=HOME_FEED_WATCH,
    trial=HOME_FEED_TRIAL,
    ages=AGES,
    thumbnail="category",
)
