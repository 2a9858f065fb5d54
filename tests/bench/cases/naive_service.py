"""The obvious stack for one payment: BentoML's JSON API, Feast's SDK on its own Redis store, an XGBoost DMatrix.

It follows the documentation of its parts as `tests.bench.naive.service` does, and imports nothing of this project. In
its favour: its features are stored ready to be used; it counts no last seconds, has no rules, queue, log or token.
"""

import os
from pathlib import Path

os.environ |= {"FEAST_USAGE": "False", "BENTOML_DO_NOT_TRACK": "true"}

import bentoml
from pydantic import BaseModel

FOLDER = Path(os.environ["NAIVE_FOLDER"])


class Decision(BaseModel):
    """What to do about a payment."""

    action: str
    score: float


@bentoml.service(
    name="naive_decide",
    workers=1,
    traffic={"timeout": 30},
    http={"host": "127.0.0.1", "port": int(os.environ["NAIVE_PORT"]), "cors": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"excluded_urls": "/v1/"},
    logging={"access": {"enabled": False}},
)
class NaiveDecide:
    """Decides payments the obvious way."""

    def __init__(self) -> None:
        import xgboost
        from feast import FeatureStore

        self._matrix = xgboost.DMatrix
        self._store = FeatureStore(repo_path=str(FOLDER))
        self._features = self._store.get_feature_service("ranking")
        self._columns = (FOLDER / "columns.txt").read_text().split()
        self._booster = xgboost.Booster(model_file=str(FOLDER / "model.ubj"))
        self._booster.set_param({"nthread": 1})

    @bentoml.api(route="/v1/decide")
    def decide(self, card_id: str, terminal_id: str, amount: float) -> Decision:
        """The action for one payment."""
        row = {"user_id": [card_id], "video_id": [terminal_id]}
        read = self._store.get_online_features(features=self._features, entity_rows=row).to_df()
        read["amount"] = amount
        score = float(self._booster.predict(self._matrix(read[self._columns], nthread=1))[0])
        return Decision(action="review" if amount > 400 else "allow", score=score)
