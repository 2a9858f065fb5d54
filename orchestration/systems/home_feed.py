"""The home feed: its definitions from every stage, in one value."""

from feature_repo.systems.home_feed import HOME_FEED_FEATURES as FEATURES
from monitoring.systems.home_feed import HOME_FEED_WATCH
from orchestration.system import System
from serving.systems.home_feed import HOME_FEED as POLICY
from training.systems.home_feed import RANKING
from validation.systems.home_feed import NAME, RANKER_LIMITS, TABLES

HOME_FEED = System(
    name=NAME,
    tables=TABLES,
    features=FEATURES,
    ranking=RANKING,
    limits=RANKER_LIMITS,
    policy=POLICY,
    watch=HOME_FEED_WATCH,
)
