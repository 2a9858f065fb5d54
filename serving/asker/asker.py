"""The asker of one request: the words of the request and of the asker's profile, each with its precedence."""

from typing import Any

import msgspec

from serving.asker.user_state import UserState
from serving.definition import ReleasePolicy, ServicePolicy


class RequestAsker(msgspec.Struct, frozen=True):
    """One request's asker.

    context  the request's own words; what it leaves out is taken from the profile, else the first word allowed
    here     what eligibility is decided on: the request before the profile
    keys     what states are looked up by: the profile before the request, as in training
    gone     whether the asker's account was closed, or they were erased: nothing of theirs is used or stored
    """

    user: UserState
    context: dict[str, Any]
    here: dict[str, Any]
    keys: dict[str, Any]
    gone: bool = False


def asker_of(
    service: ServicePolicy, policy: ReleasePolicy, user: UserState, context: Any, *, erased: bool = False
) -> RequestAsker:
    """The asker of a request whose context was checked; one who was erased, or whose account was closed, is unknown."""
    gone = erased or _is_gone(policy, user)
    user = UserState(user.user, known=not erased) if gone else user
    view = f"{policy.user_view}."
    profile = {name.removeprefix(view): value for name, value in user.profile.items() if name.startswith(view)}
    profile[service.user] = user.user
    moment = {name: getattr(context, name) for name in service.names.context}
    for name, words in service.names.context.items():
        of_profile = profile.get(name)
        if moment[name] is None:
            moment[name] = of_profile if of_profile in words or not words else words[0]
    from_request = {name: value for name, value in moment.items() if value is not None}
    from_profile = {name: value for name, value in profile.items() if value is not None}
    return RequestAsker(user, moment, {**from_profile, **from_request}, {**from_request, **from_profile}, gone)


def _is_gone(policy: ReleasePolicy, user: UserState) -> bool:
    if policy.account is None:
        return False
    account = user.profile.get(policy.account.field)
    return account is not None and account not in policy.account.values
