"""A fitted contender read back from the folder it was saved in."""

import json
from pathlib import Path

import numpy as np

from infra.errors import ReleaseMismatch
from infra.manifest import verify
from infra.release_format import TREES, ColumnModel, LinearModel, read_model
from training.contenders import PROBABILITIES, Fitted, FittedBoosted, FittedColumn, FittedLinear


def load_contender(folder: Path) -> Fitted:
    """The model of a release, after its digests have been verified."""
    manifest = verify(folder)
    match manifest.kind:
        case "xgboost":
            import xgboost as xgb

            booster = xgb.Booster(model_file=str(folder / TREES))
            objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
            return FittedBoosted(booster, manifest.features, probabilistic=objective in PROBABILITIES)
        case "linear":
            linear = read_model(folder, LinearModel)
            mean, scale, weights = (np.array(values) for values in (linear.mean, linear.scale, linear.coefficients))
            return FittedLinear(manifest.features, mean, scale, weights, linear.intercept)
        case "column":
            column = read_model(folder, ColumnModel)
            return FittedColumn(column.feature, column.index, column.sign, column.missing == 0.0)
    raise ReleaseMismatch(
        f"release {manifest.version}: kind `{manifest.kind}` is not known to this checkout. Retrain it."
    )
