"""The rungs of the ladder of decisions, by the names they have in answers, logs and metrics."""

FULL = "full"
STALE = "stale_release"  # scored by the last proven release, not by the one the registry names
NO_STATE = "no_state"  # scored, but the states of the case could not be read in time
RULES = "rules"  # not scored: the rules alone decide
DEFAULT = "default"  # not scored: the usual action, or the base
KNOWING = frozenset({FULL, STALE})  # the answers that know their case
