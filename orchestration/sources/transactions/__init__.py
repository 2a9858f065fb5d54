"""Other people's transactions: a plain table, read as the tables of fraud, with labels that come late."""

from orchestration.sources.transactions.delivery import Delivered, deliver, read_patterns
from orchestration.sources.transactions.reading import Columns, Transactions, read
from orchestration.sources.transactions.task import PATTERN, cuts_of, system_for

__all__ = [
    "PATTERN",
    "Columns",
    "Delivered",
    "Transactions",
    "cuts_of",
    "deliver",
    "read",
    "read_patterns",
    "system_for",
]
