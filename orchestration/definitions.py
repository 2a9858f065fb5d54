"""The code location: what `dagster dev`, `dg` and the daemon load."""

from infra import private_files
from infra.pseudonyms import choose_mode
from infra.settings import Settings
from orchestration.pipeline import pipeline
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED

private_files.from_now_on()
settings = Settings()
choose_mode(settings)
defs = pipeline(Installation(HOME_FEED, settings))
