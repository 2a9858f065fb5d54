"""A seeded city of cards and terminals: payments, three kinds of theft that adapt, decisions, verdicts, disputes."""

from orchestration.sources.fraud.bank import BankEvents, events
from orchestration.sources.fraud.patterns import PATTERNS
from orchestration.sources.fraud.world import City

__all__ = ["PATTERNS", "BankEvents", "City", "events"]
