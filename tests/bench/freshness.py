"""How fresh the feed is, end to end: `python -m tests.bench.freshness` writes bench/freshness.json below FLYWHEEL_HOME.

A real service with its real Redis and stream is sent 200 events a second. Beside them two questions are asked again and
again: how long until a new video, whose description has just landed, is ranked and no longer left out; and how long
until one action of a user, sent to /v1/events with its impression's token, changes what that user's candidates are
ranked by. First with the machine to themselves, then while the nightly batch ingests and publishes.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from infra.settings import Settings
from orchestration.sources.simulator import Scale, World, deliver
from serving.page.rungs import FULL
from tests.bench.live import WATCHED, Live, flywheel, live, redis_of, users, videos

EVENTS_A_SECOND, POSTS_A_SECOND = 200, 4
PROBE_EVERY_S = 1.6
LOOK_EVERY_S = 0.5
GIVEN_UP_S = 120.0
ALONE_S = 200.0
TARGET_S = 60.0
Say = Callable[[str], None]
number = count()


@dataclass
class Seen:
    """Seconds until each probe saw what it waited for; those that gave up count as the longest wait."""

    video: list[float] = field(default_factory=list)
    action: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Count, percentiles and maximum of each."""
        samples = {"new_video_eligible_s": self.video, "action_felt_s": self.action, "stream_lag_s": self.lag}
        return {name: _percentiles(values) for name, values in samples.items()}


def new_video(at: Live) -> float:
    """Seconds from the landing of a new video's description until the service ranks it."""
    name = f"new-{next(number)}"
    at.land("videos", videos([name]))
    asked = {"user_id": "asker", "video_ids": [name], "preview": True}
    return _until(lambda: not at.ask("rank", asked, "rank")["left_out"])


def action_felt(at: Live, user: str) -> float:
    """Seconds from the acknowledgement of a user's long watch until it shows in what the user's feed is ranked by.

    The user's page is asked for first: its token is what the action is believed by. It has one item, for each other one
    of its category would count as shown and not watched, and three hide the watch.
    """
    page = _page(at, user)
    item = page["items"][0]["video_id"]
    before = float("nan")
    while not before >= 0:
        before = _taste(at, user, item)
    watch = {"video_id": item, "action": "watch", "watch_seconds": 90.0, "token": page["token"]}
    at.ask("events", {"events": [{**watch, "event_time": datetime.now(UTC).isoformat()}]}, "events")
    return _until(lambda: _taste(at, user, item) > before + 0.05)


def _page(at: Live, user: str) -> dict[str, Any]:
    """A page with something on it: pools are made anew every ten seconds, and the first ones knew no video."""
    pages: list[dict[str, Any]] = []

    def filled() -> bool:
        pages.append(at.ask("feed", {"user_id": user, "limit": 1}, "rank"))
        return bool(pages[-1]["items"])

    _until(filled)
    assert pages[-1]["items"], f"no feed for {user}: {pages[-1]}"
    return pages[-1]


def _taste(at: Live, user: str, item: str) -> float:
    """The watched feature's value for one item, as the service explains it; NaN when it answers from a lower rung."""
    asked = {"user_id": user, "video_ids": [item], "preview": True, "explain": True}
    answer = at.ask("rank", asked, "operate")
    if answer["served_by"] != FULL or not answer["items"]:
        return float("nan")
    return next(float(each["value"]) for each in answer["items"][0]["why"] if each["feature"] == WATCHED)


def _until(seen: Callable[[], bool]) -> float:
    began = time.monotonic()
    while time.monotonic() - began < GIVEN_UP_S:
        if seen():
            break
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - began


@contextmanager
def load(at: Live, names: list[str], items: list[str]) -> Iterator[None]:
    """Two hundred events a second from a server that may send them, spread over users and videos."""
    ended, draw = threading.Event(), np.random.default_rng(7)

    def send() -> None:
        began = time.monotonic()
        for turn in count():
            now, size = datetime.now(UTC).isoformat(), EVENTS_A_SECOND // POSTS_A_SECOND
            who, what = draw.choice(len(names), size, replace=False), draw.choice(len(items), size)
            rows = [
                {"event_id": f"load-{turn}-{i}", "user_id": names[u], "video_id": items[v], "action": "watch",
                 "watch_seconds": float(10 + i), "event_time": now}
                for i, (u, v) in enumerate(zip(who, what, strict=True))
            ]  # fmt: skip
            at.ask("events", {"events": rows}, "ingest")
            if ended.wait(max(0.0, began + (turn + 1) / POSTS_A_SECOND - time.monotonic())):
                return

    with ThreadPoolExecutor(1) as one:
        sending = one.submit(send)
        try:
            yield
        finally:
            ended.set()
            sending.result()


def probed(at: Live, known: Iterator[str], while_: Callable[[], bool]) -> Seen:
    """Both probes again and again for as long as asked; every one that began is waited for."""
    seen, waiting = Seen(), []
    with ThreadPoolExecutor(200) as pool:
        while while_():
            waiting.append((seen.video, pool.submit(new_video, at)))
            waiting.append((seen.action, pool.submit(action_felt, at, next(known))))
            lag = at.lag_s()
            seen.lag += [] if lag is None else [lag]
            time.sleep(PROBE_EVERY_S)
        for samples, probe in waiting:
            samples.append(probe.result())
    return seen


def filled(settings: Settings, say: Say) -> None:
    """Five days of a simulated platform up to today, in the lake and online, as a nightly batch finds them."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    scale = Scale(users=1_000, videos=4_000, days=5, impressions=60_000, start=today - timedelta(days=5))
    say(f"{scale.days} days of a platform are ingested and published …")
    deliver(World.make(scale).history(), scale, settings.landing)
    nightly(settings, scale.start.date(), scale.end.date() - timedelta(days=1))


def nightly(settings: Settings, first: date, last: date) -> None:
    """The batch, as a process: ingestion, states, profiles, the online store."""
    days = ("--day", first.isoformat(), "--until", last.isoformat())
    with flywheel(settings, "run", "features", *days) as batch:
        if batch.wait() != 0:
            raise AssertionError(f"the nightly batch failed: {settings.home / 'logs' / 'run.log'}")


def described(at: Live, count: int, what: str) -> list[str]:
    """Names of so many new users or videos, described to the stream and known to the service."""
    names = [f"{what}-{i}" for i in range(count)]
    at.land(what, users(names) if what == "users" else videos(names))
    return names


def measured(home: Path, say: Say) -> dict[str, Any]:
    """Both phases on an installation of its own."""
    with redis_of(home) as settings:
        filled(settings, say)
        say("the service and the stream start …")
        with live(settings) as at:
            callers, items = described(at, 2_000, "users"), described(at, 1_500, "videos")
            new_video(at)
            with load(at, callers[:1_000], items):
                known = iter(callers[1_000:])
                results = {"alone": _alone(at, known, say), "beside the nightly batch": _beside(at, known, say)}
    return results


def _alone(at: Live, known: Iterator[str], say: Say) -> dict[str, Any]:
    ends, before, began = time.monotonic() + ALONE_S, at.cpu_s(), time.monotonic()
    results = probed(at, known, lambda: time.monotonic() < ends).figures()
    took = time.monotonic() - began
    results["cpu_share_of_a_core"] = {
        name: round((at.cpu_s()[name] - spent) / took, 2) for name, spent in before.items()
    }
    say(f"alone: {results}")
    return results


def _beside(at: Live, known: Iterator[str], say: Say) -> dict[str, Any]:
    """While batches follow one another without a pause: each ingests what has landed and publishes two days anew."""
    today, began, runs = datetime.now(UTC).date(), time.monotonic(), [0]

    def batches() -> None:
        while time.monotonic() - began < ALONE_S:
            nightly(at.settings, today - timedelta(days=1), today)
            runs[0] += 1

    with ThreadPoolExecutor(1) as one:
        running = one.submit(batches)
        results = probed(at, known, lambda: not running.done()).figures()
        running.result()
    results["batches"] = runs[0]
    say(f"beside the nightly batch: {results}")
    return results


def main() -> int:
    """The whole run; exit status 1 when something is felt later than within a minute."""
    began = time.monotonic()

    def say(words: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {words}", flush=True)

    with tempfile.TemporaryDirectory(prefix="flywheel-fresh-") as home:
        results = measured(Path(home), say)
    late = [f"{phase}: {name}" for phase, samples in results.items()
            for name in ("new_video_eligible_s", "action_felt_s") if not samples[name]["p99"] <= TARGET_S]  # fmt: skip
    results |= {"events_a_second": EVENTS_A_SECOND, "target_p99_s": TARGET_S, "missed": late}
    results |= {"taken_at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    target = Settings().home / "bench" / "freshness.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1) + "\n")
    say(f"written: {target}; missed: {', '.join(late) or 'nothing'}")
    return 1 if late else 0


def _percentiles(values: list[float]) -> dict[str, float | int]:
    p50, p99 = np.percentile(values, [50, 99]) if values else (np.nan, np.nan)
    return {"n": len(values), "p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(max(values), 1)}


if __name__ == "__main__":
    sys.exit(main())
