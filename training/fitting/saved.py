"""A fitted contender read back from the folder it was saved in."""

from pathlib import Path

import msgspec
import numpy as np

from infra.errors import ReleaseMismatch
from infra.manifest import verify
from training.contenders import Fitted, FittedBoosted, FittedColumn, FittedLinear


class _Column(msgspec.Struct):
    feature: str
    index: int
    sign: float
    missing: float


class _Linear(msgspec.Struct):
    mean: list[float]
    scale: list[float]
    coefficients: list[float]
    intercept: float


def load_contender(folder: Path) -> Fitted:
    """The model of a release, after its digests have been verified."""
    manifest = verify(folder)
    match manifest.kind:
        case "xgboost":
            import xgboost as xgb

            return FittedBoosted(xgb.Booster(model_file=str(folder / "model.ubj")), manifest.features)
        case "linear":
            linear = msgspec.json.decode((folder / "model.json").read_bytes(), type=_Linear)
            mean, scale, weights = (np.array(values) for values in (linear.mean, linear.scale, linear.coefficients))
            return FittedLinear(manifest.features, mean, scale, weights, linear.intercept)
        case "column":
            column = msgspec.json.decode((folder / "model.json").read_bytes(), type=_Column)
            return FittedColumn(column.feature, column.index, column.sign, column.missing == 0.0)
    raise ReleaseMismatch(f"release {manifest.version}: kind `{manifest.kind}` is not known here. Retrain it.")
