"""The code location: what `dagster dev`, `dg` and the daemon load."""

from infra import private_files as private
from infra.settings import Settings
from orchestration.pipeline import pipeline
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED

private.from_now_on()
defs = pipeline(Installation(HOME_FEED, Settings()))
