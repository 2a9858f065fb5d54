"""The client of the online store."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Refused
from redis.exceptions import TimeoutError as TooSlow
from redis.retry import Retry

from infra.errors import Unavailable

CONNECTS_IN_S = 5.0
ANSWERS_IN_S = 60.0  # for batches: a busy machine may take seconds for one; the service passes less


def connect(url: str, timeout_s: float = ANSWERS_IN_S) -> Redis:
    """A client for the store at `url`; use it within `errors_as_unavailable`."""
    second_try = Retry(NoBackoff(), 1)  # for a connection from before the server was restarted
    connects_in_s = min(timeout_s, CONNECTS_IN_S)
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=connects_in_s, retry=second_try)


@contextmanager
def errors_as_unavailable(redis: Redis) -> Iterator[None]:
    """In the block, a store that does not answer raises Unavailable."""
    try:
        yield
    except (Refused, TooSlow) as error:
        where = redis.connection_pool.connection_kwargs
        place = where.get("path") or f"{where.get('host')}:{where.get('port')}"
        raise Unavailable(f"Redis at {place}: {error}. Start it (`flywheel up`) or set FLYWHEEL_REDIS_URL.") from error
