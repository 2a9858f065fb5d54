"""What traces cost: the same requests without them, with one in a hundred traced, and with all of them.

The ways take turns within one process, and only CPU time counts, so that it can be read on a busy machine too.

python -m tests.bench.traces [ROUNDS]
"""

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from feature_repo.records import connect
from infra import redis_server
from infra.settings import Settings
from serving.access.keyring import bearer
from serving.api.app import App
from serving.api.traces import Traced, traced
from serving.limits import TRACING
from serving.online import online
from serving.systems.home_feed import SERVED, SERVICE
from tests.bench import filled, measured_release
from tests.bench.catalogue import NOW, Catalogue, Scale
from tests.bench.profile import PATIENT, Ask, asking
from tests.bench.stand import bodies, free_port
from tests.serving.api.test_traces import collecting

A_TURN = 100  # requests
WAYS = {"off": None, "one in a hundred": 0.01, "all": 1.0}


def main() -> None:
    """Prepare a store and a release, then ask in turns and print what each way cost."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder, collecting() as collector:
        settings = Settings(home=Path(folder), redis_url=f"redis://127.0.0.1:{free_port()}/0", replay_from=NOW)
        with redis_server.running(settings.redis_url, settings.home / "redis"):
            catalogue = Catalogue(Scale(50_000))
            filled.fill(connect(settings.redis_url), catalogue)
            measured_release.build(settings.releases, catalogue, PATIENT)
            asked = list(bodies(catalogue, (rounds + 2) * A_TURN, seed=1))
            asyncio.run(_measured(settings, asked, rounds, f"http://127.0.0.1:{collector.port}/v1/traces"))
        print(f"spans delivered: {len(collector.spans):,}")


async def _measured(settings: Settings, asked: list[bytes], rounds: int, address: str) -> None:
    served = replace(SERVED, policy=PATIENT)
    app = App(served, lambda: online(served, settings, SERVICE.name))
    starlette = app.starlette()
    async with starlette.router.lifespan_context(starlette):
        routes, headers = app.with_hot_routes(starlette), bearer(settings, "rank")
        apps = {}
        for name, share in WAYS.items():
            how = {} if share is None else {"traces": address, "traces_share": share}
            apps[name] = traced(routes, settings.model_copy(update=how))
        ways = {name: asking(way, headers) for name, way in apps.items()}
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in range(rounds + 2):  # the first two are to warm up
            for name, ask in ways.items():
                TRACING.on = name != "off"
                cost = await _cost(ask, asked[turn * A_TURN : (turn + 1) * A_TURN])
                if turn > 1:
                    costs[name].append(cost)
    for way in (each for each in apps.values() if isinstance(each, Traced)):
        way._tracer.span_processor.shutdown()  # type: ignore[attr-defined]
    plain = costs["off"]
    for name, of_way in costs.items():
        loop, process = (median(cost[i] for cost in of_way) for i in (0, 1))
        ratio = median(own[0] / other[0] for own, other in zip(of_way, plain, strict=True))
        print(f"{name}: {loop:.3f} ms a request in the event loop's thread, {process:.3f} in all; {ratio:.3f} × off")


async def _cost(ask: Ask, asked: list[bytes]) -> tuple[float, float]:
    thread, process = time.thread_time(), time.process_time()
    for body in asked:
        await ask(body)
    return (time.thread_time() - thread) / len(asked) * 1000, (time.process_time() - process) / len(asked) * 1000


if __name__ == "__main__":
    main()
