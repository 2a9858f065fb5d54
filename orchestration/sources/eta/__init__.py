"""A simulated city whose law of travel times is known: `World(City()).deliver(landing)`."""

from orchestration.sources.eta.delivery import World
from orchestration.sources.eta.roads import City, Roads, wave

__all__ = ["City", "Roads", "World", "wave"]
