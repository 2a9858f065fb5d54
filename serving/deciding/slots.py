"""A place in the review queue, taken within the request's time and never over the day's capacity."""

import asyncio
import logging
import sqlite3
from datetime import UTC, datetime

from infra.errors import Unavailable
from serving.asker import Link
from serving.case_policy import Queue
from serving.deciding.review_queue import Review, ReviewQueue
from serving.limits import Budget

TWO_DAYS_S = 172_800
log = logging.getLogger(__name__)


class Slots:
    """Gives cases their places. Where the file of the queue fails, there are none: nobody could see them."""

    def __init__(self, queue: ReviewQueue, project: str, link: Link) -> None:
        self.queue, self._link, self._prefix = queue, link, f"fw:{project}!reviews:"

    async def take(self, values: Queue, review: Review, budget: Budget) -> bool:
        """Whether the case has a place in the queue now."""
        day = day_of(review.at)
        capacity = values.for_lot if review.by_lot else values.a_day - values.for_lot
        taking = asyncio.ensure_future(asyncio.to_thread(self._take, review, day, capacity))
        try:
            taken = await asyncio.wait_for(asyncio.shield(taking), budget.left_s / 2)
        except TimeoutError:
            taking.add_done_callback(lambda done: self._withdraw_late(review.key))
            return False
        if taken and not await self._counted(day, review, capacity):
            await asyncio.to_thread(self._withdraw, review.key)
            return False
        return taken

    def _take(self, review: Review, day: str, capacity: int) -> bool:
        try:
            return self.queue.take(review, day, capacity)
        except (OSError, sqlite3.Error) as failed:
            log.error("review queue: %s; nothing comes to review", failed)
            return False

    async def _counted(self, day: str, review: Review, capacity: int) -> bool:
        """Whether all machines together are within the capacity, as far as Redis can say."""
        key = f"{self._prefix}{day}:{'lot' if review.by_lot else 'score'}"
        try:
            count, _ = await self._link.ask(("INCR", key), ("EXPIRE", key, TWO_DAYS_S))
        except Unavailable:
            return True
        return int(count) <= capacity

    def _withdraw_late(self, key: str) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._withdraw, key)

    def _withdraw(self, key: str) -> None:
        try:
            self.queue.withdraw(key)
        except (OSError, sqlite3.Error) as failed:
            log.error("review queue: %s", failed)


def day_of(at: float) -> str:
    """The day of a moment, UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()
