"""The columns in which contributions hold what an event adds to each signal."""

from feature_repo.definition import CounterView


def weight(signal: str) -> str:
    """The column that holds what an event adds to a signal; null where the signal does not count it."""
    return f"weight_of_{signal}"


def capped_weight(signal: str) -> str:
    """The column that holds what of it counts in capped views; null where nothing does."""
    return f"capped_weight_of_{signal}"


def counted(view: CounterView, signal: str) -> str:
    """The column whose values a view adds up for a signal."""
    return capped_weight(signal) if view.capped else weight(signal)
