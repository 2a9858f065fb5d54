"""The user a page is made for: what is known of them, read from Redis once a request."""

from serving.asker.asker import RequestAsker, asker_of
from serving.asker.blocked import not_read, read_blocked
from serving.asker.case_state import CaseReader, CaseState, Given
from serving.asker.redis_link import Command, RedisLink
from serving.asker.seen import ShownLately
from serving.asker.user_state import Link, UserReader, UserState

__all__ = [
    "CaseReader",
    "CaseState",
    "Command",
    "Given",
    "Link",
    "RedisLink",
    "RequestAsker",
    "ShownLately",
    "UserReader",
    "UserState",
    "asker_of",
    "not_read",
    "read_blocked",
]
