"""Folding events into decayed counters: contributions, states, snapshots, profiles."""

from feature_repo.folding.carry import MICROSECONDS, states_of
from feature_repo.folding.contributions import WAIT_DAYS, contributed, once, read
from feature_repo.folding.event_sources import Source, sources
from feature_repo.folding.profiles import described, publish_profiles
from feature_repo.folding.published_states import publish_states, summed
from feature_repo.folding.snapshots import COMPLETE, Snapshots, parts_of

__all__ = [
    "COMPLETE",
    "MICROSECONDS",
    "WAIT_DAYS",
    "Snapshots",
    "Source",
    "contributed",
    "described",
    "once",
    "parts_of",
    "publish_profiles",
    "publish_states",
    "read",
    "sources",
    "states_of",
    "summed",
]
