"""A seeded video platform: events as it would log them, the truth behind them, and users who answer any feed."""

from orchestration.sources.simulator.behaviour import NOBODY
from orchestration.sources.simulator.delivery import DeliveredCounts, deliver
from orchestration.sources.simulator.events import Events, as_json
from orchestration.sources.simulator.reading import PageShown, Reading
from orchestration.sources.simulator.scale import DAY, TINY, Scale, Shift
from orchestration.sources.simulator.world import World

__all__ = [
    "DAY",
    "NOBODY",
    "TINY",
    "DeliveredCounts",
    "Events",
    "PageShown",
    "Reading",
    "Scale",
    "Shift",
    "World",
    "as_json",
    "deliver",
]
