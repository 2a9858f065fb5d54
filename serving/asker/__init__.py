"""The user a page is made for: what is known of them, read from Redis once a request."""

from serving.asker.asker import RequestAsker, asker_of
from serving.asker.blocked import not_read, read_blocked
from serving.asker.redis_link import RedisLink
from serving.asker.seen import ShownLately
from serving.asker.user_state import UserReader, UserState

__all__ = [
    "RedisLink",
    "RequestAsker",
    "ShownLately",
    "UserReader",
    "UserState",
    "asker_of",
    "not_read",
    "read_blocked",
]
