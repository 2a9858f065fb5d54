"""Folding events into decayed counters: contributions, states, snapshots, profiles."""

from feature_repo.event_sources import EventSource, sources
from feature_repo.folding.borrowed import changed_after_all
from feature_repo.folding.bursts import Burst
from feature_repo.folding.carry import MICROSECONDS, states_of
from feature_repo.folding.contributions import contributed, read_accepted_rows, without_repeats
from feature_repo.folding.influence import BEFORE, WHAT, WHO, capped
from feature_repo.folding.one_job import counter_rows, rows_to_fold, states_of_few, sums_of_views
from feature_repo.folding.profiles import described, publish_profiles, published_profiles
from feature_repo.folding.published_days import Parts, PublishedDays, closed_days
from feature_repo.folding.published_states import publish_states, summed
from feature_repo.folding.snapshots import COMPLETE, Snapshots, parts_of
from feature_repo.folding.weights import capped_weight, weight

__all__ = [
    "BEFORE",
    "COMPLETE",
    "MICROSECONDS",
    "WHAT",
    "WHO",
    "Burst",
    "EventSource",
    "Parts",
    "PublishedDays",
    "Snapshots",
    "capped",
    "capped_weight",
    "changed_after_all",
    "closed_days",
    "contributed",
    "counter_rows",
    "described",
    "parts_of",
    "publish_profiles",
    "publish_states",
    "published_profiles",
    "read_accepted_rows",
    "rows_to_fold",
    "sources",
    "states_of",
    "states_of_few",
    "summed",
    "sums_of_views",
    "weight",
    "without_repeats",
]
