"""Who asks, from where and on what: what the request says and what is known of the asker, each where it counts."""

from typing import Any

import msgspec

from serving.asker.user_state import UserState
from serving.definition import ReleasePolicy, ServicePolicy


class RequestAsker(msgspec.Struct, frozen=True):
    """One request's asker.

    context  what the request says of its moment; what it leaves open is the profile's, else the first word it could be
    here     what eligibility is decided on: the request before the profile
    keys     what states are looked up by: the profile before the request, as in training
    gone     whether the asker's account is no more: nothing of theirs is used or remembered
    """

    user: UserState
    context: dict[str, Any]
    here: dict[str, Any]
    keys: dict[str, Any]
    gone: bool = False


def asked(service: ServicePolicy, policy: ReleasePolicy, user: UserState, context: Any) -> RequestAsker:
    """The asker of a request whose context was checked; who is gone counts as unknown."""
    gone = _is_gone(policy, user)
    user = UserState(user.user) if gone else user
    view = f"{policy.user_view}."
    profile = {name.removeprefix(view): value for name, value in user.profile.items() if name.startswith(view)}
    profile[service.user] = user.user
    said = {name: getattr(context, name) for name in service.names.context}
    for name, words in service.names.context.items():
        known = profile.get(name)
        if said[name] is None:
            said[name] = known if known in words or not words else words[0]
    given = {name: value for name, value in said.items() if value is not None}
    known = {name: value for name, value in profile.items() if value is not None}
    return RequestAsker(user, said, {**known, **given}, {**given, **known}, gone)


def _is_gone(policy: ReleasePolicy, user: UserState) -> bool:
    if policy.account is None:
        return False
    account = user.profile.get(policy.account.field)
    return account is not None and account not in policy.account.values
