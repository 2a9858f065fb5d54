"""The code location: what `dagster dev`, `dg` and the daemon load."""

from orchestration.home_feed import HOME_FEED
from orchestration.pipeline import pipeline
from orchestration.system import Installation
from validation import private
from validation.settings import Settings

private.from_now_on()
defs = pipeline(Installation(HOME_FEED, Settings()))
