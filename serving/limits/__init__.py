"""Limits: deadlines, breakers, admission, load shedding, rates of users, connections of an address."""

from serving.limits.breaker import Breaker, State
from serving.limits.budget import Budget
from serving.limits.connection_limit import ConnectionLimit, open_files
from serving.limits.rates import Rates
from serving.limits.shedding import Shedding
from serving.limits.trace import TRACING, RequestTrace

__all__ = [
    "TRACING",
    "Breaker",
    "Budget",
    "ConnectionLimit",
    "Rates",
    "RequestTrace",
    "Shedding",
    "State",
    "open_files",
]
