"""What one asker blocked: what was read of it, and whether that was all."""

from collections.abc import Mapping

from feature_repo.records import DONE
from infra.marks import Marks, marks
from serving.asker.asker import RequestAsker
from serving.asker.user_state import Tastes, UserState
from serving.definition import ReleasePolicy
from serving.filters import NotBlocked
from serving.items import NONE, Codes


def read_blocked(policy: ReleasePolicy, user: UserState, now: float) -> Mapping[str, Codes]:
    """Codes of what was read that the asker blocked, by the counter that says so."""
    counters = [rule.counter for rule in policy.filters if isinstance(rule, NotBlocked)]
    return {counter: _codes(user, counter, now) for counter in counters}


def not_read(who: RequestAsker) -> Marks | None:
    """The mark (1,) of an asker of whom not all was read, or nothing is there, as in a Redis that lost its memory."""
    known = who.gone or (who.user.profile and not who.user.why)
    return None if known else marks([who.user.user])


def _codes(user: UserState, name: str, now: float) -> Codes:
    """Codes whose counter says that it was done, or whose record cannot be read."""
    view, _, counter = name.partition(".")
    tastes: Tastes | None = user.mixed.get(view)
    if tastes is None or not len(tastes.at):
        return NONE
    return tastes.done(counter, now, DONE)
