"""Redis filled with made-up cards and terminals, and a release of 300 trees that decides their payments."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import redis as redis_client
import xgboost

from feature_repo.recipe import recipe_of
from feature_repo.records import encode, layouts, write_records
from infra.clock import written
from infra.manifest import write_manifest
from infra.release_format import OperatingPoint, write_operating_point
from infra.settings import Settings
from serving.policy_json import to_json
from tests.bench.cases.serving import FEATURES, NAME, POLICY
from tests.signed import point

CARDS, TERMINALS, TREES, DEPTH, ROWS = 400, 100, 300, 6, 4000
COLUMNS = [feature.name for feature in FEATURES.features]


def fill(settings: Settings) -> None:
    """Write every record that a request reads."""
    rng, laid_out, at = np.random.default_rng(5), layouts(FEATURES), int(time.time()) - 600
    keys: dict[str, list[tuple[str, ...]]] = {
        "card": [(f"c{i}",) for i in range(CARDS)],
        "terminal": [(f"t{i}",) for i in range(TERMINALS)],
        "pair": [(f"c{i}", f"t{i % TERMINALS}") for i in range(CARDS)],
        "terminal_profile": [(f"t{i}",) for i in range(TERMINALS)],
    }
    with redis_client.Redis.from_url(settings.redis_url) as redis:
        for view, entities in keys.items():
            layout, rows = laid_out[view], len(entities)
            floats = rng.gamma(1.0, 5.0, (rows, len(layout.floats))).astype(np.float32)
            others = [[at * 1_000_000 if name == "published_at" else at - 10**6] * rows for name in layout.others]
            times = np.full(rows, at * 1_000_000, dtype=np.int64)
            write_records(redis, layout, entities, encode(layout, floats, others, times, times), _moment(at))


def _moment(at: int) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC)


def examples() -> tuple[Any, Any]:
    """Rows like those that are scored, and what is to be learned of them: one in twenty is bad."""
    rng = np.random.default_rng(11)
    rows = rng.gamma(1.0, 2.0, (ROWS, len(COLUMNS))).astype(np.float32)
    risk = rows[:, 0] + rows[:, 8] - rows[:, 20] + rng.normal(0, 1, ROWS)
    return rows, (risk > np.quantile(risk, 0.95)).astype(np.float32)


def release(settings: Settings, trees: int = TREES) -> Path:
    """Publish a release and make it the champion."""
    registry = settings.of(NAME).releases
    folder = registry / "1"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows, bad = examples()
    params = {"max_depth": DEPTH, "nthread": 2, "objective": "binary:logistic", "eta": 0.05, "min_child_weight": 0.1}
    booster = xgboost.train(params, xgboost.DMatrix(rows, bad), trees)
    booster.save_model(folder / "model.ubj")
    np.savez(folder / "golden.npz", inputs=rows[:50], scores=booster.inplace_predict(rows[:50]))
    (folder / "recipe.json").write_bytes(recipe_of(FEATURES))
    (folder / "policy.json").write_bytes(to_json(POLICY))
    write_operating_point(folder, OperatingPoint(None))
    write_manifest(
        folder, system=NAME, version="1", created_at=written(time.time()), kind="xgboost", features=COLUMNS,
        dataset_digest="d",
    )  # fmt: skip
    point(registry, "1")
    return folder


def payment(number: int) -> dict[str, Any]:
    """A payment of some card at some terminal; one in fifty is large, and comes to review."""
    return {
        "payment_id": f"p{number}", "card_id": f"c{number % CARDS}", "terminal_id": f"t{number % TERMINALS}",
        "amount": 500.0 if number % 50 == 0 else 5.0 + number % 90, "channel": "online",
    }  # fmt: skip
