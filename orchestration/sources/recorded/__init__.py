"""Trips that others recorded, as the six tables of the ETA: flights from New York, or a plain table of trips."""

from orchestration.sources.recorded.new_york import flights
from orchestration.sources.recorded.plain import PlainColumns, plain_trips
from orchestration.sources.recorded.rows import Recorded

__all__ = ["PlainColumns", "Recorded", "flights", "plain_trips"]
