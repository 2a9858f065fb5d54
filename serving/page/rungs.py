"""The rungs of the ladder of answers, by the names they have in answers, logs and metrics."""

FULL = "full"
STALE = "stale_release"  # scored by the last proven release, not by the one the registry names
NEUTRAL = "no_user_state"  # scored, but the asker's state could not be read in time
POPULAR = "popular"  # not scored: what is watched now and what is new, from memory
NOTHING = "nothing_known"  # empty and well-formed: nothing is known that may be shown
PERSONAL = frozenset({FULL, STALE})  # the answers that know their asker
