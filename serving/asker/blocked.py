"""What one asker blocked: what was read, and whether that was all of it."""

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
    """The asker's mark (1,) when not all of their state was read, or Redis has none, as after a loss of its data."""
    complete = who.gone or (who.user.profile and not who.user.why)
    return None if complete else marks([who.user.user])


def _codes(user: UserState, name: str, now: float) -> Codes:
    """Codes whose counter says that it was done, or whose record cannot be read."""
    view, _, counter = name.partition(".")
    tastes: Tastes | None = user.mixed.get(view)
    if tastes is None or not len(tastes.at):
        return NONE
    return tastes.done(counter, now, DONE)
