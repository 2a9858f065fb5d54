"""A page: candidates, filters, re-ranking, exploration, and the ladder of answers."""

from serving.page.exploration import explored_places, shuffled_places
from serving.page.ladder import Ladder
from serving.page.offers import PoolBuilder
from serving.page.ordering import ordered
from serving.page.outcome import Ranked
from serving.page.page import Page
from serving.page.rungs import FULL, PERSONAL, STALE

__all__ = [
    "FULL",
    "PERSONAL",
    "STALE",
    "Ladder",
    "Page",
    "PoolBuilder",
    "Ranked",
    "explored_places",
    "ordered",
    "shuffled_places",
]
