"""A feature arrives null in one region: the decision log says so, and nobody told monitoring where to look."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from infra.errors import Unavailable
from infra.settings import Settings
from monitoring.reference import Reference
from monitoring.slices import parts_of
from orchestration.diagnosing import diagnose
from orchestration.release_inputs import REFERENCE
from orchestration.system import Installation
from orchestration.systems.home_feed import HOME_FEED
from training.rows import GAIN, JUDGED, dataset
from validation.systems.home_feed import DEVICES, IMPRESSIONS

DAY = date(2026, 5, 7)
FEATURES = tuple(feature.name for feature in HOME_FEED.features.features)
NULL = FEATURES.index("user_long_view_rate_1d")
PAGES, SHOWN, USERS = 600, 6, 240
TASK = HOME_FEED.task


def rows(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows with the columns of their labels, features that users have habits in, and scores."""
    rng, count = np.random.default_rng(seed), PAGES * SHOWN
    habits, region = rng.random((USERS, len(FEATURES))), rng.integers(0, 3, USERS)
    user = np.repeat(rng.integers(0, USERS, PAGES), SHOWN)
    values = (0.8 * habits[user] + 0.2 * rng.random((count, len(FEATURES)))).astype(np.float32)
    moment = pd.Series([pd.Timestamp(DAY, tz="UTC") + pd.Timedelta(hours=12)] * count)
    frame = pd.DataFrame({
        "request_id": [f"{i // SHOWN}" for i in range(count)], "video_id": [f"v{i % SHOWN}" for i in range(count)],
        "user_id": [f"u{u}" for u in user], "region": np.array(["br", "de", "in"])[region[user]],
        "device": np.array(DEVICES)[user % 2], "event_timestamp": moment.astype("datetime64[us, UTC]"),
        TASK.target: (rng.random(count) < 0.3).astype(np.float32), GAIN: np.float32(0), JUDGED: True,
    })  # fmt: skip
    return frame, values, values[:, :3].mean(axis=1)


@pytest.fixture
def at(settings: Settings, tmp_path: Path) -> Installation:
    """An installation whose live release 7 was judged on rows like those it serves."""
    installation = Installation(
        HOME_FEED, settings.model_copy(update={"replay_from": datetime(2026, 5, 8, tzinfo=UTC)})
    )
    frame, values, scores = rows(0)
    words = {name: frame[name].to_numpy(dtype=object) for name in ("region", "device")}
    users = frame["user_id"].to_numpy()
    reference = Reference.of(values, FEATURES, scores, users=users).with_slices(
        values, scores, parts_of(words), users, frame[TASK.target].to_numpy()
    )
    (tmp_path / REFERENCE).write_bytes(reference.to_json())
    installation.__dict__["registry"] = SimpleNamespace(live=lambda: "7", folder=lambda version: tmp_path)
    return installation


def serve(at: Installation, null_in: str = "") -> None:
    """A day of release 7, as logged and as training makes it; a feature may arrive null in a region."""
    frame, values, scores = rows(1)
    arrived = values.copy()
    arrived[(frame["region"] == null_in).to_numpy(), NULL] = np.nan
    log = frame[["request_id", "video_id", "user_id", "device"]].assign(
        event_time=frame["event_timestamp"], received_at=frame["event_timestamp"], position=1, variant="champion",
        release="7", served_by="full", source=None, propensity=1.0, score=scores, served_features=list(arrived),
    )  # fmt: skip
    at.lake.append("tables/impressions", DAY, pa.Table.from_pandas(log, schema=IMPRESSIONS.schema))
    observed = dataset.dataset_of(frame, values, FEATURES, (), {})
    dataset.save_dataset(at.lake, f"observed-{DAY}", observed)


@pytest.mark.parametrize("region", ["br", "in"])
def test_the_feature_and_the_region_are_named_from_the_serving_log(at: Installation, region: str) -> None:
    serve(at, null_in=region)
    answer = diagnose(at, DAY)
    assert (answer.feature, answer.where, answer.cause) == (FEATURES[NULL], f"region={region}", "serving")
    first, *_ = answer.lines()[1:]
    assert first.strip().startswith(f"{FEATURES[NULL]} in region={region}: null in 100.0% of")


def test_where_nothing_arrives_null_nothing_is_named(at: Installation) -> None:
    serve(at)
    answer = diagnose(at, DAY)
    assert not answer.found, answer.lines()
    assert "nothing found" in answer.lines()[-1]


def test_a_day_that_nobody_looked_at_says_how_to(at: Installation) -> None:
    with pytest.raises(Unavailable, match="flywheel run monitor --day 2026-05-07"):
        diagnose(at, DAY)
