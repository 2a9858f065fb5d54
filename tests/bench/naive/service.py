"""The obvious stack for the same feed: BentoML's JSON API, Feast's SDK on its own Redis store, an XGBoost DMatrix.

It does the same work: one user, 500 candidates, 40 features, 300 trees of depth 6, the best 20. It imports nothing of
this project, and it follows the documentation of its parts:

- Feast, "online server performance tuning": one feature service; one feature view an entity; the registry is cached
  and refreshed by a thread, every 300 s; entity rows are given as columns; Redis is asked in one pipeline.
  Precomputed vectors (`precompute_online`) need views of one and the same entity; these are of users and of videos.
- BentoML: types in signatures (pydantic reads and writes the JSON), synchronous work in a synchronous method (a thread
  pool), the model loaded once in the constructor, one worker a core; metrics, access log and tracing as in our service.
- XGBoost: a DMatrix of the frame's columns in the model's order, one thread (`nthread=1`): more cost twice the CPU.

In its favour: its candidates come from a list in memory, its features are stored ready to be used, and it filters,
re-ranks, signs and logs nothing.
"""

import os
from pathlib import Path

os.environ |= {"FEAST_USAGE": "False", "BENTOML_DO_NOT_TRACK": "true"}

import bentoml
import numpy as np
from pydantic import BaseModel

FOLDER = Path(os.environ["NAIVE_FOLDER"])
CANDIDATES = int(os.environ["NAIVE_CANDIDATES"])


class Item(BaseModel):
    """One video of a page."""

    video_id: str
    position: int


class Page(BaseModel):
    """The videos to be shown, from the top; `scored` says of how many candidates they are the best."""

    items: list[Item]
    scored: int


@bentoml.service(
    name="naive_feed",
    workers=1,
    traffic={"timeout": 30},
    http={"host": "127.0.0.1", "port": int(os.environ["NAIVE_PORT"]), "cors": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"excluded_urls": "/v1/"},
    logging={"access": {"enabled": False}},
)
class NaiveFeed:
    """Ranks a home feed the obvious way."""

    def __init__(self) -> None:
        import xgboost  # here, so that the process which only watches over the worker starts in half the time
        from feast import FeatureStore

        self._matrix = xgboost.DMatrix
        self._store = FeatureStore(repo_path=str(FOLDER))
        self._features = self._store.get_feature_service("ranking")
        self._columns = (FOLDER / "columns.txt").read_text().split()
        self._videos = (FOLDER / "videos.txt").read_text().split()
        self._booster = xgboost.Booster(model_file=str(FOLDER / "model.ubj"))
        self._booster.set_param({"nthread": 1})

    @bentoml.api(route="/v1/feed")
    def feed(self, user_id: str, limit: int = 20) -> Page:
        """The best of one user's candidates."""
        start = hash(user_id) % (len(self._videos) - CANDIDATES + 1)
        candidates = self._videos[start : start + CANDIDATES]
        rows = {"user_id": [user_id] * len(candidates), "video_id": candidates}
        rows_read = self._store.get_online_features(features=self._features, entity_rows=rows).to_df()
        scores = self._booster.predict(self._matrix(rows_read[self._columns], nthread=1))
        best = np.argsort(-scores)[:limit]
        items = [Item(video_id=candidates[i], position=place) for place, i in enumerate(best, 1)]
        return Page(items=items, scored=len(scores))
