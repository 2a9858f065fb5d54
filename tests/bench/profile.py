"""Where the CPU goes: the whole online path in this process, without sockets, by stage and by function.

Everything is CPU time of the event loop's thread, so that it can be read on a busy machine too.

python -m tests.bench.profile [REQUESTS]        at full size; about a minute of preparation
"""

import asyncio
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import msgspec.structs

from feature_repo.records import connect
from infra import redis_server
from infra.settings import Settings
from serving import metrics
from serving.access.keyring import bearer
from serving.api.app import App
from serving.definition import Policy
from serving.limits import budget
from serving.online import online
from serving.systems.home_feed import RELEASE, SERVED, SERVICE
from tests.bench import filled, measured_release
from tests.bench.catalogue import NOW, Catalogue, Scale
from tests.bench.measures import stages
from tests.bench.stand import bodies, free_port

Ask = Callable[[bytes], Awaitable[None]]

# A busy machine must not make the work less.
LIMITS = msgspec.structs.replace(RELEASE.limits, request_ms=1e5, calm_ms=1e5, unscored_ms=1e5)
PATIENT = Policy(
    msgspec.structs.replace(SERVICE, limits=msgspec.structs.replace(SERVICE.limits, user_ms=1e4)),
    msgspec.structs.replace(RELEASE, limits=LIMITS, sources=tuple(
        msgspec.structs.replace(source, deadline_ms=1e4) for source in RELEASE.sources
    )),
)  # fmt: skip


def main() -> None:
    """Prepare a store and a release, then time and profile requests."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), redis_url=f"redis://127.0.0.1:{free_port()}/0", replay_from=NOW)
        with redis_server.running(settings.redis_url, settings.home / "redis"):
            catalogue = Catalogue(Scale())
            filled.fill(connect(settings.redis_url), catalogue)
            measured_release.build(settings.releases, catalogue, PATIENT)
            asyncio.run(_profiled(settings, list(bodies(catalogue, 3 * count, seed=1)), count))


async def _profiled(settings: Settings, asked: list[bytes], count: int) -> None:
    app = App(replace(SERVED, policy=PATIENT), lambda: online(replace(SERVED, policy=PATIENT), settings, SERVICE.name))
    starlette = app.starlette()
    async with starlette.router.lifespan_context(starlette):
        parts = app.online
        assert parts is not None
        budget.perf_counter = time.thread_time  # stages in CPU time
        ask = asking(app.with_hot_routes(starlette), bearer(settings, "rank"))
        for body in asked[:count]:
            await ask(body)
        await _timed(ask, asked[count : 2 * count])
        profile = cProfile.Profile(time.thread_time)
        profile.enable()
        for body in asked[2 * count :]:
            await ask(body)
        profile.disable()
        statistics = pstats.Stats(profile)
        statistics.sort_stats("tottime").print_stats(45)
        statistics.sort_stats("cumulative").print_stats(r"(serving|feature_repo)/", 45)


async def _timed(ask: Ask, asked: list[bytes]) -> None:
    before, process, thread = _sums(), time.process_time(), time.thread_time()
    for body in asked:
        await ask(body)
    process, thread = time.process_time() - process, time.thread_time() - thread
    each = 1000 / len(asked)
    after = _sums()
    print(f"{process * each:.3f} ms CPU a request, {thread * each:.3f} of it in the event loop's thread")
    counted = {name: value - before.get(name, 0.0) for name, value in after.items()}
    print("ms of it by stage:", stages(counted))
    print(f"candidates scored: {counted['flywheel_scored_items_total'] / len(asked):.1f}")


def _sums() -> dict[str, float]:
    return {
        sample.name + (f'{{stage="{sample.labels["stage"]}"}}' if "stage" in sample.labels else ""): sample.value
        for family in metrics.REGISTRY.collect() for sample in family.samples if "le" not in sample.labels
    }  # fmt: skip


def asking(asgi: Any, headers: dict[str, str]) -> Ask:
    """What asks an app for feeds, without sockets; the answer must be well."""
    head = [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
    head += [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/feed", "headers": head, "server": ("127.0.0.1", 1),
        "client": ("127.0.0.1", 2),
    }  # fmt: skip

    async def ask(body: bytes) -> None:
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status", 0))

        await asgi(dict(scope), receive, send)
        assert statuses[0] == 200, f"status {statuses[0]}"

    return ask


if __name__ == "__main__":
    main()
