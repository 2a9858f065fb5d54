"""What page traces cost: CPU time of pages of which none, all, or the usual share is traced, in turns in one process.

python -m tests.bench.page_traces [PAGES]        pages of each kind
"""

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from feature_repo.records import connect
from infra import redis_server
from infra.settings import Settings
from serving.access.keyring import bearer
from serving.api.app import App
from serving.online import online
from serving.systems.home_feed import SERVED, SERVICE
from tests.bench import filled, measured_release
from tests.bench.catalogue import NOW, Catalogue, Scale
from tests.bench.profile import PATIENT, asking
from tests.bench.stand import bodies, free_port

TURN = 50  # pages before the other kind's turn: whatever else the machine does meets all alike


def main() -> None:
    """Prepare a store and a release, and measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), redis_url=f"redis://127.0.0.1:{free_port()}/0", replay_from=NOW)
        with redis_server.running(settings.redis_url, settings.home / "redis"):
            catalogue = Catalogue(Scale())
            filled.fill(connect(settings.redis_url), catalogue)
            measured_release.build(settings.releases, catalogue, PATIENT)
            asyncio.run(_measured(settings, list(bodies(catalogue, 2 * count + TURN, seed=1))))


async def _measured(settings: Settings, asked: list[bytes]) -> None:
    served = replace(SERVED, policy=PATIENT)
    app = App(served, lambda: online(served, settings, SERVICE.name))
    starlette = app.starlette()
    async with starlette.router.lifespan_context(starlette):
        assert app.online is not None
        traces, ask = app.online.traces, asking(app.with_hot_routes(starlette), bearer(settings, "rank"))
        costs: dict[float, list[float]] = {0.0: [], 1.0: []}
        for turn, first in enumerate(range(0, len(asked) - TURN, TURN)):
            share = float(turn % 2)
            traces._share = share
            began = time.thread_time()
            for body in asked[first : first + TURN]:
                await ask(body)
            await asyncio.sleep(0)
            if turn > 1:
                costs[share].append((time.thread_time() - began) / TURN)
        none, every = (statistics.median(costs[share]) for share in (0.0, 1.0))
        usual = SERVED.process.traced_share
        print(f"a page {1e3 * none:.2f} ms CPU, traced {1e3 * every:.2f}: {every / none:.3f} times")
        print(f"with {usual:.0%} traced {1 + usual * (every / none - 1):.4f} times")


if __name__ == "__main__":
    main()
