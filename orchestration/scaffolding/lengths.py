"""Lengths of time: read from a flag, said in words, and written as Python."""

import re
from datetime import timedelta

from infra.errors import DefinitionError

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def length(text: str, flag: str) -> timedelta:
    """A length written like 90m, 12h or 30d; raises DefinitionError for anything else."""
    match = re.fullmatch(r"(\d+)([mhd])", text)
    if match is None or int(match[1]) == 0:
        raise DefinitionError(f"{flag} {text} is no length of time such as 90m, 12h or 30d")
    return int(match[1]) * UNITS[match[2]]


def in_words(of: timedelta) -> str:
    """A length of time, such as 2 days or 90 minutes."""
    minutes = round(of.total_seconds() / 60)
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes >= size and (minutes % size == 0 or minutes > 10 * size):
            count = round(minutes / size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def as_flag(of: timedelta) -> str:
    """A length of time as a flag says it, in whole minutes."""
    minutes = max(int(of.total_seconds() // 60), 1)
    return f"{minutes // 1440}d" if minutes % 1440 == 0 else f"{minutes}m"


def as_code(of: timedelta) -> str:
    """A length of time as Python writes it, in whole minutes."""
    if of and of % timedelta(days=1) == timedelta(0):
        return f"timedelta(days={of.days})"
    return f"timedelta(minutes={int(of.total_seconds() // 60)})"
