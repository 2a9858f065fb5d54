"""CPU time of some parts, each compared with the obvious way of doing the same, in one run on one machine."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from infra.settings import socket_url
from orchestration.system import Installation

ENTITIES, REQUESTED = 5_000, 500
END = datetime(2026, 5, 4, tzinfo=UTC)


@dataclass(frozen=True)
class TimedWork:
    """CPU seconds of this process for one piece of work, done our way and the obvious way."""

    what: str
    ours: float
    obvious: float

    def row(self) -> tuple[str, ...]:
        """What, ours, the obvious way, and how many times cheaper ours is."""
        return (
            self.what,
            f"{self.ours * 1000:,.2f} ms",
            f"{self.obvious * 1000:,.2f} ms",
            f"{self.obvious / self.ours:,.1f}×",
        )


def measure(installation: Installation, home: Path, say: Callable[[str], None]) -> list[tuple[str, ...]]:
    """Measure on made-up states below `home`; figures go to bench/parts.json of the installation."""
    from infra.redis_server import running

    settings = installation.settings.model_copy(
        update={"home": home, "redis_url": socket_url(home), "replay_from": END}
    )
    scratch = Installation(installation.system, settings)
    with running(settings.redis_url, home / "redis"):
        say("publishing made-up states …")
        keys = _publish(scratch)
        say("online reads …")
        timings = [_online(scratch, keys)]
    say("scores …")
    timings.append(_scores(home))
    target = installation.settings.home / "bench" / "parts.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([m.__dict__ for m in timings], indent=1))
    return [m.row() for m in timings]


def _publish(installation: Installation) -> list[str]:
    """States of one view in the lake and online; returns the entities."""
    from feature_repo.stores import materialise

    view = installation.system.features.counter_views[0]
    draw = np.random.default_rng(0)
    keys = [f"e{i:06d}" for i in range(ENTITIES)]
    moments = pa.array([END - timedelta(hours=1)] * ENTITIES, pa.timestamp("us", tz="UTC"))
    rows = {view.keys[0]: pa.array(keys), "event_timestamp": moments, "published_at": moments}
    rows |= {name: pa.array(draw.random(ENTITIES, dtype=np.float32)) for name in view.counters}
    installation.lake.replace(f"states/{view.name}", END.date() - timedelta(days=1), pa.table(rows))
    materialise(installation.store, installation.system.features, END - timedelta(days=2), END, [view.name])
    return keys[:REQUESTED]


def _online(installation: Installation, keys: list[str]) -> TimedWork:
    """Reading the counters of 500 entities: packed records, and Feast's own call on the same store."""
    from feature_repo.records import connect, layouts, read_records

    view = installation.system.features.counter_views[0]
    layout = layouts(installation.system.features)[view.name]
    client = connect(installation.settings.redis_url)
    features = [f"{view.name}:{name}" for name in view.counters]
    entities = [{view.keys[0]: key} for key in keys]
    ours = _cost(lambda: read_records(client, layout, [(key,) for key in keys]))
    obvious = _cost(lambda: installation.store.get_online_features(features, entity_rows=entities))
    return TimedWork(f"read {len(keys)} entities × {len(view.counters)} counters", ours, obvious)


def _scores(home: Path) -> TimedWork:
    """Scoring a request's candidates, of whose 40 features 9 are the user's: as the service does, and by XGBoost."""
    import xgboost

    from serving.model import Trees

    draw = np.random.default_rng(0)
    examples = draw.normal(size=(20_000, 40)).astype(np.float32)
    liked = (
        examples[:, :20] @ draw.normal(size=20) + examples[:, 20] * examples[:, 39] + draw.normal(size=len(examples))
    ) > 0
    matrix = xgboost.QuantileDMatrix(examples, liked, max_bin=64)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "max_bin": 64}, matrix, 300)
    booster.save_model(home / "model.ubj")
    booster.set_param({"nthread": 1})
    rows = draw.normal(size=(REQUESTED, 40)).astype(np.float32)
    rows[:, :9] = rows[0, :9]
    trees = Trees(home / "model.ubj")
    ours = _cost(lambda: trees.score(rows))
    obvious = _cost(lambda: booster.inplace_predict(rows))
    return TimedWork(f"score {REQUESTED} candidates × 40 features, 300 trees", ours, obvious)


def _cost(work: Callable[[], Any], runs: int = 15) -> float:
    """Median CPU seconds of some runs, after one that warms up."""
    work()
    took = []
    for _ in range(runs):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return float(np.median(took))
