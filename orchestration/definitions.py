"""The code location: what `dagster dev`, `dg` and the daemon load."""

from orchestration.home_feed import HOME_FEED
from orchestration.pipeline import pipeline
from orchestration.system import Installation
from validation.settings import Settings

defs = pipeline(Installation(HOME_FEED, Settings()))
