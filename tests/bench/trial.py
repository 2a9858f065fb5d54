"""What a release on trial costs those whom the champion answers: CPU with a canary beside it, p95 with a shadow.

Both are ratios of turns that alternate in this process, without sockets, so that they can be read on a busy machine.

python -m tests.bench.trial [VIDEOS]        a minute or two of preparation, three of measuring
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from feature_repo.records import connect
from infra import redis_server
from infra.release_format import Challenger, read_live_pointer
from infra.settings import Settings
from serving import metrics
from serving.access.keyring import bearer
from serving.api.app import App
from serving.assignment import CHAMPION, Shares, variant_of
from serving.definition import Policy, ProcessValues, ShadowValues
from serving.model import OnTrial, Release
from serving.online import Online, online
from serving.systems.home_feed import RELEASE, SERVED, SERVICE
from tests.bench import filled, measured_release
from tests.bench.catalogue import NOW, Catalogue, Scale
from tests.bench.profile import PATIENT, asking
from tests.bench.stand import bodies, free_port

Ask = Callable[[bytes], Awaitable[None]]
TURNS, REQUESTS = 16, 40
SHADOW_TURNS, SECONDS = 4, 6.0
HALF = Shares(RELEASE.limits.lowest_share, RELEASE.limits.holdback_share, 0.5, "bench")
POLICY = Policy(
    PATIENT.service, msgspec.structs.replace(
        PATIENT.release, limits=msgspec.structs.replace(PATIENT.release.limits, refuse_ms=1e6)
    )
)  # fmt: skip
LOADS = (0.1, 0.4)  # of what one core answers: a quiet hour, and a busy one


def main() -> None:
    """Prepare a store and two releases of the same model, then measure."""
    videos = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), redis_url=f"redis://127.0.0.1:{free_port()}/0", replay_from=NOW)
        with redis_server.running(settings.redis_url, settings.home / "redis"):
            catalogue = Catalogue(Scale(videos=videos, rows=20_000))
            filled.fill(connect(settings.redis_url), catalogue)
            measured_release.build(settings.releases, catalogue, POLICY)
            asyncio.run(_measured(settings, cycle(bodies(catalogue, 5_000, seed=1))))


async def _measured(settings: Settings, asked: Iterator[bytes]) -> None:
    always = ProcessValues(shadow=ShadowValues(share=1.0))
    served = replace(SERVED, policy=POLICY, process=always)
    app = App(served, lambda: online(served, settings, SERVICE.name))
    starlette = app.starlette()
    async with starlette.router.lifespan_context(starlette):
        parts = app.online
        assert parts is not None
        await parts.releases.stop()
        trial = await Trial.of(parts, settings)
        ask = asking(app.with_hot_routes(starlette), bearer(settings, "rank"))
        for share in (None, 0, 50):
            trial.at(share)
            await _cpu_ms(ask, asked)
        each_ms = await _canary(trial, ask, asked)
        for load in LOADS:
            await _shadow(trial, ask, asked, load * 1000 / each_ms)


class Trial:
    """Moves between no trial, a shadow and a canary of the same model, which stays in memory meanwhile."""

    def __init__(self, parts: Online, loaded: OnTrial[Release]) -> None:
        self._parts, self._loaded = parts, loaded

    @classmethod
    async def of(cls, parts: Online, settings: Settings) -> "Trial":
        """The trial of a copy of the live release."""
        path = settings.releases / "live.json"
        champion = path.read_bytes()
        measured_release.with_policy(settings.releases, "2", POLICY)
        promoted = read_live_pointer(path)
        path.write_bytes(champion)
        alone = read_live_pointer(path)
        assert promoted is not None
        assert alone is not None
        tried = Challenger(promoted.champion, 0, HALF.salt)
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(alone, challenger=tried)))
        await parts.releases._follow()
        await parts.releases.challenger.follow()
        assert parts.releases.trial is not None
        return cls(parts, parts.releases.trial)

    def at(self, share: int | None, shadow: bool = False) -> None:
        """The release on trial answers so many per cent of the askers; None: there is no trial."""
        on_trial = None if share is None else replace(self._loaded, share=share / 100)
        self._parts.releases.challenger.trial = on_trial
        self._parts.shadow._values = ShadowValues(share=float(shadow))


async def _canary(trial: Trial, ask: Ask, asked: Iterator[bytes]) -> float:
    """Tell the cost of a request with a canary beside the cost without; returns the latter, in ms."""
    found: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(2 * TURNS):
        on = turn % 4 in {1, 2}
        trial.at(50 if on else None)
        found[on].append(await _cpu_ms(ask, asked))
    without, with_trial = (statistics.median(found[on]) for on in (False, True))
    ratio = statistics.median(b / a for a, b in zip(found[False], found[True], strict=True))
    print(f"CPU a request: {without:.3f} ms without a trial, {with_trial:.3f} with a canary of half; ratio {ratio:.3f}")
    return without


async def _shadow(trial: Trial, ask: Ask, asked: Iterator[bytes], a_second: float) -> None:
    """Tell the p95 with the shadow beside the p95 without, under a load of so many requests a second."""
    found: dict[bool, list[float]] = {False: [], True: []}
    before = _outcomes()
    for turn in range(2 * SHADOW_TURNS):
        on = turn % 4 in {1, 2}
        trial.at(0, shadow=on)
        found[on] += await _open_loop(ask, asked, a_second, seed=turn // 2)
    p95, p95_shadow = (1000 * float(np.percentile(found[on], 95)) for on in (False, True))
    outcomes = {name: value - before.get(name, 0.0) for name, value in _outcomes().items()}
    said = ", ".join(f"{value:.0f} {name}" for name, value in outcomes.items() if value)
    print(f"at {a_second:.0f} a second, p95: {p95:.2f} ms without the shadow, {p95_shadow:.2f} with; ratio "
          f"{p95_shadow / p95:.3f}; of {len(found[True])} answers {said}")  # fmt: skip


async def _open_loop(ask: Ask, asked: Iterator[bytes], a_second: float, seed: int) -> list[float]:
    """How long each of the requests took that came in some seconds, at random moments whatever the answers."""
    took: list[float] = []

    async def one(body: bytes, due: float) -> None:
        await ask(body)
        took.append(time.perf_counter() - due)

    gaps = np.random.default_rng(seed).exponential(1 / a_second, int(SECONDS * a_second))
    due, tasks = time.perf_counter(), []
    for gap in gaps:
        due += gap
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        tasks.append(asyncio.create_task(one(next(asked), due)))
    await asyncio.gather(*tasks)
    return took


async def _cpu_ms(ask: Ask, asked: Iterator[bytes]) -> float:
    """The median cost of a request of those whom a canary of half leaves to the champion; the others are asked, too."""
    took: list[float] = []
    while len(took) < REQUESTS:
        body = next(asked)
        began = time.thread_time()
        await ask(body)
        if variant_of(HALF, msgspec.json.decode(body)["user_id"]) == CHAMPION:
            took.append(time.thread_time() - began)
    return 1000 * statistics.median(took)


def _outcomes() -> dict[str, float]:
    metrics.Tally.flush()
    samples: list[Any] = [sample for family in metrics.SHADOW.collect() for sample in family.samples]
    return {s.labels["outcome"]: s.value for s in samples if s.name.endswith("_total")}


if __name__ == "__main__":
    main()
