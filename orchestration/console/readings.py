"""What the pages show, read in threads: each thing by one thread at a time, kept for a moment, never waited for long.

So a page comes in time whatever does not answer, and a hundred people who look cost no more than one.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from infra.address import shown
from infra.errors import FlywheelError

WAIT_S = 2.5  # how long a page waits for one thing
KEPT_S = 3.0  # how old a thing may be that is shown without reading it again
FOREVER_S = 1e12  # for what never changes once it is there
MOST_KEPT = 512
THREADS, ASKED_THREADS = 64, 8  # for what all pages share; for what one visitor asks, which waits when all are taken
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What a panel shows: a value, or in a sentence why there is none now.

    old_s  how old a value is that is shown because a newer one does not come
    """

    value: T | None
    missing: str = ""
    old_s: float = 0.0


class Readings:
    """Reads, keeps and waits."""

    def __init__(self, wait_s: float = WAIT_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait_s, self._clock = wait_s, clock
        self._kept: OrderedDict[Hashable, tuple[float, Reading[Any]]] = OrderedDict()
        self._running: dict[Hashable, asyncio.Task[Reading[Any]]] = {}
        self._threads = ThreadPoolExecutor(THREADS, "console-reads")
        self._asked_threads = ThreadPoolExecutor(ASKED_THREADS, "console-asks")

    def close(self) -> None:
        """Start no further reads; those that run are not waited for."""
        for threads in (self._threads, self._asked_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    def forget(self) -> None:
        """Read everything again that changes: something was moved."""
        self._kept = OrderedDict((what, kept) for what, kept in self._kept.items() if kept[0] == FOREVER_S)

    def kept(self, what: Hashable) -> Reading[Any] | None:
        """What was read before and is still shown; None where it has to be read."""
        kept = self._kept.get(what)
        return kept[1] if kept is not None and self._clock() < kept[0] else None

    def keep(self, what: Hashable, reading: Reading[Any]) -> None:
        """Show this from now on: it never changes."""
        self._kept[what] = (FOREVER_S, reading)

    async def look(
        self, what: Hashable, read: Callable[[], T], keep_s: float = KEPT_S, wait_s: float | None = None
    ) -> Reading[T]:
        """What `read` gives, under the name `what`; a value from before where it does not come in time.

        keep_s  for how long it is shown again; 0 for what is asked about one person
        wait_s  for how long it is waited for, where that is not what panels are waited for
        """
        now, kept = self._clock(), self._kept.get(what)
        if kept is not None and now < kept[0]:
            return kept[1]
        task = self._running.get(what)
        if task is None:
            task = self._running[what] = asyncio.create_task(self._read(what, read, keep_s))
            task.add_done_callback(lambda _: self._running.pop(what, None))
        done, _ = await asyncio.wait({task}, timeout=wait_s or self._wait_s)
        if done:
            return task.result()
        late = f"no answer within {wait_s or self._wait_s:g} s; it is still waited for: load the page again"
        if kept is None or kept[1].value is None:
            return Reading(None, late)
        return replace(kept[1], missing=late, old_s=now - kept[0])

    async def _read(self, what: Hashable, read: Callable[[], T], keep_s: float) -> Reading[T]:
        reading: Reading[T]
        try:
            threads = self._threads if keep_s else self._asked_threads
            reading = Reading(await asyncio.get_running_loop().run_in_executor(threads, read))
        except FlywheelError as wrong:
            reading, keep_s = Reading(None, str(wrong)), min(keep_s, KEPT_S)
        except Exception as wrong:  # a panel that cannot be read takes no page down
            first = (str(wrong).strip().splitlines() or ["without a word"])[0]
            reading, keep_s = Reading(None, shown(f"{type(wrong).__name__}: {first[:300]}")), min(keep_s, KEPT_S)
        if not keep_s:
            return reading
        self._kept[what] = (FOREVER_S if keep_s == FOREVER_S else self._clock() + keep_s, reading)
        self._kept.move_to_end(what)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return reading
